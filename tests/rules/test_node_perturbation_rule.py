"""Node perturbation on its own, in NumPy: its single answer and its mean."""

import numpy as np

from fatheory.rules import make_rule


class Quadratic:
    """L = 1/2 |e - W xi|^2 per sample, as of a linear network's top layer."""

    def __init__(self, samples):
        rng = np.random.default_rng(1)
        self.W = rng.normal(size=(3, 4))
        self.e = np.repeat(rng.normal(size=(1, 3)), samples, axis=0)
        self.hidden_shapes = ((samples, 4),)
        self.output_error = self.e
        self.target = np.full_like(self.e, np.nan)

    def loss(self, perturbations):
        (xi,) = perturbations
        return 0.5 * np.sum((self.e - xi @ self.W.T) ** 2, axis=1)


def test_the_mean_is_backprops_signal():
    trial = Quadratic(400_000)
    rule = make_rule("node_perturbation", perturbation=0.01)
    (delta,) = rule.teaching_signals(trial, (None,), np.random.default_rng(2))
    error = delta.std(axis=0) / np.sqrt(len(delta))
    assert (np.abs(delta.mean(axis=0) - trial.e[0] @ trial.W) < 4 * error).all()
    assert error.max() < 0.02


def test_one_answer_is_the_reward_times_the_perturbation():
    trial = Quadratic(2)
    rule = make_rule("node_perturbation", perturbation=0.1)
    (delta,) = rule.teaching_signals(trial, (None,), np.random.default_rng(3))
    xi = np.random.default_rng(3).normal(0.0, 0.1, (2, 4))
    for s in range(2):
        before = 0.5 * trial.e[s] @ trial.e[s]
        after = 0.5 * np.sum((trial.e[s] - trial.W @ xi[s]) ** 2)
        np.testing.assert_allclose(delta[s], (before - after) * xi[s] / 0.01, rtol=1e-12)
