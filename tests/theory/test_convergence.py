"""Certificates against the flow: every proven bound holds, and is tight where it should be."""

import numpy as np
import pytest
from default_run import slow_but

from fatheory.errors import ArrayError, RegimeError
from fatheory.geometry import smallest_symmetric_eigenvalue
from fatheory.theory.convergence import convergence_certificate
from fatheory.theory.flow import flow

TIGHT = {"rtol": 1e-12, "atol": 1e-14}


def covariance(rng, n_i, strength=0.2):
    root = rng.normal(size=(n_i, n_i))
    return np.eye(n_i) + strength * root @ root.T


def positive_start(rng, n_o, n_h, n_i):
    """Target, feedback, covariance and a start with C > 0 on the range of B."""
    T, B = rng.normal(size=(n_o, n_i)), rng.normal(size=(n_h, n_o))
    W = rng.uniform(0.5, 2) * np.linalg.pinv(B) + 0.02 * rng.normal(size=(n_o, n_h))
    return T, B, covariance(rng, n_i), (0.05 * rng.normal(size=(n_h, n_i)), W)


@pytest.mark.catalogue("convergence.global")
@pytest.mark.parametrize("seed", range(20))
def test_global_bound_holds_along_the_flow(seed, residual):
    rng = np.random.default_rng(seed)
    T, B, Sigma, start = positive_start(rng, *[(2, 3, 3), (3, 3, 2), (2, 5, 4)][seed % 3])
    certificate = convergence_certificate(*start, B, T, Sigma)
    assert certificate.global_rate > 0
    assert certificate.converges
    times = np.linspace(0, 6, 61)
    loss = flow(*start, B, T, Sigma, times=times, **TIGHT).loss.values
    residual((loss / certificate.loss_bound(times)).max() - 1, 1e-9)


def test_global_rate_is_the_rate_for_small_targets():
    rng = np.random.default_rng(1)
    B = np.sqrt(1.7) * np.linalg.qr(rng.normal(size=(4, 2)))[0]
    W = 0.6 * B.T
    gaps = []
    sizes = 10.0 ** np.arange(-2, 0.1, 0.5)
    for size in sizes:
        T = size * np.diag([1.0, 0.5]) @ np.linalg.qr(rng.normal(size=(3, 2)))[0].T
        times = np.linspace(0, 14, 1401)
        found = convergence_certificate(np.zeros((4, 3)), W, B, T, times=times)
        assert found.global_rate == pytest.approx(0.6 * 1.7, rel=1e-12)
        assert found.measured_rate > found.global_rate
        gaps.append(found.linearised_rate / found.global_rate - 1)
    # The weights that solve the task add to the rate at second order in the target.
    assert np.polyfit(np.log(sizes), np.log(gaps), 1)[0] == pytest.approx(2, abs=0.1)


@pytest.mark.catalogue("convergence.local")
@pytest.mark.parametrize("seed", range(20))
def test_local_bound_holds_from_where_it_first_applies(seed, residual):
    rng = np.random.default_rng(seed)
    n_o, n_h, n_i = [(2, 3, 3), (3, 4, 2), (1, 3, 3)][seed % 3]
    T = 1.5 * np.linalg.qr(rng.normal(size=(max(n_o, n_i), min(n_o, n_i))))[0]
    T = T if T.shape == (n_o, n_i) else T.T
    B = np.linalg.qr(rng.normal(size=(n_h, n_o)))[0] * rng.uniform(0.8, 1.3, size=n_o)
    Sigma = covariance(rng, n_i, 0.05)
    small = 0.1 * rng.normal(size=(n_h, n_i)), 0.1 * rng.normal(size=(n_o, n_h))
    times = np.linspace(0, 25, 101)
    path = flow(*small, B, T, Sigma, times=times, **TIGHT)
    loss = path.loss.values
    for k in range(len(times)):
        here = path.weight_1.values[k], path.weight_2.values[k]
        certificate = convergence_certificate(*here, B, T, Sigma)
        if certificate.local_rate is not None and certificate.initial_loss < loss[0]:
            break
    assert certificate.local_rate > 0
    assert certificate.initial_loss == pytest.approx(loss[k])
    later = times[k:] - times[k]
    # Further down the integrator's own error is the loss.
    above = loss[k:] > 1e-18
    residual((loss[k:] / certificate.loss_bound(later))[above].max() - 1, 1e-6)


def test_local_rate_approaches_what_the_eigenvalues_give_as_the_loss_vanishes():
    rng = np.random.default_rng(2)
    B = np.linalg.qr(rng.normal(size=(4, 2)))[0]
    W0, W = rng.normal(size=(4, 3)), B.T + 0.1 * rng.normal(size=(2, 4))
    direction = rng.normal(size=(2, 3))
    limit = smallest_symmetric_eigenvalue(W, B) + np.linalg.eigvalsh(W0.T @ W0)[0]
    sizes = 10.0 ** np.arange(-6, -2.4, 0.5)
    gaps = [
        limit - convergence_certificate(W0, W, B, W @ W0 + size * direction).local_rate
        for size in sizes
    ]
    assert np.polyfit(np.log(sizes), np.log(gaps), 1)[0] == pytest.approx(1, abs=0.1)
    solved = convergence_certificate(W0, W, B, W @ W0)
    assert solved.local_rate == pytest.approx(limit, rel=1e-10)


