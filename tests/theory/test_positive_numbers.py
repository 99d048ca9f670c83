"""A number that must be positive and finite is refused alike at every door of theory."""

import numpy as np
import pytest

from fatheory import theory
from fatheory.errors import RegimeError

rng = np.random.default_rng(0)
T, B = rng.normal(size=(2, 4)), rng.normal(size=(3, 2))
W0, W = 0.1 * rng.normal(size=(3, 4)), 0.1 * rng.normal(size=(2, 3))
INPUTS = rng.normal(size=(2, 1, 4))
BALANCED = np.zeros((3, 4)), np.zeros((2, 3))
MEAN_FIELD = {"activation": "tanh", "hidden_layers": 1, "steps": 1, "samples": 64}

DOORS = {
    "deep_reduced_sgd": (
        "learning_rate",
        lambda rate: theory.deep_reduced_sgd(
            [W0, W], [B], T, INPUTS, learning_rate=rate, snapshot_steps=[0]
        ),
    ),
    "riccati": (
        "input_variance",
        lambda variance: theory.riccati_flow(*BALANCED, T, times=[0.0], input_variance=variance),
    ),
    "mean field, richness": (
        "richness",
        lambda richness: theory.dmft(
            np.eye(2), np.eye(2), richness=richness, learning_rate=0.1, **MEAN_FIELD
        ),
    ),
    "mean field, rate": (
        "learning_rate",
        lambda rate: theory.dmft(
            np.eye(2), np.eye(2), richness=1.0, learning_rate=rate, **MEAN_FIELD
        ),
    ),
    "node perturbation": (
        "learning_rate",
        lambda rate: theory.node_perturbation_mean_loss(
            W0, W, T, learning_rate=rate, sigma=0.1, steps=1
        ),
    ),
    "shallow": (
        "learning_rate",
        lambda rate: theory.shallow_mean_loss(W0, W, T, learning_rate=rate, steps=[1]),
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_what_is_not_positive_and_finite_is_refused(door):
    name, ask = DOORS[door]
    for value in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(RegimeError, match=rf"^{name} must be positive and finite; got {value}"):
            ask(value)


@pytest.mark.parametrize("noise", [-1.0, np.inf, np.nan])
def test_noise_of_no_size_is_refused(noise):
    with pytest.raises(RegimeError, match=r"^noise must be finite and not negative; got"):
        theory.shallow_mean_loss(W0, W, T, learning_rate=0.1, noise=noise, steps=[1])
