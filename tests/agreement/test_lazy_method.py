"""`solve(..., "lazy")` against simulations of growing width."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import LearningRateWarning, RegimeError
from fatheory.initial import draw_initial_state
from fatheory.theory.wide.lazy_steps import lazy_steps
from fatheory.theory.wide.network_kernel import network_kernel
from fatheory.theory.wide.unit_function import unit_function


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


def test_direct_feedback_moves_outputs_by_two_terms():
    """Feedback that is the readout's own start adds what the last hidden layer learns."""
    start = draw_initial_state(experiment(400, rules(400)).with_settings({"seeds": 1}), 0)
    X, function = start.samples.inputs, unit_function("tanh")
    common = (X, X, start.weights)
    none = network_kernel(*common, [None, None], function)
    last = network_kernel(*common, [None, start.weights[2]], function)
    backprop = network_kernel(*common, list(start.weights[1:]), function)
    first = backprop - last
    assert np.linalg.eigvalsh(last - none)[0] > 0
    assert np.linalg.eigvalsh(first)[0] > 0
    direct = fa.solve(
        experiment(400, {"direct_feedback_alignment": {"learning_rate": 0.005, "scale": 0.05}}),
        "lazy",
    )
    shallow = fa.solve(experiment(400, {"shallow": 0.005}), "lazy")
    # Random feedback is nearly uncorrelated with the readout, and no further layer meets it.
    assert direct["loss"].values == pytest.approx(shallow["loss"].values, rel=0.1)
    assert not np.array_equal(direct["loss"].values, shallow["loss"].values)


@pytest.mark.parametrize("few", [True, False])
def test_steps_are_those_of_a_literal_loop(few):
    rng = np.random.default_rng(3)
    points, last = 12, 40 if few else 400
    A = rng.normal(size=(points, points + 4))
    K, Ks = A @ A.T / 16, rng.normal(size=(3, points))
    e, f = rng.normal(size=(points, 2)), np.zeros((3, 2))
    first = e.copy()
    for _ in range(last):
        e, f = e - 0.1 * K @ e, f + 0.1 * Ks @ e
    steps = np.array([0, last])
    errors, changes = lazy_steps(K, first, 0.1, steps, Ks)
    assert np.array_equal(errors[0], first) or errors[0] == pytest.approx(first, abs=1e-12)
    assert errors[1] == pytest.approx(e, abs=1e-12)
    assert changes[0] == pytest.approx(np.zeros((3, 2)), abs=1e-14)
    assert changes[1] == pytest.approx(f, abs=1e-11)


def test_images_that_were_not_learned_from_are_answered_as_networks_do():
    width = 512
    asked = fa.Experiment(
        task=fa.ImageTask(dataset="synthetic-digits", limit=40, evaluation_limit=60),
        network=fa.DenseNetwork(
            hidden=(width, width), activation="relu", start=fa.Scaled(gain=2**0.5)
        ),
        rules={
            "backprop": 0.002,
            "rndf": {"learning_rate": 0.004, "std": (2 / width) ** 0.5},
            "direct_feedback_alignment": {"learning_rate": 0.004, "scale": 0.1},
        },
        schedule=fa.Schedule(phases=(fa.Phase(steps=30),), batch_size=40),
        record=fa.Record(quantities=("classification_error",), snapshots=4),
        seeds=2,
        precision="float64",
    )
    theory, simulation = fa.solve(asked, "lazy"), fa.simulate(asked, progress=False)
    fallen = 1 - simulation["loss"].isel(step=-1) / simulation["loss"].isel(step=0)
    assert float(fallen.min()) > 0.3
    off = (theory["loss"] - simulation["loss"]) / simulation["loss"].isel(step=0)
    assert float(np.abs(off).max()) < 0.05
    assert theory["classification_error"].isel(step=0).values == pytest.approx(
        simulation["classification_error"].isel(step=0).values
    )
    apart = theory["classification_error"] - simulation["classification_error"]
    assert float(np.abs(apart).mean()) < 5


@pytest.mark.parametrize("samples", [12, 320])
def test_a_rate_that_is_too_large_is_told_before_errors_have_grown(samples):
    """By the largest stable one: just below it learning ends, just above it errors grow."""
    settings = {"task.samples": samples, "schedule.batch_size": samples, "seeds": 2}
    asked = experiment(64, {"backprop": 1e-4}, steps=100).with_settings(settings)
    with pytest.warns(LearningRateWarning, match=r"largest stable rate .* is (\S+)") as told:
        fa.solve(experiment(64, {"backprop": 3.0}, steps=2).with_settings(settings), "lazy")
    stable = float(str(told[0].message).rsplit(" ", 1)[1])
    below = fa.solve(asked.with_settings({"rules.backprop.learning_rate": 0.98 * stable}), "lazy")
    assert (below["loss"].isel(step=-1) < below["loss"].isel(step=0)).all()
    above = asked.with_settings({"rules.backprop.learning_rate": 1.02 * stable})
    with pytest.warns(LearningRateWarning, match=r"rules.backprop: at the learning rate .* seeds"):
        grown = fa.solve(above, "lazy")
    assert (grown["loss"].isel(step=-1) > 10 * grown["loss"].isel(step=0)).any()


def test_errors_that_have_left_every_bound_have_diverged():
    """As in simulation: nothing is told of later steps, and the archive says since when."""
    asked = experiment(64, {"backprop": 3.0}, steps=60)
    with pytest.warns(LearningRateWarning), pytest.warns(fa.errors.DivergedWarning):
        answer = fa.solve(asked, "lazy")
    assert answer["diverged"].all()
    since = answer["diverged_at"].min().item()
    assert 0 < since <= 60
    assert np.isfinite(answer["loss"].sel(step=0)).all()
    assert np.isnan(answer["loss"].isel(step=-1)).all()
    known = answer["loss"].values[np.isfinite(answer["loss"].values)]
    assert known.max() < 1e16


def test_feedback_against_the_weights_has_no_stable_rate_and_that_is_told():
    """Errors grow at every rate, and a smaller one is no cure."""
    size = 64**-0.5
    against = {"rule": "rndf", "std": size, "initial_concordance": 0.0}
    asked = experiment(64, {"against": against | {"learning_rate": 0.1}}, "relu", steps=60)
    asked = asked.with_settings({"seeds": 2})
    with pytest.warns(LearningRateWarning, match=r"no rate is stable .* grown (\S+)-fold") as told:
        fa.solve(asked, "lazy")
    assert float(str(told[0].message).rsplit(" ", 1)[1].removesuffix("-fold")) > 1.1
    with pytest.warns(LearningRateWarning, match="no rate is stable"):
        fa.solve(asked.with_settings({"rules.against.learning_rate": 0.05}), "lazy")
