"""Late online learning: its rates against frozen-weight runs, limits, and stability."""

import numpy as np
import pytest

from fatheory import theory
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.online.lms_row import lms_row


def solution(seed=0, coloured=False):
    """Converged weights of feedback alignment, 8-12-4."""
    rng = np.random.default_rng(seed)
    T, B = rng.uniform(-1, 1, (4, 8)), rng.uniform(-0.7, 0.7, (12, 4))
    W0, W = (rng.uniform(-0.01, 0.01, s) for s in ((12, 8), (4, 12)))
    C = rng.normal(size=(8, 24))
    Sigma = C @ C.T / 24 if coloured else np.eye(8)
    path = theory.flow(W0, W, B, T, Sigma, times=[0, 400.0])
    return path["weight_1"].values[-1], path["weight_2"].values[-1], B, Sigma


def frozen_runs(W0, W, V, Sigma, eta, runs, steps, kept, seed=1):
    """Follow E at frozen weights, literally; return the log losses at the kept steps."""
    rng = np.random.default_rng(seed)
    M, N, root = W @ V.T, W0.T @ W0, np.linalg.cholesky(Sigma)
    E, logs = 1e-3 * rng.normal(size=(runs, len(M), len(N))), []
    for step in range(steps + 1):
        if step in kept:
            logs.append(np.log(np.einsum("roi,ij,roj->r", E, Sigma, E)))
        x = rng.normal(size=(runs, len(N))) @ root.T
        e = np.einsum("roi,ri->ro", E, x)
        E = E - eta * ((e @ M.T)[:, :, None] * x[:, None] + e[:, :, None] * (x @ N)[:, None])
    return np.array(logs)


@pytest.mark.parametrize("coloured", [False, True])
@pytest.mark.catalogue("online.late")
def test_typical_rate_is_that_of_runs(coloured, residual):
    W0, W, B, Sigma = solution(coloured=coloured)
    eta = 0.5 * theory.largest_stable_learning_rate(W0, W, B, Sigma)
    late = theory.late_learning(W0, W, B, Sigma, learning_rate=eta)
    logs = frozen_runs(W0, W, B.T, Sigma, eta, 100, 2700, (1500, 2700))
    rate = (logs[1] - logs[0]) / 1200  # the slowest row alone is left by then
    assert rate.mean() == pytest.approx(late.typical_rate, rel=0.03)
    residual(abs(rate.mean() / late.typical_rate - 1), 0.03)
    assert late.mean_rate > late.typical_rate


@pytest.mark.slow
def test_rates_of_ten_thousand_runs():
    W0, W, B, Sigma = solution()
    eta = 0.6 * theory.largest_stable_learning_rate(W0, W, B)
    late = theory.late_learning(W0, W, B, learning_rate=eta)
    logs = frozen_runs(W0, W, B.T, Sigma, eta, 10_000, 1500, (700, 1500))
    assert (logs[1] - logs[0]).mean() / 800 == pytest.approx(late.typical_rate, rel=0.01)


def test_the_mean_is_exact_for_one_row():
    """One output without hidden learning: the second moments of the filter, drawn and solved."""
    gains, eta = np.array([0.9, 0.5, 0.2, 0.0]), 0.35
    row = lms_row(gains, eta)
    k = eta * gains
    R = np.diag(1 - 2 * k + 2 * k**2) + np.outer(k**2, np.ones(4))
    assert row.mean_growth == pytest.approx(max(np.linalg.eigvals(R[:3, :3]).real.max(), 1))
    driven = lms_row(gains[:3], eta)
    values = np.linalg.eigvals(R[:3, :3]).real
    assert driven.mean_growth == pytest.approx(values.max(), rel=1e-12)


