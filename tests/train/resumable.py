"""Experiments of every kind of state that a run can have, and what it means to be the same."""

import pytest
import xarray as xr

import fatheory as fa
from fatheory.train import run as running
from fatheory.train import segment_length

IMAGES = fa.ImageTask(dataset="synthetic-digits", limit=40, evaluation_limit=20)
LINEAR = fa.LinearTask(inputs=6, outputs=3, noise=0.1)
TWO_PHASES = {"phases": [{"steps": 14}, {"steps": 11, "frozen": [1]}], "batch_size": 2}
ONLINE = {"phases": [{"steps": 25}]}
CASES = {
    "momentum, two phases, rates that fall": {
        "task": LINEAR,
        "network": {"hidden": [5]},
        "rules": {"backprop": 0.02, "brsf": 0.01, "direct_feedback_alignment": 0.01},
        "schedule": TWO_PHASES | {"decay": {"kind": "exponential", "factor": 0.9, "every": 5}},
        "update": {"momentum": 0.9, "weight_decay": 1e-3},
    },
    "feedback that learns, and random perturbations": {
        "task": LINEAR,
        "network": {"hidden": [5, 4], "activation": "tanh", "dropout": 0.2},
        "rules": {"kolen_pollack": 0.02, "weight_mirror": 0.02, "node_perturbation": 0.01},
        "schedule": TWO_PHASES,
    },
    "blocks of online examples": {
        "task": fa.LinearTask(inputs=260, outputs=3),
        "network": {"hidden": [20], "activation": "tanh"},
        "rules": {"backprop": 0.001, "feedback_alignment": 0.001},
        "schedule": ONLINE,
        "record": {"quantities": ["weight_angle"], "snapshots": 5},
    },
    "convolutions with normalisation": {
        "task": IMAGES,
        "network": {
            "kind": "convolutional",
            "blocks": [{"channels": 3, "kernel": 3, "pool": {"kind": "max"}}],
            "hidden": [6],
            "normalization": {},
            "output": "softmax",
        },
        "rules": {"backprop": 0.1, "usf": 0.1},
        "schedule": TWO_PHASES,
        "update": {"manhattan": 3, "momentum": 0.5},
        "record": {"quantities": ["weights", "training_error"], "snapshots": 4},
    },
    "spikes": {
        "task": IMAGES,
        "network": {"kind": "spiking", "hidden": [9, 8], "group": 2},
        "rules": {"feedback_alignment": 0.5},  # a spiking program takes seconds to compile
        "schedule": ONLINE,
        "record": {"quantities": ["weights", "firing_rate"], "snapshots": 5},
    },
}

BOTH_WAYS = "spikes, errors through either weights"
CASES[BOTH_WAYS] = CASES["spikes"] | {"rules": {"feedback_alignment": 0.5, "backprop": 0.5}}
EVERY_CASE = [
    pytest.param(case, marks=pytest.mark.slow) if case == BOTH_WAYS else case for case in CASES
]


def asked(case: str, **changes) -> fa.Experiment:
    start = {"distribution": "uniform", "bound": 0.4}
    parts = {"seeds": (0, 3), "record": {"snapshots": 6}} | CASES[case]
    parts["network"] = {"start": start} | parts["network"]
    return fa.Experiment(**(parts | changes))


def same(found: xr.Dataset, wanted: xr.Dataset) -> None:
    xr.testing.assert_equal(found, wanted)
    for name in wanted.variables:
        assert found[name].attrs == wanted[name].attrs
        assert found[name].dtype == wanted[name].dtype


# All take the same steps; by default the others below go through every kind of program.
QUICK_TO_COMPILE = [
    "momentum, two phases, rates that fall",
    "blocks of online examples",
    "convolutions with normalisation",
]


def segments_of_four(monkeypatch):
    """Let segments be short, and cut alike in all runs of a test: not by time."""
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 4)
    monkeypatch.setattr(segment_length, "SEGMENT_SECONDS", 1e9)
