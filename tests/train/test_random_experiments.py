"""Random experiments against the loop that spells training out: other ones every day."""

import datetime
from collections.abc import Iterator

import jax
import numpy as np
import pytest
from literal_loop import literal_run

from fatheory import Experiment, simulate
from fatheory.errors import InvalidExperimentError
from fatheory.rules import known_rules

RULES = {
    "backprop": {},
    "feedback_alignment": {},
    "shallow": {},
    "usf": {"scale": 0.8},
    "frsf": {"concordance": 0.75},
    "brsf": {"scale": 1.2, "concordance": 0.9},
    "rndf": {"std": 0.3},
    "pseudobackprop": {},
    "orthogonal_feedback": {"scale": 0.7},
    "fixed_feedback": {"distribution": "normal", "scale": 0.5, "column_spread": 2.0},
    "direct_feedback_alignment": {"scale": 0.6},
    "direct_random_target_projection": {"scale": 0.5},
    "node_perturbation": {"perturbation": 0.05},
    "kolen_pollack": {"scale": 0.4},
    "weight_mirror": {"scale": 0.4, "noise": 0.8, "mirror_rate": 0.7},
}
# These draw numbers at every step, others in single precision than in double.
RANDOM = {"brsf", "node_perturbation", "weight_mirror"}
FUNCTIONS = ("linear", "tanh", "sigmoid", "relu", "erf")
STEPS = 8


def test_every_rule_is_drawn():
    """A rule that is added is written out in the loop, too."""
    assert set(known_rules()) == set(RULES)


def random_task(rng: np.random.Generator) -> dict:
    task = {"inputs": 4, "outputs": int(rng.integers(2, 4)), "samples": int(rng.choice([0, 7]))}
    task["noise"] = float(rng.choice([0.0, 0.2]))
    match rng.integers(3):
        case 0:
            return task | {"kind": "linear", "spectrum_decay": float(rng.choice([0.0, 0.8]))}
        case 1:
            return task | {"kind": "quadratic"}
        case _:
            return task | {"kind": "teacher", "hidden": [3]}


def random_schedule(rng: np.random.Generator, layers: int) -> dict:
    schedule = {"batch_size": int(rng.integers(1, 5)), "phases": [{"steps": STEPS}]}
    if rng.random() < 0.4:
        frozen = sorted(rng.choice(layers, rng.integers(1, layers), replace=False) + 1)
        first = int(rng.integers(1, STEPS))
        schedule["phases"] = [
            {"steps": first, "frozen": [int(layer) for layer in frozen]},
            {"steps": STEPS - first},
        ]
    return schedule


def random_network(rng: np.random.Generator, layers: int) -> dict:
    network = {
        "hidden": [int(n) for n in rng.integers(3, 6, layers - 1)],
        "activation": str(rng.choice(FUNCTIONS)),
        "output": str(rng.choice(["linear", "sigmoid", "tanh"])),
        "start": {"distribution": "normal", "std": 0.4},
    }
    if rng.random() < 0.4:
        network["biases"] = {"distribution": "uniform", "bound": 0.3}
    if rng.random() < 0.3:
        network["sparsity"] = {"forward": 0.2, "feedback": 0.3, "layers": [1, 2]}
    return network


def random_experiment(rng: np.random.Generator) -> Experiment:
    """Draw an experiment; one in some hundred is none, as where connections cut a unit off."""
    layers, rule = int(rng.integers(2, 5)), str(rng.choice(list(RULES)))
    choice = RULES[rule] | {"rule": rule, "learning_rate": float(rng.choice([0.01, 0.03]))}
    if rng.random() < 0.4:
        choice |= {"slopes": "local", "derivative": str(rng.choice(["exact", "one", "step"]))}
    single = rule not in RANDOM and rng.random() < 0.3
    return Experiment(
        task=random_task(rng),
        network=random_network(rng, layers),
        rules={"one": choice},
        schedule=random_schedule(rng, layers),
        update={
            "momentum": float(rng.choice([0.0, 0.6])),
            "weight_decay": float(rng.choice([0.0, 0.1])),
        },
        record={"quantities": ["weights"], "snapshots": 2, "probe_samples": 3},
        seeds=(int(rng.integers(100)),),
        root_seed=int(rng.integers(100)),
        precision="float32" if single else "float64",
    )


def experiments(count: int, *, seed: int) -> Iterator[Experiment]:
    rng = np.random.default_rng(seed)
    while count:
        try:
            drawn = random_experiment(rng)
            literal_run(drawn, drawn.seeds[0], "one")
        except InvalidExperimentError:
            continue
        count -= 1
        yield drawn


def assert_like_the_loop(experiment: Experiment) -> None:
    archive = simulate(experiment, progress=False).isel(rule=0, seed=0)
    literal = literal_run(experiment, experiment.seeds[0], "one")
    # Rounding of single precision, a few steps long.
    tolerance = 1e-10 if experiment.precision == "float64" else 1e-4
    for step in (0, STEPS):
        now = archive.sel(step=step)
        assert abs(float(now["loss"]) - literal.loss[step]) <= tolerance * (1 + literal.loss[step])
        for layer, W in enumerate(literal.weights[step], start=1):
            np.testing.assert_allclose(now[f"weight_{layer}"], W, rtol=0, atol=tolerance)
        if experiment.network.biases is not None:
            for layer, b in enumerate(literal.biases[step], start=1):
                np.testing.assert_allclose(now[f"bias_{layer}"], b, rtol=0, atol=tolerance)


def go_through(count: int, seed: int) -> None:
    for number, experiment in enumerate(experiments(count, seed=seed)):
        if number % 50 == 49:  # a process has room for the programs of some 400 experiments
            jax.clear_caches()
        try:
            assert_like_the_loop(experiment)
        except AssertionError as error:
            error.add_note(f"seed {seed}: {experiment.to_json()}")
            raise


def test_some_random_experiments_are_those_of_the_loop():
    go_through(30, datetime.date.today().timetuple().tm_yday)


@pytest.mark.slow
def test_500_random_experiments_are_those_of_the_loop():
    go_through(500, 1000 + datetime.date.today().timetuple().tm_yday)
