"""Angles, concordance and teaching signals before the first update, against closed forms."""

import itertools

import numpy as np
import pytest
from default_run import slow_but
from literal_convolutional_loop import Network
from untrained import observed

from fatheory import Experiment

NETWORKS = {
    "dense": {"kind": "dense", "hidden": [300, 200]},
    "convolutional": {
        "kind": "convolutional",
        "blocks": [{"channels": 40, "kernel": 3}, {"channels": 60, "kernel": 5}],
        "hidden": [70],
    },
}
# E|w| / sqrt(E w^2) of the normal law, of the uniform law around zero, and of magnitudes that are
# uniform in [0, 1] or all alike.
SHARPNESS = {"normal": np.sqrt(2 / np.pi), "uniform": np.sqrt(3) / 2, "alike": 1.0}
RULES = {
    "usf": ({}, "alike", 1.0),
    "frsf": ({}, "uniform", 1.0),
    "frsf 75 %": ({"rule": "frsf", "concordance": 0.75}, "uniform", 0.75),
    "brsf 40 %": ({"rule": "brsf", "concordance": 0.4}, "uniform", 0.4),
    "rndf": ({}, "normal", 0.5),
    "rndf 90 %": ({"rule": "rndf", "initial_concordance": 0.9}, "normal", 0.9),
    "alignment 20 %": (
        {"rule": "feedback_alignment", "initial_concordance": 0.2},
        "uniform",
        0.2,
    ),
}


def asked(network, rules, **changes):
    described = {
        "task": {"kind": "images", "dataset": "synthetic-digits", "evaluation_limit": 40},
        "network": network,
        "rules": rules,
        "schedule": {"phases": [{"steps": 1}], "batch_size": 4},
        "record": {"quantities": ["weight_angle", "sign_concordance"], "probe_samples": 8},
        "precision": "float64",
    }
    return Experiment(**(described | changes))


@pytest.mark.parametrize(
    ("kind", "law"),
    slow_but(
        [("dense", "normal"), ("convolutional", "uniform")],
        itertools.product(NETWORKS, ("uniform", "normal")),
    ),
)
def test_angles_and_concordance_at_the_start(kind, law):
    """Within four standard errors of some 10^4 entries a layer and seed."""
    network = NETWORKS[kind] | {"start": {"distribution": "scaled", "shape": law}}
    rules = {label: {"learning_rate": 0.1} | own for label, (own, _, _) in RULES.items()}
    experiment = asked(network, rules, seeds=(1, 2))
    found = observed(experiment)
    for label, (_, magnitudes, p) in RULES.items():
        cosine = (2 * p - 1) * SHARPNESS[magnitudes] * SHARPNESS[law]
        for layer, shape in enumerate(experiment.weight_shapes[1:], start=1):
            entries = 2 * np.prod(shape)
            share = np.mean(found[label]["sign_concordance"][:, layer])
            assert abs(share - p) <= 4 * np.sqrt(p * (1 - p) / entries)
            measured = np.mean(np.cos(np.deg2rad(found[label]["weight_angle"][:, layer])))
            assert abs(measured - cosine) < 4 / np.sqrt(entries)


@pytest.mark.parametrize(
    ("law", "usf", "frsf"), [("uniform", 30.00, 41.41), ("normal", 37.07, 46.30)]
)
def test_angles_of_sign_concordant_rules_in_degrees(law, usf, frsf):
    """A wide layer, to a tenth of a degree."""
    network = {"hidden": [400, 500], "start": {"distribution": "scaled", "shape": law}}
    found = observed(asked(network, {"usf": 0.1, "frsf": 0.1}, seeds=4))
    for label, expected in (("usf", usf), ("frsf", frsf)):
        assert abs(np.mean(found[label]["weight_angle"][:, 1]) - expected) < 0.1


def test_teaching_signals_in_single_precision():
    network = {
        "kind": "convolutional",
        "blocks": [{"channels": 2, "kernel": 3}, {"channels": 3, "kernel": 3}],
        "hidden": [],
        "normalization": {"learnable": True},
    }
    rules = {"backprop": 0.1, "usf": 0.1, "feedback_alignment": 0.1}
    experiment = asked(network, rules, record={"quantities": ["teaching_signals"]})
    single = observed(experiment.with_settings({"precision": "float32"}))
    for label in rules:
        net = Network(experiment, 0, label)
        x, target = net.start.probe.inputs.astype(float), net.start.probe.targets
        expected, _, _ = net.through(net.stand_ins(0), x, target)
        for layer, signal in enumerate(expected, start=1):
            ours = single[label][f"teaching_signal_{layer}"]
            assert ours.dtype == np.float32
            assert np.abs(ours[0] - signal).max() < 1e-5 * np.abs(signal).max()
