from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory.deep import DIRECT, deep_flow
from fatheory.theory.deep_mode import DeepMode
from fatheory.theory.deep_modes import deep_modes

TIMES = np.linspace(0, 2, 6)


def frame(rng, rows, columns):
    return np.linalg.qr(rng.normal(size=(rows, columns)))[0]


def spectral_problem(seed, sizes, start=0.6):
    """Direct feedback, weights spectral in its frames (plus what no mode sees), target, input."""
    rng = np.random.default_rng(seed)
    n_in, n_out = sizes[0], sizes[-1]
    U, s, Vt = np.linalg.svd(rng.normal(size=(n_out, n_in)), full_matrices=False)
    modes = len(s)
    R = [Vt.T, *(frame(rng, n, modes) for n in sizes[1:-1]), U]
    F = [r * rng.uniform(0.5, 1.5, modes) @ U.T for r in R[1:-1]]
    W = [start * (above * rng.normal(size=modes)) @ below.T for below, above in pairwise(R)]
    for layer, (below, above) in enumerate(pairwise(R)):
        K = 0.3 * start * rng.normal(size=W[layer].shape)
        W[layer] += K - above @ (above.T @ K) - (K - above @ (above.T @ K)) @ below @ below.T
    Q = frame(rng, n_in, n_in)
    rest = Q - Vt.T @ (Vt @ Q)
    Sigma = Vt.T * rng.uniform(0.5, 1.5, modes) @ Vt + rest @ rest.T
    return W, F, U * s @ Vt, Sigma


@pytest.mark.catalogue("deep.modes")
@pytest.mark.parametrize("sizes", [(4, 6, 3), (3, 6, 5, 4), (4, 6, 7, 5, 3)])
@pytest.mark.parametrize("start", [0.0, 0.6])
def test_modes_are_the_matrix_flow(sizes, start, residual):
    W, F, T, Sigma = spectral_problem(len(sizes), sizes, start)
    modes = deep_modes(W, F, T, Sigma, rule=DIRECT)
    solved = deep_flow(W, F, T, Sigma, times=TIMES, rule=DIRECT, rtol=1e-12, atol=1e-13)
    for layer, weight in enumerate(modes.weights(TIMES), start=1):
        residual(float(np.abs(weight - solved[f"weight_{layer}"]).max()), 1e-9)
    np.testing.assert_allclose(modes.loss(TIMES), solved.loss, atol=1e-9)


def test_layered_feedback_separates_too():
    rng = np.random.default_rng(1)
    B = [1.2 * frame(rng, 6, 5), 0.7 * frame(rng, 5, 3)]
    W = [np.zeros((6, 4)), np.zeros((5, 6)), np.zeros((3, 5))]
    T = rng.normal(size=(3, 4))
    solved = deep_flow(W, B, T, times=TIMES)
    for layer, weight in enumerate(deep_modes(W, B, T).weights(TIMES), start=1):
        np.testing.assert_allclose(weight, solved[f"weight_{layer}"], atol=1e-8)


@pytest.mark.catalogue("deep.modes.time")
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_clock_and_closed_form_agree(depth, residual):
    rng = np.random.default_rng(depth)
    for start in (np.zeros(depth), 0.5 * rng.normal(size=depth), 0.5 * rng.normal(size=depth)):
        mode = DeepMode(1.4, 0.8, tuple(start), tuple(rng.choice([-1, 1], depth - 1) * 0.9))
        times = np.linspace(0, 1.5, 5)
        for t, tau in zip(times, mode.clock(times), strict=True):
            residual(abs(mode.time_at(float(tau)) - t), 1e-9)


@pytest.mark.catalogue("deep.modes.time")
def test_closed_form_is_the_integral_of_the_equation(residual):
    mode = DeepMode(1.4, 0.8, (0.2, -0.3, 0.1, 0.4), (0.9, 1.1, -0.7))
    tau = 0.5 * float(mode.clock([5.0])[0])
    integral, _ = quad(lambda x: 1 / (0.8 * mode.error(x)), 0, tau, epsabs=1e-13)
    residual(abs(mode.time_at(tau) - integral), 1e-11)


