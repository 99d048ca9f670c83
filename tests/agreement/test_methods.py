"""Every method of `solve` against the flow, and the reduced updates against training itself."""

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import RegimeError

ONLINE = fa.Experiment(
    task=fa.LinearTask(inputs=6, outputs=4, noise=0.1),
    network=fa.DenseNetwork(hidden=(9,), start=fa.Uniform(bound=0.2)),
    rules={"feedback_alignment": 0.01, "rndf": 0.02, "orthogonal_feedback": 0.01},
    schedule=fa.Schedule(phases=(fa.Phase(steps=600),)),
    record=fa.Record(snapshots=7),
    precision="float64",
    seeds=2,
)


def worst(theory, other):
    return float(fa.compare(theory, other)["relative_error"].max())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"task.spectrum_decay": 1.0, "schedule.batch_size": 5},
        {"task.samples": 20, "schedule.batch_size": 4, "task.noise": 0.0},
        # Wide enough for training to go block by block, across blocks and with a part of one.
        {"task.inputs": 140, "rules": {"feedback_alignment": 0.002, "rndf": 0.003}},
    ],
    ids=["online", "coloured batches", "finite samples", "blocks of online examples"],
)
def test_reduced_updates_are_those_of_training(settings):
    asked = ONLINE.with_settings(settings)
    assert worst(fa.solve(asked, "reduced_sgd"), fa.simulate(asked)) < 1e-12


def test_the_reduced_flow_is_the_flow():
    asked = ONLINE.with_settings({"task.spectrum_decay": 1.0})
    assert worst(fa.solve(asked, "reduced"), fa.solve(asked, "flow")) < 1e-9


def test_the_closed_form_is_the_flow():
    asked = ONLINE.with_settings(
        {"network.start.bound": 0, "rules": {"orthogonal_feedback": 0.01}, "task.noise": 0}
    )
    closed, flow = fa.solve(asked, "closed_form"), fa.solve(asked, "flow")
    assert worst(closed, flow) < 1e-9
    np.testing.assert_array_equal(closed["weight_1"].isel(step=0), 0)


PHASES = [
    {"steps": 150, "frozen": [2]},
    {"steps": 150, "frozen": [1]},
    {"steps": 300, "frozen": [2]},
]


def test_phases_in_closed_form_are_the_flow():
    asked = ONLINE.with_settings(
        {
            "schedule.phases": PHASES,
            "task.spectrum_decay": 1.0,
            "rules": {"feedback_alignment": 0.01, "backprop": 0.01, "brsf": 0.01, "shallow": 0.02},
        }
    )
    assert worst(fa.solve(asked, "phases"), fa.solve(asked, "flow")) < 1e-9


def test_shallow_learning_in_closed_form_is_the_flow():
    asked = ONLINE.with_settings({"rules": {"shallow": 0.02}})
    assert worst(fa.solve(asked, "phases"), fa.solve(asked, "flow")) < 1e-9


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("closed_form", {}, "B\\^T B"),
        ("closed_form", {"rules": {"orthogonal_feedback": 0.01}}, "start"),
        ("reduced", {"rules": {"backprop": 0.01}}, "fixed feedback.*'backprop'"),
        ("reduced_sgd", {"update.momentum": 0.5}, "momentum 0.5"),
        ("reduced_sgd", {"update.weight_decay": 0.1}, "weight decay 0.1: set both to 0"),
        ("phases", {}, "layer"),
        ("phases", {"network.hidden": [5, 5]}, "two-layer networks; this one has 3"),
        ("closed_form", {"network.hidden": [5, 5]}, "two-layer networks; this one has 3"),
        ("reduced", {"schedule.phases": [{"steps": 9, "frozen": [1]}]}, "frozen"),
    ],
)
def test_a_method_refuses_what_it_does_not_cover(method, settings, words):
    with pytest.raises(RegimeError, match=words):
        fa.solve(ONLINE.with_settings(settings), method)
