"""Every rule trained by the package against a loop that spells the rule out."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from literal_loop import literal_run

from fatheory import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Normal,
    Phase,
    Record,
    Schedule,
    Uniform,
    Update,
    simulate,
)
from fatheory.geometry import angle, sign_concordance

RULES = {
    "backprop": 0.03,
    "feedback_alignment": 0.03,
    "shallow": 0.03,
    "node_perturbation": {"learning_rate": 0.003, "perturbation": 0.02},
    "usf": {"learning_rate": 0.02, "scale": 0.8},
    "frsf": {"learning_rate": 0.02, "scale": 0.9},
    "frsf 75 %": {"rule": "frsf", "learning_rate": 0.02, "concordance": 0.75},
    "brsf": {"learning_rate": 0.02, "scale": 1.2, "concordance": 0.9},
    "rndf": {"learning_rate": 0.03, "std": 0.3},
    "pseudobackprop": 0.02,
}
SEEDS = (0, 3)


def experiment(task, hidden, activation="linear", batch=1, phases=((150, ()),), **update):
    return Experiment(
        task=LinearTask(inputs=6, outputs=3, **task),
        network=DenseNetwork(hidden=hidden, activation=activation, start=Normal(std=0.4)),
        rules=RULES,
        schedule=Schedule(
            phases=tuple(Phase(steps=n, frozen=frozen) for n, frozen in phases), batch_size=batch
        ),
        update=Update(**update),
        record=Record(
            quantities=(
                "weights",
                "teaching_signals",
                "delta_angle",
                "delta_angle_flattened",
                "weight_angle",
                "sign_concordance",
            ),
            snapshots=4,
            probe_samples=7,
        ),
        seeds=SEEDS,
        root_seed=11,
        precision="float64",
    )


# Between them: both depths of the theory and one more, every activation, online and finite
# samples, one example to the full batch, every part of the update, a run across two blocks of
# examples, and frozen layers with a memory that starts anew.
EXPERIMENTS = {
    "online, one by one": experiment({"noise": 0.1}, (5,), phases=((300, ()),)),
    "online, tanh, depth 3, momentum and decay": experiment(
        {"spectrum_decay": 0.7}, (5, 4), "tanh", 3, momentum=0.6, weight_decay=0.05
    ),
    "mini-batches with a remainder, sigmoid, momentum": experiment(
        {"samples": 13, "noise": 0.3}, (5,), "sigmoid", 4, momentum=0.8
    ),
    "full batch, relu, depth 3, decay": experiment(
        {"samples": 8, "spectrum_decay": 1.0}, (6, 5), "relu", 8, weight_decay=0.2
    ),
    "frozen layers, erf, depth 3, momentum": experiment(
        {"target": Uniform(bound=0.5)},
        (4, 5),
        "erf",
        2,
        ((40, (1,)), (50, (2, 3)), (60, ())),
        momentum=0.5,
    ),
    "full batch, linear, depth 4": experiment({"samples": 9}, (5, 4, 6), batch=9),
}


class Case(NamedTuple):
    experiment: Experiment
    archive: xr.Dataset
    literal: object


@pytest.fixture(scope="module", params=EXPERIMENTS)
def case(request):
    chosen = EXPERIMENTS[request.param]
    return Case(
        chosen, simulate(chosen), cache(lambda seed, label: literal_run(chosen, seed, label))
    )


def deviation(ours, theirs):
    """Largest deviation relative to the largest entry; a number as well as an array."""
    return np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()


@pytest.mark.parametrize("label", RULES)
def test_weights_are_those_of_the_loop(case, label):
    for seed in SEEDS:
        ours = case.archive.sel(rule=label, seed=seed)
        literal = case.literal(seed, label)
        for step in case.experiment.snapshot_steps:
            for layer, W in enumerate(literal.weights[step], start=1):
                assert deviation(ours[f"weight_{layer}"].sel(step=step), W) < 1e-12
            assert deviation(ours.loss.sel(step=step), literal.loss[step]) < 1e-12
        assert literal.loss[0] != literal.loss[step]


@pytest.mark.parametrize("label", RULES)
def test_teaching_signals_of_every_layer_are_those_of_the_loop(case, label):
    for seed in SEEDS:
        ours = case.archive.sel(rule=label, seed=seed)
        literal = case.literal(seed, label)
        for step in case.experiment.snapshot_steps:
            now = ours.sel(step=step)
            # Node perturbation divides a small difference of losses by the perturbation.
            tolerance = 1e-11 if label == "node_perturbation" else 1e-12
            scale = np.abs(literal.signals[step][-1]).max()
            for layer, delta in enumerate(literal.signals[step], start=1):
                error = np.abs(now[f"teaching_signal_{layer}"] - delta).max()
                assert error < tolerance * max(scale, np.abs(delta).max())
            for layer, delta in enumerate(literal.backprop_signals[step], start=1):
                assert deviation(now[f"backprop_signal_{layer}"], delta) < 1e-12


@pytest.mark.parametrize("label", RULES)
def test_angles_measured_while_training_are_those_of_the_recorded_arrays(case, label):
    run = case.archive.sel(rule=label)
    L = case.experiment.layers
    for layer in range(1, L + 1):
        now = run.sel(layer=layer)
        ours, reference = (
            run[f"{kind}_{layer}"].values for kind in ("teaching_signal", "backprop_signal")
        )
        expected = angle(ours, reference).mean(axis=-1)
        np.testing.assert_allclose(now.delta_angle, expected, atol=1e-9)
        expected = angle(ours, reference, axis=(-2, -1))
        np.testing.assert_allclose(now.delta_angle_flattened, expected, atol=1e-9)
    assert np.isnan(run.weight_angle.sel(layer=1)).all()
    if label in ("feedback_alignment", "rndf"):
        W = run[f"weight_{L}"].values
        V = np.swapaxes(run[f"feedback_{L}"].values, -1, -2)[:, None]
        top = run.sel(layer=L)
        np.testing.assert_allclose(top.weight_angle, angle(W, V, axis=(-2, -1)), atol=1e-9)
        np.testing.assert_array_equal(top.sign_concordance, sign_concordance(W, V, axis=(-2, -1)))
    elif label in ("usf", "frsf"):
        assert (run.sign_concordance.sel(layer=slice(2, None)) == 1).all()
    elif label in ("shallow", "node_perturbation"):
        assert np.isnan(run.weight_angle).all()
