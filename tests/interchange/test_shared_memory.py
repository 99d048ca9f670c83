"""Weights of two steps that are one array are refused: all steps would show the last weights."""

import re

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import ArrayError


def brought(weights, **given):
    return fa.interchange.from_arrays(weights, learning_rate=0.1, activation="tanh", **given)


class Tensor:
    """What lies in memory that the network goes on changing, as PyTorch's tensors do."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    def numpy(self):
        return self.values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def net(wrap=lambda array: array):
    rng = np.random.default_rng(0)
    arrays = {"0.weight": rng.normal(size=(4, 3)), "2.weight": rng.normal(size=(2, 4))}
    return arrays, lambda: {name: wrap(array) for name, array in arrays.items()}


@pytest.mark.parametrize("wrap", [lambda array: array, lambda array: array[:], Tensor])
def test_a_state_dict_kept_without_a_copy_is_refused(wrap):
    arrays, state_dict = net(wrap)
    kept = {}
    for step in (0, 10, 20):
        kept[step] = state_dict()
        for array in arrays.values():
            array *= 1.1
    words = "[0] and weights['feedback_alignment', 0][10] are the same memory"
    with pytest.raises(ArrayError, match=re.escape(words)) as refused:
        brought(kept)
    assert ".clone()" in str(refused.value)
    assert ".copy()" in str(refused.value)


def test_a_layer_that_does_not_learn_may_be_kept_once():
    rng = np.random.default_rng(0)
    fixed = rng.normal(size=(2, 4))
    archive = brought({step: [rng.normal(size=(4, 3)), fixed] for step in (0, 5)})
    assert (archive["weight_2"].values == fixed).all()


def test_lists_of_the_same_arrays_are_refused_unless_nothing_can_change_them():
    arrays, _ = net()
    kept = {step: list(arrays.values()) for step in (0, 5)}
    with pytest.raises(ArrayError, match="same memory"):
        brought(kept)
    for array in arrays.values():
        array.flags.writeable = False
    assert (brought(kept)["weight_1"].values == arrays["0.weight"]).all()


def test_copies_pass_constant_ones_too_and_feedback_may_be_shared():
    arrays, state_dict = net()
    kept = {step: {k: W.copy() for k, W in state_dict().items()} for step in (0, 10)}
    archive = brought(kept, feedback={2: arrays["2.weight"].T})
    assert (archive["weight_1"].isel(step=0) == archive["weight_1"].isel(step=1)).all()


def test_steps_of_one_large_array_pass():
    history = np.random.default_rng(0).normal(size=(3, 4, 3))
    top = np.random.default_rng(1).normal(size=(3, 2, 4))
    archive = brought({step: [history[step], top[step]] for step in range(3)})
    np.testing.assert_array_equal(archive["weight_1"].values[0, 0], history)