def test_the_mean_square_limit_is_where_its_growth_is_zero():
    for coloured in (False, True):
        W0, W, B, Sigma = solution(coloured=coloured)
        limit = theory.largest_stable_learning_rate(W0, W, B, Sigma)
        at = theory.late_learning(W0, W, B, Sigma, learning_rate=limit)
        assert at.excess == pytest.approx(1, rel=1e-6)
        assert abs(at.mean_rate) < 1e-7
        assert at.typical_rate < 0
        assert theory.late_learning(W0, W, B, Sigma, learning_rate=0.9 * limit).stable
        beyond = theory.late_learning(W0, W, B, Sigma, learning_rate=1.1 * limit)
        assert not beyond.stable
        assert beyond.mean_rate > 0
        typical = theory.largest_stable_learning_rate(W0, W, B, Sigma, criterion="typical")
        assert typical > limit
        assert abs(theory.late_learning(W0, W, B, Sigma, learning_rate=typical).typical_rate) < 1e-9


def test_small_rates_are_those_of_the_flow():
    """-rate / eta tends to twice the flow's rate, with slope 1 in the learning rate."""
    W0, W, B, Sigma = solution()
    flow = 2 * theory.linearised_rate(W0, W, B, W @ W0)
    rates = np.array([4e-6, 2e-6, 1e-6])  # below the gaps between the flow's slow modes
    off = [
        flow + theory.late_learning(W0, W, B, Sigma, learning_rate=r).typical_rate / r
        for r in rates
    ]
    assert np.polyfit(np.log(rates), np.log(np.abs(off)), 1)[0] == pytest.approx(1, abs=0.1)


def test_backprop_is_feedback_of_the_weights():
    W0, W, _, Sigma = solution()
    backprop = theory.late_learning(W0, W, None, Sigma, learning_rate=0.01, rule="backprop")
    locked = theory.late_learning(W0, W, W.T, Sigma, learning_rate=0.01)
    assert backprop.mean_rate == pytest.approx(locked.mean_rate, rel=1e-12)


@pytest.mark.catalogue("online.shallow")
def test_shallow_learning_is_exact_from_the_first_step(residual):
    rng = np.random.default_rng(2)
    W0, T, W = rng.normal(size=(6, 8)) / 3, rng.normal(size=(2, 8)), rng.normal(size=(2, 6))
    C = rng.normal(size=(8, 16))
    Sigma = C @ C.T / 16
    kept, runs, eta, noise = (0, 1, 5, 20), 20_000, 0.1, 0.3
    mean = theory.shallow_mean_loss(
        W0, W, T, Sigma, learning_rate=eta, steps=list(kept), noise=noise
    )
    root, Wr, z = np.linalg.cholesky(Sigma), np.repeat(W[None], runs, 0), []
    for step in range(21):
        if step in kept:
            A = T - Wr @ W0
            loss = 0.5 * np.einsum("roi,ij,roj->r", A, Sigma, A)
            error = loss.std() / np.sqrt(runs) + 1e-12
            z.append((loss.mean() - mean[kept.index(step)]) / error)
        x = rng.normal(size=(runs, 8)) @ root.T
        h = x @ W0.T
        e = x @ T.T + noise * rng.normal(size=(runs, 2)) - np.einsum("roh,rh->ro", Wr, h)
        Wr = Wr + eta * e[:, :, None] * h[:, None]
    residual(np.abs(z).max(), 4)


def test_shallow_loss_of_a_target_in_reach_falls_below_rounding():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        W0, T = rng.normal(size=(8, 4)) / 2, rng.normal(size=(2, 4))
        ends = theory.shallow_mean_loss(W0, 0 * T @ W0.T, T, learning_rate=0.05, steps=[20_000])
        assert 0 <= ends[0] < 1e-27


def test_what_does_not_fit_is_refused():
    W0, W, B, Sigma = solution()
    with pytest.raises(RegimeError, match="learning_rate must be positive"):
        theory.late_learning(W0, W, B, learning_rate=0.0)
    with pytest.raises(ArrayError, match="n_h"):
        theory.late_learning(W0, W[:, :3], B, learning_rate=0.1)
    with pytest.raises(RegimeError, match=r"criterion must be .* got 'median'"):
        theory.largest_stable_learning_rate(W0, W, B, Sigma, criterion="median")
    with pytest.raises(ArrayError, match="whole numbers that increase"):
        theory.shallow_mean_loss(W0, W, W @ W0, learning_rate=0.1, steps=[3, 1])
