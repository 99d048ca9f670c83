import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.backprop_modes import backprop_aligned_weights, backprop_modes
from fatheory.theory.flow import flow

TIMES = np.array([0.0, 0.2, 0.7, 1.5, 3.0, 6.0])


def aligned_start(rng, n_i=5, n_h=7, n_o=3):
    """Return weights whose modes are orthogonal but not parallel, and the target."""
    T = rng.normal(size=(n_o, n_i))
    U, _, Vt = np.linalg.svd(T)
    R = np.linalg.qr(rng.normal(size=(n_h, n_h)))[0]
    a, b, c = rng.normal(size=(3, n_o)) * 0.4
    P, Q = np.zeros((n_i, n_h)), np.zeros((n_o, n_h))
    P[:n_o] = a[:, None] * R[:n_o]
    P[n_o:] = 0.3 * R[n_h - (n_i - n_o) :]
    Q[:] = b[:, None] * R[:n_o]
    Q[0] += c[0] * R[n_o]  # a second direction within mode 0
    return P.T @ Vt, U @ Q, T, Vt


@pytest.mark.catalogue("backprop.modes")
def test_balanced_modes_are_the_logistic_of_saxe(residual):
    s, start = np.array([3.0, 1.0, 0.4]), np.array([1e-3, 1e-2, 0.9])
    t = np.linspace(0, 20, 41)
    path = backprop_modes(np.sqrt(start), np.sqrt(start), s, t)
    growth = np.exp(2 * s * t[:, None])
    logistic = s * growth / (growth - 1 + s / start)
    residual(np.abs(path.product - logistic).max(), 1e-12)


@pytest.mark.catalogue("backprop.modes")
def test_unbalanced_modes_satisfy_the_hyperbolic_solution_of_saxe(residual):
    a0, b0, s = 0.9, 0.2, 1.3
    t = np.linspace(0, 4, 33)
    product = backprop_modes(a0, b0, s, t).product[:, 0]
    c = a0**2 - b0**2
    root = np.hypot(c, 2 * s)

    def clock(product):
        tangent = np.tanh(np.arcsinh(2 * product / c) / 2)
        return np.log((root + c + 2 * s * tangent) / (root - c - 2 * s * tangent)) / root

    residual(np.abs(clock(product) - clock(product[0]) - t).max(), 1e-11)


@pytest.mark.catalogue("backprop.aligned_weights")
@pytest.mark.parametrize("seed", [0, 1])
def test_aligned_weights_follow_the_flow(residual, seed):
    W0, W, T, Vt = aligned_start(np.random.default_rng(seed))
    Sigma = Vt.T @ np.diag([0.5, 1.0, 2.0, 0.0, 1.5]) @ Vt
    W0s, Ws = backprop_aligned_weights(W0, W, T, Sigma, TIMES)
    ode = flow(W0, W, None, T, Sigma, times=TIMES, rule="backprop", rtol=1e-12, atol=1e-14)
    residual(np.abs(W0s - ode["weight_1"].values).max(), 1e-9)
    residual(np.abs(Ws - ode["weight_2"].values).max(), 1e-9)


def test_gradient_steps_approach_the_closed_form_at_slope_one():
    W0, W, T, _ = aligned_start(np.random.default_rng(2))
    final = 1.0
    exact = np.concatenate(
        [w[0].ravel() for w in backprop_aligned_weights(W0, W, T, None, [final])]
    )
    rates, errors = 2.0 ** -np.arange(6, 11), []
    for eta in rates:
        A, C = W0.copy(), W.copy()
        for _ in range(round(final / eta)):
            E = T - C @ A
            A, C = A + eta * C.T @ E, C + eta * E @ A.T
        errors.append(np.linalg.norm(np.concatenate([A.ravel(), C.ravel()]) - exact))
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(1, abs=0.1)


@settings(deadline=None, max_examples=60)
@given(
    a=st.floats(-3, 3),
    b=st.floats(-3, 3),
    s=st.floats(0, 4),
    t=st.floats(0, 5),
    u=st.floats(0, 5),
)
def test_semigroup_and_invariant(a, b, s, t, u):
    both = backprop_modes(a, b, s, [t + u])
    first = backprop_modes(a, b, s, [t])
    second = backprop_modes(first.a[0], first.b[0], s, [u])
    # Near a + b = 0 the flow itself amplifies rounding by e^{s u}.
    tolerance = 1e-13 * np.exp(s * u) + 1e-12
    np.testing.assert_allclose(second.a, both.a, atol=tolerance)
    np.testing.assert_allclose(both.a**2 - both.b**2, a * a - b * b, atol=1e-11)


def test_the_start_and_the_limit_are_exact():
    a0, b0, s = np.array([0.1, -0.3, 1.0, 0.7, 0.0]), np.array([0.2, 0.1, -1.0, 0.7, 0.0]), 2.0
    path = backprop_modes(a0, b0, s, [0.0, np.inf])
    np.testing.assert_array_equal(path.a[0], a0)
    np.testing.assert_array_equal(path.b[0], b0)
    np.testing.assert_allclose(path.product[1], [2, 2, 0, 2, 0], atol=1e-14)


def test_tiny_starts_and_late_times_keep_their_digits():
    a0 = 1e-200
    halfway = np.log(1 / a0)  # e^{2 s t} = s / a0^2 at s = 1
    path = backprop_modes(a0, a0, 1.0, [halfway, 1e6])
    np.testing.assert_allclose(path.product[:, 0], [0.5, 1.0], rtol=1e-12)


def test_a_mode_without_target_decays_algebraically():
    t = np.array([0.0, 1.0, 1e8])
    path = backprop_modes(0.5, 0.5, 0.0, t)
    np.testing.assert_allclose(path.product[:, 0], 0.25 / (1 + 0.5 * t), rtol=1e-14)
    assert backprop_modes(0.5, 0.5, 0.0, np.inf).product == 0.0


def test_input_variance_only_scales_time():
    slow = backprop_modes(0.1, 0.3, 1.0, TIMES, input_variance=0.25)
    plain = backprop_modes(0.1, 0.3, 1.0, TIMES / 4)
    np.testing.assert_allclose(slow.a, plain.a, rtol=1e-14)


def test_bad_input_is_refused():
    with pytest.raises(RegimeError, match=r"s must not be negative; its smallest entry is -1\.0"):
        backprop_modes(0.1, 0.1, -1.0, [1.0])
    with pytest.raises(ArrayError, match=r"s must be a scalar or have shape \(3,\); got \(2,\)"):
        backprop_modes([0.1] * 3, 0.1, [1.0, 2.0], [1.0])
    with pytest.raises(ArrayError, match="times must be a non-empty list of numbers from 0"):
        backprop_modes(0.1, 0.1, 1.0, [-1.0])
    rng = np.random.default_rng(0)
    W0, W, T = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    with pytest.raises(RegimeError, match=r"W0\^T W0 must be diagonal .* use riccati_flow"):
        backprop_aligned_weights(W0, W, T, None, [1.0])
    W0, W, T, _ = aligned_start(rng)
    with pytest.raises(RegimeError, match="Sigma must be diagonal"):
        backprop_aligned_weights(W0, W, T, np.diag([1.0, 2, 3, 4, 5]), [1.0])
