"""The integrator: on systems with known solutions, at its order, and at its limits."""

import itertools

import numpy as np
import pytest
from scipy.linalg import expm

from fatheory.errors import RegimeError
from fatheory.theory import dop853
from fatheory.theory.fields import linear_flow_field, with_frozen
from fatheory.theory.integrate import integrate
from fatheory.theory.phase import FlowPhase

RNG = np.random.default_rng(1)
A = RNG.normal(size=(4, 4)) - 1.5 * np.eye(4)
START = [RNG.normal(size=(4, 2)), RNG.normal(size=(1, 3))]
TIMES = np.array([0.0, 0.4, 1.0, 2.5])


def field(weights):
    """A linear system beside one that decays: both in closed form."""
    return [A @ weights[0], -2 * weights[1]]


def solution(t):
    return [expm(A * t) @ START[0], np.exp(-2 * t) * START[1]]


def error(path, moments=TIMES):
    return max(
        np.abs(W[k] - exact).max()
        for k, t in enumerate(moments)
        for W, exact in zip(path.weights, solution(t), strict=True)
    )


def test_solution_is_the_matrix_exponential():
    path = integrate(field, START, TIMES)
    assert path.diverged_at == -1
    assert error(path) < 1e-9
    for W, start in zip(path.weights, START, strict=True):
        np.testing.assert_array_equal(W[0], start)


def test_the_error_falls_with_the_tolerance():
    """With error control per step, the error is proportional to the tolerance, up to its order.

    Steps of length h have local error h^8 and global error h^7 per unit of tolerance h^8.
    """
    tolerances = np.geomspace(1e-4, 1e-11, 15)
    errors = [error(integrate(field, START, TIMES, (), r, 1e-3 * r)) for r in tolerances]
    slope = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    assert abs(slope - 1) < 0.125 + 0.1


def test_times_at_once_are_times_one_by_one():
    together = integrate(field, START, TIMES)
    for k, t in enumerate(TIMES):
        alone = integrate(field, START, np.array([t]))
        for a, b in zip(together.weights, alone.weights, strict=True):
            np.testing.assert_allclose(a[k], b[0], rtol=0, atol=1e-8)


def test_restart_is_one_run():
    first = integrate(field, START, np.array([1.0]))
    second = integrate(field, [W[0] for W in first.weights], np.array([1.5]))
    whole = integrate(field, START, np.array([2.5]))
    for a, b in zip(second.weights, whole.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


def test_phases_freeze_layers_one_after_another():
    phases = (FlowPhase(1.0, frozenset({2})), FlowPhase(0.5, frozenset({1, 2})), FlowPhase(1.0))
    path = integrate(field, START, np.array([0.0, 0.5, 1.0, 1.2, 1.5, 2.5]), phases)
    first, second = path.weights
    np.testing.assert_array_equal(second[:5], np.broadcast_to(START[1], (5, 1, 3)))
    np.testing.assert_allclose(second[5], np.exp(-2) * START[1], atol=1e-9)
    for k, t in enumerate((0.0, 0.5, 1.0, 1.0, 1.0, 2.0)):
        np.testing.assert_allclose(first[k], expm(A * t) @ START[0], atol=1e-9)


def test_frozen_layers_are_not_seen_by_an_empty_set():
    assert with_frozen(field, frozenset()) is field


def test_blow_up_is_marked_not_raised():
    """dW/dt = W^2 from 1 ends at t = 1."""
    path = integrate(lambda w: [w[0] ** 2], [np.ones((1, 1))], np.array([0.5, 0.9, 1.1, 2.0]))
    np.testing.assert_allclose(path.weights[0][:2, 0, 0], [2, 10], rtol=1e-8)
    assert np.isnan(path.weights[0][2:]).all()
    assert path.diverged_at == 2
    phases = (FlowPhase(1.5), FlowPhase(0.5))
    path = integrate(lambda w: [w[0] ** 2], [np.ones((1, 1))], np.array([0.5, 1.9]), phases)
    np.testing.assert_array_equal(np.isnan(path.weights[0][:, 0, 0]), [False, True])


def test_times_behind_the_last_phase_are_refused():
    with pytest.raises(RegimeError, match=r"times reach 2.5, but the phases end at 2.0; lengthen"):
        integrate(field, START, TIMES, (FlowPhase(1.0), FlowPhase(1.0)))


def test_work_is_bounded(monkeypatch):
    monkeypatch.setattr(dop853, "MAX_EVALUATIONS", 50)
    with pytest.raises(RegimeError, match=r"followed to t = .* in 50 evaluations; .* shorten"):
        integrate(field, START, TIMES)


def test_field_is_the_gradient_of_the_loss():
    """Under backprop, at depth 4: minus the derivative of 1/2 tr(E Sigma E^T), by differences."""
    rng = np.random.default_rng(2)
    sizes = [5, 4, 6, 3, 2]
    weights = [rng.normal(size=(b, a)) / 2 for a, b in itertools.pairwise(sizes)]
    T, X = rng.normal(size=(2, 5)), rng.normal(size=(5, 9))
    Sigma = X @ X.T / 9

    def loss(weights):
        E = T - np.linalg.multi_dot(weights[::-1])
        return 0.5 * np.trace(E @ Sigma @ E.T)

    moved = linear_flow_field(lambda W, state: W, [None] * 4, T, Sigma)(weights)
    for layer, d in enumerate(moved):
        direction = rng.normal(size=d.shape)

        def along(s, layer=layer, direction=direction):
            return loss([W + s * direction if i == layer else W for i, W in enumerate(weights)])

        slope = (along(1e-4) - along(-1e-4)) / 2e-4
        np.testing.assert_allclose(slope, -np.sum(d * direction), rtol=1e-6)
