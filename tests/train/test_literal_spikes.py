"""Spiking networks trained by the package against a loop that spells everything out."""

from functools import cache

import numpy as np
import pytest
from default_run import slow_but
from literal_spikes import literal_run

import fatheory as fa
from fatheory.archive import validate
from fatheory.updates import rate_factors

RULES = {
    "feedback_alignment": {"learning_rate": 0.5, "scale": 1.5},
    "backprop": 0.5,
    "shallow": 0.5,
    "a rule for every layer": {
        "rule": "frsf",
        "learning_rate": 0.2,
        "layers": {"2": {"rule": "backprop"}, "3": {"rule": "rndf", "std": 0.4}},
    },
}
USF = {"learning_rate": 0.2, "scale": 0.3}
TRANSPOSED = {label: RULES[label] for label in ("feedback_alignment", "backprop")}
SEEDS = (0, 3)
QUANTITIES = (
    "weights",
    "classification_error",
    "weight_angle",
    "sign_concordance",
    "weight_norm",
    "firing_rate",
    "traces",
)


def asked(network=None, phases=((5, ()), (4, (2,)), (4, (1, 3))), batch=1, rules=RULES, **changes):
    plain = {
        "kind": "spiking",
        "hidden": [7, 6],
        "group": 3,
        "start": {"distribution": "uniform", "bound": 0.4},
        "biases": {"distribution": "normal", "std": 0.3},
        "leak": 0.6,
    }
    parts = {
        "task": {
            "kind": "images",
            "dataset": "synthetic-digits",
            "limit": 40,
            # Streams of three images, the last of which is not full.
            "evaluation_limit": 205,
        },
        "network": plain | (network or {}),
        "rules": rules,
        "schedule": {
            "phases": [{"steps": n, "frozen": frozen} for n, frozen in phases],
            "batch_size": batch,
        },
        "update": {"weight_decay": 0.02},
        "record": {
            "quantities": QUANTITIES,
            "steps": (3,),
            "probe_samples": 4,
            "receptive_units": 5,
        },
        "seeds": SEEDS,
        "root_seed": 5,
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


# Updates cross the ends of blocks (32 time steps) in the first and last of them.
EXPERIMENTS = {
    "leaky, one stream": asked({"steps_per_image": 3}),
    "averaging, streams, no biases, no leak of input": asked(
        {"integration": "average", "biases": None, "ceiling": 1.0, "steps_per_image": 2},
        batch=3,
        rules=TRANSPOSED,
    ),
    "expected spikes, falling rates, one layer": asked(
        {"spikes": "expected", "hidden": [6], "steps_per_image": 4},
        phases=((6, ()), (5, (1,))),
        rules={"feedback_alignment": RULES["feedback_alignment"], "usf": USF},
        schedule={
            "phases": [{"steps": 6}, {"steps": 5, "frozen": [1]}],
            "decay": {"kind": "exponential", "factor": 0.5, "every": 4},
        },
    ),
}
# Each takes some ten seconds to compile.
BY_DEFAULT = ("leaky, one stream", "expected spikes, falling rates, one layer")
EVERY_RUN = [(name, label) for name, one in EXPERIMENTS.items() for label in one.rule_labels]
RUNS = slow_but([run for run in EVERY_RUN if run[0] in BY_DEFAULT], EVERY_RUN)


@pytest.fixture(scope="module")
def run():
    @cache
    def archive(name):
        return fa.simulate(EXPERIMENTS[name])

    @cache
    def literal(name, seed, label):
        one = EXPERIMENTS[name]
        decay = one.schedule.decay
        factors = None if decay is None else rate_factors(decay, one.schedule.steps)
        return literal_run(one, seed, label, factors)

    return archive, literal


def looks(run, name, label):
    """Yield the archive and the literal run of every seed at every recorded step."""
    archive, literal = run
    for seed in SEEDS:
        for step in EXPERIMENTS[name].snapshot_steps:
            ours = archive(name).sel(rule=label, seed=seed, step=step)
            yield ours, literal(name, seed, label), step


def assert_close(ours, theirs, tolerance=1e-12):
    assert np.abs(np.asarray(ours) - theirs).max() <= tolerance * max(1, np.abs(theirs).max())


@pytest.mark.parametrize(("name", "label"), RUNS)
def test_weights_are_those_of_the_loop(run, name, label):
    biased = EXPERIMENTS[name].network.biases is not None
    for ours, literal, step in looks(run, name, label):
        pairs = zip(literal.weights[step], literal.biases[step], strict=True)
        for layer, (W, b) in enumerate(pairs, start=1):
            assert_close(ours[f"weight_{layer}"], W)
            assert (f"bias_{layer}" in ours) == biased
            if biased:
                assert_close(ours[f"bias_{layer}"], b)
        assert_close(ours.loss, literal.loss[step])
        assert_close(ours.classification_error, literal.error[step])
    first, last = literal.weights[0], literal.weights[EXPERIMENTS[name].schedule.steps]
    moved = [np.abs(W - W0).max() for W, W0 in zip(last, first, strict=True)]
    assert min(moved) > (0 if label == "shallow" else 1e-3)


@pytest.mark.parametrize(("name", "label"), RUNS)
def test_neurons_are_those_of_the_loop_spike_by_spike(run, name, label):
    for ours, literal, step in looks(run, name, label):
        moments = literal.traces[step]
        for layer in range(len(moments[0].v)):
            for variable, which in (("potential", "v"), ("spikes", "s"), ("modulator", None)):
                theirs = [getattr(m, which or "modulator")[layer][0, :5] for m in moments]
                found = ours[variable].sel(layer=layer + 1)
                assert_close(found.transpose("time_step", "traced_unit"), np.array(theirs))
        np.testing.assert_allclose(ours.firing_rate, literal.rates[step], rtol=1e-12)
    if EXPERIMENTS[name].network.spikes == "stochastic":
        assert set(np.unique(ours.spikes)) == {0.0, 1.0}


@pytest.mark.parametrize("name", slow_but(BY_DEFAULT, EXPERIMENTS))
def test_archives_are_valid(run, name):
    archive = run[0](name)
    validate(archive)
    assert np.isfinite(archive.weight_norm).all()
    assert not archive.diverged.any()
