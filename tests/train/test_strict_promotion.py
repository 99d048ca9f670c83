"""No array is stretched or turned into another precision by a rule that nobody thought of.

JAX combines float32 with float64, and (4,) with (3, 4), without a word. Here it refuses to, while
every program of training is compiled.
"""

import contextlib

import jax
import numpy as np
import pytest
from default_run import slow_but

from fatheory import Experiment, simulate

LINEAR = {"kind": "linear", "inputs": 5, "outputs": 3}
WIDE = {"kind": "linear", "inputs": 130, "outputs": 3}
DIGITS = {"kind": "images", "dataset": "synthetic-digits", "evaluation_limit": 20}
BIASED = {"biases": {"distribution": "uniform", "bound": 0.1}}
NEARBY = (
    "weight_angle",
    "delta_angle",
    "gradient_norm",
    "effective_rank",
    "norm_ratio",
    "pseudoinverse_alignment",
    "sign_concordance",
    "unit_angle",
    "update_sign_agreement",
)
CASES = {
    "rules and quantities": {
        "rules": {
            "feedback_alignment": 0.01,
            "node_perturbation": 0.001,
            "direct_feedback_alignment": 0.01,
            "frsf": 0.01,
            "kolen_pollack": 0.01,
            "weight_mirror": 0.01,
            "pseudobackprop": 0.01,
        },
        "record": {"quantities": NEARBY},
    },
    "units, biases, momentum, decay": {
        "network": {"hidden": [4, 3], "activation": "tanh", "output": "sigmoid"} | BIASED,
        "update": {"momentum": 0.9, "weight_decay": 0.01},
        "precision": "float64",
    },
    "local slopes, rough derivative, missing connections, signs": {
        "network": {"hidden": [4], "activation": "tanh", "sparsity": {"forward": 0.3}},
        "rules": {
            "usf": {"learning_rate": 0.001, "slopes": "local", "derivative": "triangle"},
        },
        "update": {"manhattan": 2, "momentum": 0.5},
    },
    "normalised, dropped": {
        "network": {"hidden": [4, 3], "dropout": 0.3, "normalization": {"learnable": True}},
        "schedule": {
            "phases": [{"steps": 3}],
            "batch_size": 5,
            "decay": {"kind": "exponential", "factor": 0.9, "every": 2},
        },
    },
    "block by block": {
        "task": WIDE,
        "network": {"hidden": [4]} | BIASED,
        "update": {"weight_decay": 0.01},
    },
    "convolutional": {
        "task": DIGITS,
        "network": {
            "kind": "convolutional",
            "blocks": [
                {"channels": 2, "kernel": 3, "pool": {"size": 2, "stride": 2}},
                {"channels": 2, "kernel": 3, "pool": {"kind": "average", "size": 2, "stride": 2}},
            ],
            "hidden": [4],
            "output": "softmax",
        },
        "schedule": {"phases": [{"steps": 2}], "batch_size": 5},
        "record": {"quantities": ("classification_error", "delta_angle")},
    },
    "spiking": {
        "task": DIGITS,
        "network": {"kind": "spiking", "hidden": [4, 3], "group": 2},
        "rules": {"feedback_alignment": 0.01, "backprop": 0.01},
        "record": {"quantities": ("classification_error", "firing_rate")},
    },
}


@contextlib.contextmanager
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.mark.parametrize("case", slow_but([case for case in CASES if case != "spiking"], CASES))
def test_nothing_is_promoted_silently(case):
    described = {
        "task": LINEAR,
        "network": {"hidden": [4]},
        "rules": {"feedback_alignment": 0.01},
        "schedule": {"phases": [{"steps": 3}]},
        "record": {"quantities": ("weights",)},
    }
    experiment = Experiment(**(described | CASES[case]))
    with strict():
        run = simulate(experiment, progress=False)
    assert run.loss.dtype == np.dtype(experiment.precision)
    assert np.isfinite(run.loss).all()


def test_what_is_refused():
    x, b = jax.numpy.ones((2, 3)), jax.numpy.ones(3)
    with strict(), pytest.raises(ValueError, match="rank_promotion"):
        x + b
    with jax.enable_x64(True), strict(), pytest.raises(ValueError, match="dtype_promotion"):
        b.astype("float32") + b.astype("float64")
