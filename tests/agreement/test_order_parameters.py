"""Simulated teacher-student and linear runs against their order parameters, from the same draws."""

import json

import numpy as np
import pytest

from fatheory import Experiment, simulate, solve
from fatheory.errors import RegimeError
from fatheory.initial import draw_initial_state
from fatheory.theory import order_parameters
from fatheory.theory.order_parameters.mapping import overlaps_of


def teacher(n_i, activation="erf", sigma=1.0, law="normal", rate=0.5, **changed):
    """Describe three students and two teachers at a learning rate of `rate` per n_i steps."""
    size = {"normal": {"std": sigma}, "uniform": {"bound": sigma * np.sqrt(3)}}[law]
    asked = {
        "task": {
            "kind": "teacher",
            "inputs": n_i,
            "outputs": 2,
            "hidden": [2],
            "activation": activation,
            "weights": {"distribution": "scaled", "gain": 1.0},
            "input": {"distribution": law, **size},
            "noise": 0.1,
        },
        "network": {
            "hidden": [3],
            "activation": activation,
            "start": {"distribution": "scaled", "gain": 0.5},
        },
        "rules": {
            name: {"rule": name, "learning_rate": rate / n_i}
            for name in ("backprop", "feedback_alignment", "usf", "kolen_pollack")
        },
        "schedule": {"phases": [{"steps": 4 * n_i}]},
        "record": {
            "snapshots": 5,
            "spacing": "linear",
            "probe_samples": 2000,
            "quantities": ["delta_angle_flattened", "weight_angle", "weight_norm", "delta_angle"],
        },
        "seeds": list(range(8)),
        "precision": "float64",
    }
    return Experiment(**{**asked, **changed})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "sigma", "law"), [("erf", 1.3, "normal"), ("relu", 0.8, "uniform")]
)
def test_simulation_follows_the_order_parameters(activation, sigma, law):
    """The rates and overlaps are mapped right, whatever the variance and the law of the input."""
    experiment = teacher(200, activation, sigma, law)
    theory, runs = solve(experiment, "order_parameters"), simulate(experiment)
    assert theory.attrs["source"] == "theory/order_parameters"
    for name, size in (("loss", 0.08), ("weight_norm", 0.05)):
        ratio = runs[name] / theory[name]
        np.testing.assert_allclose(ratio.isel(step=0), 1, atol=0.1)
        # The mean over seeds; single ones scatter by n_i^(-1/2).
        assert (abs(ratio.mean("seed") - 1) < size).all(), ratio.mean("seed").values
        assert (ratio.std("seed") < 0.35).all()
    for name in ("weight_angle", "delta_angle_flattened"):
        off = (runs[name] - theory[name]).mean("seed")
        assert (abs(off).fillna(0.0) < 4).all()
    fallen = theory["loss"].isel(step=-1) / theory["loss"].isel(step=0)
    assert (fallen.mean("seed") < 0.9).all()  # it learned


@pytest.mark.slow
def test_linear_tasks_are_linear_teachers():
    experiment = teacher(100).with_settings(
        {
            "task": {
                "kind": "linear",
                "inputs": 100,
                "outputs": 3,
                "target": {"distribution": "scaled"},
            },
            "network.activation": "linear",
        }
    )
    theory, runs = solve(experiment, "order_parameters"), simulate(experiment)
    ratio = (runs["loss"] / theory["loss"]).mean("seed")
    assert (abs(ratio - 1) < 0.15).all(), ratio.values


def test_the_method_is_the_function_on_mapped_overlaps():
    experiment = teacher(50, sigma=2.0, seeds=[3])
    start = draw_initial_state(experiment, 3)
    label, choice = "feedback_alignment", dict(experiment.rules)["feedback_alignment"]
    mapped = overlaps_of(start, label, choice)
    W0, W = start.weights
    A0, A = start.problem.weights
    assert mapped.problem.eta == pytest.approx(4 * 0.5)
    assert mapped.problem.eta_readout == pytest.approx(0.5)
    direct = order_parameters(
        4 * W0 @ W0.T, 4 * W0 @ A0.T, 4 * A0 @ A0.T, W, A, activation="erf",
        B=start.states[label][1].T, learning_rate=2.0, readout_rate=0.5, noise=0.1,
        times=np.arange(5.0),
    )  # fmt: skip
    solved = solve(experiment, "order_parameters")
    answer = solved.sel(rule=label, seed=3)
    np.testing.assert_allclose(answer["loss"], direct["generalization_error"], rtol=1e-10)
    np.testing.assert_allclose(answer["weight_angle"].isel(layer=1), direct["weight_angle"])
    absent = json.loads(solved.attrs["absent_quantities"])
    assert set(absent) == {"delta_angle"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"network.hidden": [3, 3]}, "of two-layer networks; this one has 3"),
        ({"network.activation": "relu"}, "the teacher's units are 'erf' and the network's 'relu'"),
        ({"task.hidden": [2, 2]}, "the teacher has 2 hidden layers"),
        ({"task.samples": 100}, "task.samples is 100"),
        ({"schedule.batch_size": 5}, "schedule.batch_size is 5"),
        ({"update.momentum": 0.5}, "momentum"),
        ({"rules.feedback_alignment.rule": "brsf"}, "no dynamics of order parameters"),
        ({"task.hidden": [60]}, r"more units \(60\) than inputs \(50\)"),
        (
            {"task": {"kind": "linear", "inputs": 50, "outputs": 2, "spectrum_decay": 1.0}},
            "task.spectrum_decay is 1.0",
        ),
    ],
)
def test_what_is_outside_is_said(settings, said):
    with pytest.raises(RegimeError, match=said):
        solve(teacher(50).with_settings(settings), "order_parameters")