@pytest.mark.catalogue("convergence.local")
def test_local_rate_is_the_smallest_root_of_the_path_length_equation(residual):
    rng = np.random.default_rng(6)
    for size in (1e-4, 1e-3, 5e-3):
        # Fewer hidden units than inputs: W0^T W0 has eigenvalue 0 and the equation is a cubic.
        W0, B = rng.normal(size=(2, 3)), np.linalg.qr(rng.normal(size=(2, 2)))[0] * [0.9, 1.4]
        W = np.linalg.inv(B) + 0.1 * rng.normal(size=(2, 2))
        Sigma = np.diag([1.0, 1.5, 2.0])
        found = convergence_certificate(W0, W, B, W @ W0 + size * rng.normal(size=(2, 3)), Sigma)
        s = np.linalg.eigvalsh(W @ B + (W @ B).T)[0] / 2
        b, w = np.linalg.norm(B, 2), np.linalg.norm(W0, 2)
        a = np.sqrt(2 * found.initial_loss * 2.0)
        roots = np.roots([-(b**2), -b * w, s, -a])
        D = min(root.real for root in roots if abs(root.imag) < 1e-12 and root.real > 0)
        residual(abs(found.local_rate * D / a - 1), 1e-6)
    far = convergence_certificate(W0, W, B, W @ W0 + np.ones((2, 3)), Sigma)
    assert far.local_rate is None


@pytest.mark.catalogue("convergence.bounded")
@pytest.mark.parametrize("seed", slow_but(range(4), range(20)))
def test_zero_start_decays_without_a_rise_to_zero_error(seed, residual):
    rng = np.random.default_rng(seed)
    n_o, n_h, n_i = [(2, 3, 3), (2, 4, 2), (3, 3, 3)][seed % 3]
    T = rng.normal(size=(n_o, n_i)) + 1.5 * np.eye(n_o, n_i)
    B = np.linalg.qr(rng.normal(size=(n_h, n_o)))[0] * rng.uniform(0.8, 1.5, size=n_o)
    Sigma = covariance(rng, n_i)
    zero = np.zeros((n_h, n_i)), np.zeros((n_o, n_h))
    certificate = convergence_certificate(*zero, B, T, Sigma)
    assert certificate.balanced
    assert certificate.bounded_flow_converges
    assert certificate.global_rate is None
    path = flow(*zero, B, T, Sigma, times=np.linspace(0, 60, 241), **TIGHT)
    BE = B @ (T - path.weight_2.values @ path.weight_1.values)
    F = np.sum((BE @ Sigma) * BE, axis=(1, 2))
    above = 1e-18 * F[0] < F
    assert above.sum() > 10
    assert (np.diff(F[above]) < 0).all()
    residual(path.loss.values[-1] / path.loss.values[0], 1e-10)


def test_conditions_say_what_fails():
    rng = np.random.default_rng(3)
    T, B = rng.normal(size=(3, 3)), rng.normal(size=(4, 3))
    zero = np.zeros((4, 3)), np.zeros((3, 4))
    good = convergence_certificate(*zero, B, T)
    assert (good.feedback_rank, good.feedback_full_rank, good.wide_enough) == (3, True, True)
    assert good.covariance_full_rank
    assert good.error_eigenvalue == 0
    assert not good.converges
    assert np.isinf(good.loss_bound([0.0, 1.0])).all()

    narrow = convergence_certificate(np.zeros((2, 3)), np.zeros((3, 2)), B[:2], T)
    assert (narrow.feedback_rank, narrow.feedback_full_rank) == (2, False)
    assert not narrow.wide_enough
    assert not narrow.bounded_flow_converges

    blind = convergence_certificate(*zero, B, T, np.diag([1.0, 1.0, 0.0]))
    assert not blind.covariance_full_rank
    assert not blind.bounded_flow_converges

    opposed = convergence_certificate(np.zeros((4, 3)), -B.T, B, T)
    assert not opposed.balanced
    assert opposed.invariant_eigenvalue < 0
    assert opposed.error_eigenvalue < 0
    assert not opposed.converges
    assert not opposed.bounded_flow_converges


def test_low_rank_target_behind_a_bottleneck_needs_no_full_rank():
    rng = np.random.default_rng(4)
    T = np.outer([1.0, 2.0, -1.0], rng.normal(size=3))
    B = rng.normal(size=(2, 3))
    zero = np.zeros((2, 3)), np.zeros((3, 2))
    certificate = convergence_certificate(*zero, B, T)
    assert (certificate.feedback_rank, certificate.feedback_full_rank) == (2, True)
    assert certificate.bounded_flow_converges
    assert float(flow(*zero, B, T, times=[80.0], **TIGHT).loss[0]) < 1e-15


def test_measured_rates_come_with_times_and_failures_say_why():
    rng = np.random.default_rng(5)
    T, B, Sigma, start = positive_start(rng, 2, 3, 3)
    found = convergence_certificate(*start, B, T, Sigma, times=np.linspace(0, 30, 1501))
    assert found.measured_rate == pytest.approx(found.linearised_rate, rel=0.02)
    assert found.measured_rate >= found.global_rate
    with pytest.raises(RegimeError, match="take the times closer together"):
        convergence_certificate(*start, B, T, Sigma, times=[0.0, 50.0])
    zero = np.zeros((2, 2))
    with pytest.raises(RegimeError, match="there is nothing to learn"):
        convergence_certificate(zero, zero, np.eye(2), zero)
    with pytest.raises(ArrayError, match="Sigma must be symmetric"):
        convergence_certificate(*start, B, T, np.triu(np.ones((3, 3))))
    with pytest.raises(ArrayError, match="times must not be negative"):
        found.loss_bound([-1.0])
