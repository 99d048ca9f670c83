"""Second moments of the error at frozen weights, against runs written plainly."""

import numpy as np
import pytest

from fatheory import theory
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.online import frozen

STEPS = [0, 1, 2, 5, 20]
RULES = ("feedback_alignment", "backprop", "shallow", "node_perturbation")


def solution(coloured=False):
    """Return weights of 6-7-3 near which errors decay, and feedback that is not symmetric."""
    rng = np.random.default_rng(4)
    W0, W = 0.5 * rng.normal(size=(7, 6)), 0.5 * rng.normal(size=(3, 7))
    B = W.T + 0.2 * rng.normal(size=(7, 3))
    C = rng.normal(size=(6, 12))
    Sigma = C @ C.T / 12 if coloured else np.eye(6)
    return W0, W, B, Sigma, rng.normal(size=(3, 6))


def runs(E, W0, W, B, Sigma, eta, rule, seeds, kept, seed=0):
    """Follow E at frozen weights; return the losses at the kept steps."""
    rng = np.random.default_rng(seed)
    E, root, found = np.repeat(E[None], seeds, 0), np.linalg.cholesky(Sigma), []
    V = {"feedback_alignment": B, "shallow": 0 * B}.get(rule, W.T)
    for step in range(kept[-1] + 1):
        if step in kept:
            found.append(0.5 * np.einsum("roi,ij,roj->r", E, Sigma, E))
        x = rng.normal(size=(seeds, len(Sigma))) @ root.T
        e = np.einsum("roi,ri->ro", E, x)
        delta = e @ V.T
        if rule == "node_perturbation":
            z = rng.normal(size=delta.shape)
            delta = z * (z * delta).sum(1, keepdims=True)  # small perturbations: z z^T W^T e
        E = E - eta * (
            (delta @ W.T)[:, :, None] * x[:, None] + e[:, :, None] * (x @ (W0.T @ W0))[:, None]
        )
    return np.array(found)


@pytest.mark.catalogue("online.frozen")
@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_the_mean_loss_is_exact_from_the_first_step(rule, coloured, residual, monkeypatch):
    W0, W, B, Sigma, E = solution(coloured)
    given, eta = (B if rule == "feedback_alignment" else None), 0.015
    losses = runs(E, W0, W, B, Sigma, eta, rule, 10_000, STEPS)
    error = losses.std(axis=1) / np.sqrt(losses.shape[1]) + 1e-12
    asked = {"learning_rate": eta, "steps": STEPS, "rule": rule}

    def z():
        mean = theory.frozen_mean_loss(E, W0, W, given, Sigma, **asked)
        return np.abs((losses.mean(axis=1) - mean) / error).max()

    residual(z(), 4)
    whole = frozen.FrozenRows.noise
    monkeypatch.setattr(frozen.FrozenRows, "noise", lambda *a, **k: 0.9 * whole(*a, **k))
    assert z() > 5, "a wrong coefficient is not seen"


def test_the_noise_of_perturbations_is_seen():
    W0, W, B, Sigma, E = solution()
    losses = runs(E, W0, W, B, Sigma, 0.015, "node_perturbation", 10_000, STEPS)
    without = theory.frozen_mean_loss(
        E, W0, W, None, Sigma, learning_rate=0.015, steps=STEPS, rule="backprop"
    )
    error = losses.std(axis=1) / np.sqrt(losses.shape[1]) + 1e-12
    assert np.abs((losses.mean(axis=1) - without) / error).max() > 5


@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.parametrize("rule", RULES[:2] + RULES[3:])
def test_late_rates_are_those_of_the_recursion(rule, coloured):
    """Rate and limit of `late_learning` come by another way: rows one by one, or a spectrum."""
    W0, W, B, Sigma, E = solution(coloured)
    B = B if rule == "feedback_alignment" else None
    limit = theory.largest_stable_learning_rate(W0, W, B, Sigma, rule=rule)
    for part in (0.5, 1.0, 1.1):
        late = theory.late_learning(W0, W, B, Sigma, learning_rate=part * limit, rule=rule)
        mean = theory.frozen_mean_loss(
            E, W0, W, B, Sigma, learning_rate=part * limit, rule=rule, steps=[4000, 4001]
        )
        assert np.log(mean[1] / mean[0]) == pytest.approx(late.mean_rate, abs=1e-5)
        assert late.stable == (part < 1) or part == 1.0
        if part == 1.0:
            assert abs(late.mean_rate) < 1e-7
            assert late.excess == pytest.approx(1, abs=1e-6)


