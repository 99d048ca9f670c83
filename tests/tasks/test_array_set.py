"""Arrays of one's own: one form, one digest, and what is refused."""

import numpy as np
import pytest

from fatheory.errors import ArrayError
from fatheory.tasks.array_set import array_set

X = np.random.default_rng(0).normal(size=(10, 4))
LABELS = np.arange(10) % 3


def test_classes_become_one_hot_and_real_targets_stay():
    held = array_set(X, LABELS)
    assert held.of_classes
    np.testing.assert_array_equal(held.targets.argmax(axis=1), LABELS)
    np.testing.assert_array_equal(held.targets.sum(axis=1), 1)
    real = array_set(X, LABELS.astype(float))
    assert not real.of_classes
    np.testing.assert_array_equal(real.targets[:, 0], LABELS)


def test_a_fraction_is_held_out_and_nothing_is_lost_or_seen_twice():
    held = array_set(X, X[:, :2], validation=0.3)
    assert held.inputs.shape == (7, 4)
    assert held.held_out_inputs.shape == (3, 4)
    both = np.concatenate([held.inputs, held.held_out_inputs])
    assert sorted(map(tuple, both)) == sorted(map(tuple, X))
    np.testing.assert_array_equal(held.held_out_targets, held.held_out_inputs[:, :2])


def test_the_digest_is_of_the_content_and_of_nothing_else():
    first = array_set(X, LABELS).digest
    assert array_set(X.copy(order="F"), LABELS.tolist()).digest == first
    turned = X.copy()
    turned[[0, 3]] = turned[[3, 0]]
    other = [
        array_set(turned, LABELS),
        array_set(X, LABELS, classes=4),
        array_set(X, LABELS, validation=0.2),
        array_set(X.reshape(10, 2, 2), LABELS),
        array_set(X, np.roll(LABELS, 1)),
    ]
    assert len({first, *(one.digest for one in other)}) == 6
    zeros = np.zeros((2, 2))
    assert array_set(zeros, [0, 1]).digest == array_set(-zeros, [0, 1]).digest


def test_later_changes_of_the_arrays_do_not_reach_the_task():
    own = X.copy()
    held = array_set(own, LABELS)
    own[:] = 0
    np.testing.assert_array_equal(held.inputs, X)
    with pytest.raises(ValueError, match="read-only"):
        held.inputs[0] = 0


def test_images_are_rows_with_a_shape():
    held = array_set(np.arange(24.0).reshape(2, 3, 4), [0, 1])
    assert held.shape == (3, 4, 1)
    assert held.inputs.shape == (2, 12)
    assert array_set(np.zeros((2, 5, 5, 3), np.uint8), [0, 1]).inputs.dtype == np.float32


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputs": np.where(X > 1, np.nan, X)}, "inputs must be finite"),
        ({"targets": np.full(10, np.inf)}, "targets must be finite"),
        ({"inputs": X.astype(complex)}, "complex numbers"),
        ({"inputs": np.array([[object()] * 4] * 10)}, "objects that are not real numbers"),
        ({"inputs": X[:, 0]}, r"inputs must have the shape \(example, n_i\).*got \(10,\)"),
        ({"inputs": np.zeros((10, 3, 8, 8))}, "colours last"),
        ({"targets": LABELS[:9]}, r"there are 10 inputs; got \(9,\)"),
        ({"targets": LABELS.astype(str)}, "return_inverse"),
        ({"targets": LABELS - 1}, "classes from 0 to 1.*got -1"),
        ({"targets": LABELS // 2 - 1}, "from 0 to 1; got -1: number them by numpy.unique"),
        ({"classes": 2}, "classes from 0 to 1, for there are 2; got 2.*classes=3"),
        ({"targets": np.zeros(10, int)}, "two classes at least"),
        ({"targets": np.arange(10) * 10**9}, "more than there are examples"),
        ({"targets": X, "classes": 3}, "classes=3 goes with targets that are whole numbers"),
        ({"validation": 1.5}, "fraction between 0 and 1"),
        ({"validation": 0.01}, "leaves examples on both sides"),
        ({"validation": True}, "fraction between 0 and 1"),
        ({"validation": (X[:, :3], LABELS)}, r"shape \(4,\) each, as inputs; got \(3,\)"),
        ({"validation": (X, X)}, "must be what targets are"),
        ({"validation": (X, LABELS, 1)}, "got 3 parts"),
    ],
)
def test_what_is_unfit_is_named(given, words):
    with pytest.raises(ArrayError, match=words):
        array_set(**({"inputs": X, "targets": LABELS} | given))
