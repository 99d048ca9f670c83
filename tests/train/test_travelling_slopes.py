"""Where it cannot matter whether slopes are transmitted, and where it does."""

import numpy as np
import pytest

import fatheory as fa

BOTH = {
    slopes: {"rule": "feedback_alignment", "learning_rate": 0.02, "slopes": slopes}
    for slopes in ("transmitted", "local")
}


def simulated(rules=BOTH, hidden=(5,), **network):
    return fa.simulate(
        fa.Experiment(
            task=fa.TeacherTask(inputs=6, outputs=3, hidden=(4,)),
            network=fa.DenseNetwork(hidden=hidden, start=fa.Normal(std=0.5), **network),
            rules=rules,
            schedule=fa.Schedule(phases=(fa.Phase(steps=100),)),
            record=fa.Record(quantities=("weights", "delta_angle"), snapshots=3),
            seeds=2,
            precision="float64",
        )
    )


@pytest.mark.parametrize(
    ("hidden", "activation", "output", "same"),
    [
        pytest.param((5,), "tanh", "linear", True, marks=pytest.mark.slow),
        ((5, 4), "linear", "linear", True),
        pytest.param((5,), "tanh", "sigmoid", False, marks=pytest.mark.slow),
        ((5, 4), "tanh", "linear", False),
    ],
)
def test_slopes_matter_where_signals_pass_units_that_bend(hidden, activation, output, same):
    archive = simulated(hidden=hidden, activation=activation, output=output)
    for layer in range(1, len(hidden) + 2):
        W = archive[f"weight_{layer}"]
        apart = float(abs(W.sel(rule="local") - W.sel(rule="transmitted")).max())
        assert (apart < 1e-13) == same


def test_weights_without_slopes_are_no_backprop_but_backprop_is_at_no_angle_to_itself():
    """The reference of angles is backprop with its slopes, whatever way the rule takes."""
    rules = {
        slopes: {"rule": "backprop", "learning_rate": 0.02, "slopes": slopes} for slopes in BOTH
    }
    archive = simulated(rules, activation="tanh", output="sigmoid")
    first = archive.delta_angle.sel(layer=1)
    assert float(abs(first.sel(rule="transmitted")).max()) < 1e-6
    assert float(first.sel(rule="local").min()) > 0.1


def test_two_layers_of_direct_feedback_alignment_are_feedback_alignment_either_way():
    direct = {
        f"direct, {slopes}": choice | {"rule": "direct_feedback_alignment"}
        for slopes, choice in BOTH.items()
    }
    archive = simulated(BOTH | direct, activation="tanh", output="sigmoid")
    for layer in (1, 2):
        W = archive[f"weight_{layer}"]
        for slopes in BOTH:
            ours, theirs = W.sel(rule=f"direct, {slopes}"), W.sel(rule=slopes)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)
