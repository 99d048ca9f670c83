"""Feedback that learns: where it goes, and how fast."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import erf

from fatheory import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Normal,
    Phase,
    Record,
    Schedule,
    Update,
    simulate,
)
from fatheory.geometry import angle
from fatheory.initial import draw_initial_state
from fatheory.rules import AdaptiveFeedback, make_rule

ETA, DECAY, STEPS = 0.05, 2.0, 120
SEEDS = (0, 2)


@dataclass
class Layer:
    """A layer that a rule may drive, in NumPy."""

    sampler: np.random.Generator
    W: np.ndarray
    b: np.ndarray
    function: object

    def respond(self, below):
        return self.function(self.W @ below + self.b)


SILENT = Layer(np.random.default_rng(0), np.eye(2), np.zeros(2), np.tanh)


@pytest.fixture(scope="module")
def asked():
    return Experiment(
        task=LinearTask(inputs=5, outputs=3, noise=0.1),
        network=DenseNetwork(
            hidden=(6, 4), activation="tanh", start=Normal(std=0.4), biases=Normal(std=0.2)
        ),
        rules={"kolen_pollack": ETA},
        schedule=Schedule(phases=(Phase(steps=STEPS),), batch_size=2),
        update=Update(weight_decay=DECAY),
        record=Record(quantities=("weights", "weight_angle", "sign_concordance"), snapshots=7),
        seeds=SEEDS,
        precision="float64",
    )


@pytest.fixture(scope="module")
def run(asked):
    return simulate(asked).sel(rule="kolen_pollack")


def test_kolen_pollack_difference_shrinks_by_the_decay_alone(asked, run):
    """V_k = W_k - (1 - eta lambda)^k (W_0 - V_0), whatever was learned meanwhile."""
    for seed in SEEDS:
        states = draw_initial_state(asked, seed).states["kolen_pollack"]
        for layer in (2, 3):
            W = run[f"weight_{layer}"].sel(seed=seed)
            for step in asked.snapshot_steps:
                now, start = W.sel(step=step).values, W.sel(step=0).values
                V = now - (1 - ETA * DECAY) ** step * (start - states[layer - 1])
                found = float(run.weight_angle.sel(seed=seed, step=step, layer=layer))
                assert found == pytest.approx(float(angle(now, V, axis=(0, 1))), abs=1e-9)
            moved = np.abs(W.sel(step=STEPS) - W.sel(step=0)).max()
            assert float(moved) > 0.1


def test_kolen_pollack_feedback_becomes_the_forward_weights(run):
    first, last = (run.weight_angle.sel(step=step, layer=[2, 3]) for step in (0, STEPS))
    assert float(first.min()) > 30
    assert float(last.max()) < 1.5
    np.testing.assert_array_equal(run.sign_concordance.sel(step=STEPS, layer=[2, 3]), 1)


def test_kolen_pollack_follows_the_gradient_of_w():
    W_gradient = np.arange(6.0).reshape(2, 3)
    rule = make_rule("kolen_pollack")
    assert rule.state_gradient(np.ones((2, 3)), W_gradient, SILENT) is W_gradient


def mean_slope_of_erf(s, b):
    """E f'(a) for f = erf(a / sqrt 2) and a ~ N(b, s^2)."""
    return np.sqrt(2 / np.pi / (1 + s**2)) * np.exp(-(b**2) / 2 / (1 + s**2))


FUNCTIONS = {
    "linear": (lambda a: a, lambda s, b: np.ones_like(s)),
    "erf": (lambda a: erf(a / np.sqrt(2)), mean_slope_of_erf),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_weight_mirror_tends_to_w_up_to_mean_slopes(name):
    """By Stein's lemma; the mean over N patterns of noise is off by a multiple of N^(-1/2)."""
    rng = np.random.default_rng(3)
    W, b, noise, rate = rng.normal(size=(3, 5)) / 2, rng.normal(size=3) / 2, 0.7, 1.5
    function, mean_slope = FUNCTIONS[name]
    rule = make_rule("weight_mirror", noise=noise, mirror_rate=rate)
    layer = Layer(np.random.default_rng(4), W, b, function)
    V = np.zeros_like(W)
    draws = np.array([-rule.state_gradient(V, None, layer) / rate for _ in range(2**15)])
    expected = mean_slope(noise * np.linalg.norm(W, axis=1), b)[:, None] * W
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - expected) < 4 * error).all()
    assert error.max() < 0.05
    sizes = 2 ** np.arange(4, 11, 2)
    distance = [
        np.sqrt(np.mean((draws.reshape(-1, n, 3, 5).mean(axis=1) - expected) ** 2)) for n in sizes
    ]
    slope = np.polyfit(np.log(sizes), np.log(distance), 1)[0]
    assert abs(slope + 0.5) < 0.05


def test_weight_mirror_descends_the_distance_to_one_response():
    rule = make_rule("weight_mirror", noise=0.5, mirror_rate=0.3)
    rng = np.random.default_rng(5)
    W, V, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
    found = rule.state_gradient(V, None, Layer(np.random.default_rng(6), W, b, np.tanh))
    xi = np.random.default_rng(6).normal(0.0, 0.5, 3)
    for i in range(2):
        response = np.tanh(W[i] @ xi + b[i]) - np.tanh(b[i])
        for j in range(3):
            assert found[i, j] == pytest.approx(0.3 * (V[i, j] - response * xi[j] / 0.25))


def test_laws_of_starts():
    for name in ("kolen_pollack", "weight_mirror"):
        V = make_rule(name, scale=0.3).draw(np.random.default_rng(7), (200, 200))
        assert -0.3 <= V.min() < -0.299
        assert abs(V.std() - 0.3 / np.sqrt(3)) < 4e-3


def test_a_rule_that_does_not_say_how_its_feedback_learns_says_so():
    with pytest.raises(NotImplementedError, match="adaptive rule defines state_gradient"):
        AdaptiveFeedback().state_gradient(np.eye(2), np.eye(2), SILENT)
