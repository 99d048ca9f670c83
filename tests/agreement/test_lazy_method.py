"""`solve(..., "lazy")` against simulations of growing width."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import RegimeError


def experiment(width, rules, activation="tanh", layers=2, steps=24):
    return fa.Experiment(
        task=fa.TeacherTask(inputs=8, outputs=2, hidden=(6,), samples=12),
        network=fa.DenseNetwork(
            hidden=(width,) * layers, activation=activation, start=fa.Scaled(gain=1.0)
        ),
        rules=rules,
        schedule=fa.Schedule(phases=(fa.Phase(steps=steps),), batch_size=12),
        record=fa.Record(quantities=(), snapshots=9),
        seeds=12,
        precision="float64",
    )


def rules(width):
    """Feedback of the size of the weights, and rates with which all widths learn alike fast."""
    std = width**-0.5
    rate = 2.0 / width
    return {
        "backprop": rate,
        "rndf": {"learning_rate": rate, "std": std},
        "usf": {"learning_rate": rate, "scale": std},
    }


def test_networks_approach_it_with_width():
    widths, off = np.array([32, 128, 512]), []
    for width in widths:
        asked = experiment(width, rules(width))
        theory, simulation = fa.solve(asked, "lazy"), fa.simulate(asked)
        assert theory["loss"].isel(step=0).values == pytest.approx(
            simulation["loss"].isel(step=0).values, rel=1e-10
        )
        residual = (theory["loss"] - simulation["loss"]) / simulation["loss"].isel(step=0)
        off.append(np.sqrt((residual**2).mean(("seed", "step"))).values)
    slopes = np.polyfit(np.log(widths), np.log(off), 1)[0]
    assert slopes == pytest.approx(-0.5, abs=0.25)
    assert np.max(off[-1]) < 0.05


def test_what_it_does_not_know_is_refused():
    good = experiment(32, {"backprop": 0.01})
    for settings, message in (
        ({"task.samples": 0}, "give task.samples"),
        ({"schedule.batch_size": 4}, "set schedule.batch_size to 12"),
        ({"network.biases": {"law": "uniform", "bound": 0.1}}, "biases"),
        ({"update.momentum": 0.9}, "momentum"),
        ({"rules.backprop.rule": "node_perturbation"}, "use a layered rule"),
    ):
        with pytest.raises(RegimeError, match=message):
            fa.solve(good.with_settings(settings), "lazy")


def test_quantities_that_stand_still_are_absent_with_the_reason():
    asked = experiment(16, {"backprop": 0.01}).with_settings(
        {"record.quantities": ["weight_angle"]}
    )
    theory = fa.solve(asked, "lazy")
    assert "weight_angle" not in theory
    assert "stand still" in theory.attrs["absent_quantities"]
