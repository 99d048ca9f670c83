"""Rules of a convolutional network that train in one program, against each of them alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory import Experiment, simulate
from fatheory.initial import draw_initial_state
from fatheory.networks import Architecture
from fatheory.train.group import Group
from fatheory.train.observe import _in_portions

RULES = {
    "backprop": 0.05,
    "brsf": {"learning_rate": 0.02, "concordance": 0.8},
    "frsf": 0.02,
    "usf at the top": {
        "rule": "frsf",
        "learning_rate": 0.02,
        "layers": {"last": {"rule": "usf"}},
    },
}


def asked(**changes):
    described = {
        "task": {
            "kind": "images",
            "dataset": "synthetic-digits",
            "limit": 60,
            "evaluation_limit": 50,
        },
        "network": {
            "kind": "convolutional",
            "blocks": [
                {"channels": 2, "kernel": 3},
                {"channels": 3, "kernel": 3, "pool": None},
            ],
            "hidden": [],
            "dropout": 0.2,
        },
        "rules": RULES,
        "schedule": {
            "phases": [{"steps": 12}, {"steps": 4, "frozen": [1]}],
            "batch_size": 6,
            "decay": {"kind": "cosine", "floor": 0.1, "warmup": 2},
        },
        "update": {"momentum": 0.5},
        "record": {"steps": [5, 9]},
        "seeds": (0, 1, 5),
        "precision": "float64",
    }
    return Experiment(**(described | changes))


@pytest.fixture(scope="module")
def run():
    return simulate(asked())


def assert_equal(ours, theirs, tolerance):
    for name in ("kernel_1", "kernel_2", "weight_3", "bias_3", "loss"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=tolerance)


def test_rules_that_draw_or_not_share_one_program_and_others_have_their_own():
    rules = RULES | {"kolen_pollack": 0.1, "direct_feedback_alignment": 0.1, "shallow": 0.1}
    experiment = asked(rules=rules, precision="float32")
    starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
    groups = Group.all_of(experiment, starts)
    assert sorted(group.members for group in groups) == [(0, 1, 2, 3, 6), (4,), (5,)]
    net = Architecture.of(experiment.network, experiment.image_shape)
    assert all(group._learner.architecture == net for group in groups)


@pytest.mark.parametrize(
    ("label", "seeds"),
    [("brsf", [5]), pytest.param("usf at the top", [0, 1, 5], marks=pytest.mark.slow)],
)
def test_alone_is_as_among_others(run, label, seeds):
    alone = simulate(asked(rules={label: RULES[label]}, seeds=seeds))
    assert_equal(alone, run.sel(rule=[label], seed=seeds), 1e-12)
    assert np.abs(run.kernel_1.sel(rule=label) - run.kernel_1.sel(rule="frsf")).max() > 1e-3


def test_side_by_side_as_on_an_accelerator_is_as_in_turn(run, monkeypatch):
    """Elsewhere than on a CPU runs advance together, by XLA's own convolution."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert_equal(simulate(asked()), run, 1e-12)


def test_twice_is_bit_identical(run):
    again = simulate(asked())
    assert list(again.variables) == list(run.variables)
    for name in run.variables:
        np.testing.assert_array_equal(again[name], run[name])


def test_snapshots_in_between_change_nothing(run):
    """The learning rate falls by the step of the run, not of the steps between snapshots."""
    whole = simulate(asked(record={"snapshots": 2}))
    for name in ("kernel_1", "kernel_2", "weight_3", "loss"):
        np.testing.assert_array_equal(whole[name], run[name].sel(step=whole.step))
    np.testing.assert_array_equal(whole.weighted_step, run.weighted_step.sel(step=whole.step))


def test_time_is_the_sum_of_the_learning_rates(run):
    k = np.arange(16)
    factors = (0.1 + 0.9 * (1 + np.cos(np.pi * k / 16)) / 2) * np.minimum(1, (k + 1) / 3)
    expected = np.concatenate([[0], np.cumsum(factors)])[run.step]
    np.testing.assert_allclose(run.weighted_step, expected, rtol=1e-13)
    np.testing.assert_allclose(run.time, run.learning_rate * run.weighted_step, rtol=1e-15)


@pytest.mark.parametrize("size", [None, 1, 3, 7, 20])
def test_images_are_evaluated_in_portions_of_any_size(size):
    x, target = jnp.arange(14.0).reshape(7, 2), jnp.arange(7.0)
    seen = []

    def measure(part):
        seen.append(part[0].shape)
        return part[0].sum(axis=1) * part[1], part[1]

    product, same = _in_portions(measure, (x, target), size)
    np.testing.assert_array_equal(product, x.sum(axis=1) * target)
    np.testing.assert_array_equal(same, target)
    assert max(shape[0] for shape in seen) <= (size or 7)