@pytest.mark.catalogue("deep.modes.time")
def test_depth_two_from_zero_is_the_cubic_solution(residual):
    s, f = 1.3, 1.7
    mode = DeepMode(s, 1.0, (0.0, 0.0), (f,))
    end = (2 * s / f**2) ** (1 / 3)
    for u in (0.05, 0.4, 0.8, 0.99):
        logarithms = -np.log(1 - u) / 3 + np.log(1 + u + u**2) / 6
        arc = (np.arctan((2 * u + 1) / np.sqrt(3)) - np.pi / 6) / np.sqrt(3)
        residual(abs(mode.time_at(u * end) - end / s * (logarithms + arc)), 1e-12)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_learning_time_from_zero_has_its_exponent(depth):
    strengths = np.array([0.5, 1.0, 2.0, 4.0])
    n, times = 2**depth - 1, []
    for s in strengths:
        mode = DeepMode(s, 1.0, (0.0,) * depth, (0.8,) * (depth - 1))
        kappa = -mode.error.coef[-1]
        times.append(mode.time_at(0.7 * (s / kappa) ** (1 / n)))
    slope = np.polyfit(np.log(strengths), np.log(times), 1)[0]
    assert slope == pytest.approx(1 / n - 1, abs=1e-10)


def test_every_spectral_start_learns_whatever_the_signs():
    rng = np.random.default_rng(9)
    for _ in range(12):
        signs = rng.choice([-1.0, 1.0], 2)
        mode = DeepMode(1.0, 1.0, tuple(rng.normal(size=3)), tuple(signs))
        assert abs(mode.error(mode.clock([20.0])[0])) < 1e-3


def test_polynomials_have_their_degrees():
    mode = DeepMode(1.0, 1.0, (0.3, 0.2, -0.4, 0.1), (1.0, -2.0, 0.5))
    assert [a.degree() for a in mode.strengths] == [1, 2, 4, 8]
    assert mode.error.degree() == 15


def test_unreachable_clock_readings_are_refused():
    mode = DeepMode(1.0, 1.0, (0.3, 0.2), (1.0,))
    assert mode.time_at(0.0) == 0.0
    with pytest.raises(RegimeError, match="the clock never shows 50: it runs from 0 towards"):
        mode.time_at(50.0)
    with pytest.raises(RegimeError, match=r"the clock never shows -0\.1"):
        mode.time_at(-0.1)
    with pytest.raises(RegimeError, match="does not move"):
        DeepMode(1.0, 0.0, (0.3, 0.2), (1.0,)).time_at(0.1)
    # epsilon = s - tau (tau^2 / 2 + c) at a value of s with a double root ahead of a simple one
    c = -1.5
    with pytest.raises(RegimeError, match="roots of the error nearly coincide"):
        DeepMode(1.0, 1.0, (0.0, c), (1.0,)).time_at(0.5)


def test_starts_that_do_not_separate_are_refused():
    W, F, T, Sigma = spectral_problem(3, (4, 6, 5, 3))
    rng = np.random.default_rng(0)
    with pytest.raises(RegimeError, match=r"Sigma V .* use deep_flow"):
        deep_modes(W, F, T, np.diag([1.0, 2, 3, 4]), rule=DIRECT)
    with pytest.raises(RegimeError, match=r"off-diagonal part of U\^T F_2\^T F_2 U"):
        deep_modes(W, [F[0], F[1] @ rng.normal(size=(3, 3))], T, Sigma, rule=DIRECT)
    with pytest.raises(RegimeError, match=r"W_1 - R diag"):
        deep_modes([rng.normal(size=(6, 4)), *W[1:]], F, T, Sigma, rule=DIRECT)
    with pytest.raises(RegimeError, match="no error of mode 0 arrives at hidden layer 1"):
        deep_modes(W, [0 * F[0], F[1]], T, Sigma, rule=DIRECT)
    with pytest.raises(UnknownNameError, match="'backprop'"):
        deep_modes(W, F, T, rule="backprop")