def test_the_noise_of_perturbations_lowers_the_limit():
    W0, W, *_ = solution()
    perturbed = theory.largest_stable_learning_rate(W0, W, None, rule="node_perturbation")
    assert perturbed < 0.7 * theory.largest_stable_learning_rate(W0, W, None, rule="backprop")
    # With no hidden weights it is the known limit of perturbed learning of the first layer.
    only = theory.largest_stable_learning_rate(0 * W0, W, None, rule="node_perturbation")
    known = theory.node_perturbation_stability(W, 6).node_perturbation
    assert only == pytest.approx(known, rel=1e-9)
    late = theory.late_learning(W0, W, None, learning_rate=0.01, rule="node_perturbation")
    assert np.isnan([late.typical_rate, late.log_variance]).all()
    with pytest.raises(RegimeError, match="typical rate under 'node_perturbation' is not known"):
        theory.largest_stable_learning_rate(
            W0, W, None, rule="node_perturbation", criterion="typical"
        )
    with pytest.raises(RegimeError, match="does not attract the error"):
        theory.largest_stable_learning_rate(0 * W0, 0 * W, None, rule="node_perturbation")


def test_directions_without_input_play_no_part():
    W0, W, B, _, E = solution()
    Sigma = np.diag([1.0, 2.0, 0.5, 1.0, 0.0, 0.0])
    some = np.arange(4)
    asked = {"learning_rate": 0.05, "steps": [0, 10]}
    whole = theory.frozen_mean_loss(E, W0, W, B, Sigma, **asked)
    part = theory.frozen_mean_loss(E[:, some], W0[:, some], W, B, Sigma[:4, :4], **asked)
    np.testing.assert_allclose(whole, part, rtol=1e-12)


def test_what_does_not_fit_is_refused():
    W0, W, B, _, E = solution()
    with pytest.raises(ArrayError, match="E "):
        theory.frozen_mean_loss(E.T, W0, W, B, learning_rate=0.1, steps=[1])
    with pytest.raises(RegimeError, match="learning_rate must be positive"):
        theory.frozen_mean_loss(E, W0, W, B, learning_rate=-0.1, steps=[1])
    with pytest.raises(ArrayError, match="whole numbers that increase"):
        theory.frozen_mean_loss(E, W0, W, B, learning_rate=0.1, steps=[2, 1])


def test_ten_thousand_runs_rest_at_the_mean_square_limit():
    """From the slowest moments on, the mean over runs neither grows nor decays where chi is 1."""
    rng = np.random.default_rng(3)
    W0, W = 0.2 * rng.normal(size=(50, 40)), 0.4 * rng.normal(size=(4, 50))
    B = W.T + 0.1 * rng.normal(size=(50, 4))
    limit = theory.largest_stable_learning_rate(W0, W, B)
    m = np.linalg.eigvals(W @ B)
    rows = theory.late_learning(W0, W, B, learning_rate=limit).rows
    slowest = m[int(np.argmax([row.excess for row in rows]))]
    assert np.isreal(slowest)
    q, axes = np.linalg.eigh(W0.T @ W0)
    gains = slowest.real + q
    kappa, gamma = (limit * gains) ** 2, 2 * limit * gains
    deviation = np.sqrt(kappa / (gamma - 2 * kappa))  # the right eigenvector at A = 1
    steps, grown = 100, []
    for factor in (1.0, 1.02):
        # E = u f^T with M u = m u keeps this form.
        f = (rng.normal(size=(10_000, 40)) * deviation) @ axes.T
        first = (f**2).sum(1).mean()
        for _ in range(steps):
            x = rng.normal(size=f.shape)
            e = (f * x).sum(1, keepdims=True)
            f = f - factor * limit * e * (slowest.real * x + x @ (W0.T @ W0))
        grown.append(np.log((f**2).sum(1).mean() / first) / steps)
    assert abs(grown[0]) < 5e-4
    assert grown[1] > 5e-4, "a rate above the limit is not told from it"
