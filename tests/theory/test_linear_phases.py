import numpy as np
import pytest
from scipy.linalg import expm

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.flow import flow
from fatheory.theory.linear_phases import (
    frozen_output_weights,
    phases_closed_form,
    shallow_weights,
)
from fatheory.theory.phase import FlowPhase

INPUT, OUTPUT = frozenset({1}), frozenset({2})
# Lillicrap et al. 2016, Fig. 5c: W0 learns, then W, then W0 again; a rest between.
PHASES = (
    FlowPhase(1.0, OUTPUT),
    FlowPhase(1.5, INPUT),
    FlowPhase(0.5, INPUT | OUTPUT),
    FlowPhase(2.0, OUTPUT),
)
TIMES = np.array([0.0, 0.3, 1.0, 1.7, 2.5, 2.7, 3.0, 3.5, 5.0])


def network(seed=0, n_i=5, n_h=7, n_o=3):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n_i, n_i - 1))  # a covariance with a direction without input
    return (
        0.3 * rng.normal(size=(n_h, n_i)),
        0.3 * rng.normal(size=(n_o, n_h)),
        0.5 * rng.normal(size=(n_h, n_o)),
        rng.normal(size=(n_o, n_i)),
        A @ A.T / n_i,
    )


@pytest.mark.catalogue("phases.closed_form")
@pytest.mark.parametrize(
    "rule", ["feedback_alignment", "backprop", "shallow", "pseudobackprop", "usf"]
)
def test_phases_follow_the_flow(residual, rule):
    W0, W, B, T, Sigma = network()
    B = B if rule == "feedback_alignment" else None
    exact = phases_closed_form(W0, W, B, T, Sigma, times=TIMES, phases=PHASES, rule=rule)
    ode = flow(W0, W, B, T, Sigma, times=TIMES, phases=PHASES, rule=rule, rtol=1e-12, atol=1e-14)
    assert set(exact.variables) == set(ode.variables)
    for name in ode.data_vars:
        assert exact[name].dims == ode[name].dims
        residual(np.abs(exact[name].values - ode[name].values).max(), 1e-9)


@pytest.mark.catalogue("shallow.solution")
def test_shallow_error_decays_by_the_matrix_exponential(residual):
    W0, W, _, T, Sigma = network(1)
    path = shallow_weights(W0, W, T, Sigma, TIMES)
    for t, Wt in zip(TIMES, path, strict=True):
        expected = (T - W @ W0) @ expm(-Sigma @ W0.T @ W0 * t)
        residual(np.abs(T - Wt @ W0 - expected).max(), 1e-12)


@pytest.mark.catalogue("frozen.solution")
def test_frozen_error_decays_mode_by_mode(residual):
    W0, W, B, T, Sigma = network(2)
    path = frozen_output_weights(W0, W, B, T, Sigma, TIMES)
    values, vectors = np.linalg.eigh(Sigma)
    for t, W0t in zip(TIMES, path, strict=True):
        modes = zip(values, vectors.T, strict=True)
        expected = [expm(-v * t * W @ B) @ (T - W @ W0) @ q for v, q in modes]
        residual(np.abs((T - W @ W0t) @ vectors - np.array(expected).T).max(), 1e-11)


@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop"])
def test_gradient_steps_approach_the_closed_form_at_slope_one(rule):
    W0, W, B, T, Sigma = network(3)
    phases = PHASES[:2]
    exact = phases_closed_form(W0, W, B, T, Sigma, times=[2.5], phases=phases, rule=rule)
    rates, errors = 2.0 ** -np.arange(6, 11), []
    for eta in rates:
        A, C = W0.copy(), W.copy()
        for phase in phases:
            for _ in range(round(phase.duration / eta)):
                E = T - C @ A
                if phase.frozen == OUTPUT:
                    A = A + eta * (B if rule == "feedback_alignment" else C.T) @ E @ Sigma
                else:
                    C = C + eta * E @ Sigma @ A.T
        difference = [A - exact["weight_1"].values[0], C - exact["weight_2"].values[0]]
        errors.append(np.sqrt(sum(np.sum(d**2) for d in difference)))
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(1, abs=0.1)


def test_shallow_learning_ends_at_the_nearest_least_squares_solution():
    W0, W, _, T, Sigma = network(4, n_i=6, n_h=3)
    late = shallow_weights(W0, W, T, Sigma, [1e6])[0]
    values, vectors = np.linalg.eigh(Sigma)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    best = W + (T - W @ W0) @ root @ np.linalg.pinv(W0 @ root)
    np.testing.assert_allclose(late, best, atol=1e-10)


def test_a_defective_loop_is_solved_too():
    P = np.array([[1.0, 1.0], [0.0, 1.0]])
    path = frozen_output_weights(np.zeros((2, 2)), np.eye(2), P, np.eye(2), None, [2.0])
    expected = np.eye(2) - np.exp(-2.0) * np.array([[1.0, -2.0], [0.0, 1.0]])
    np.testing.assert_allclose(path[0], expected, atol=1e-13)


def test_late_times_do_not_overflow():
    W0, W, _, T, Sigma = network(5)
    path = frozen_output_weights(W0, W, W.T, T, Sigma, [1e6])[0]
    E = T - W @ path
    assert np.trace(E @ Sigma @ E.T) < 1e-18


def test_other_regimes_are_refused():
    W0, W, B, T, Sigma = network()

    def solve(phases, last=1.0, B=B):
        return phases_closed_form(W0, W, B, T, Sigma, times=[last], phases=phases)

    with pytest.raises(RegimeError, match="phase 2 freezes no layer; the closed form"):
        solve((FlowPhase(1.0, INPUT), FlowPhase(1.0)))
    with pytest.raises(RegimeError, match=r"phase 1 freezes \[3\]"):
        solve((FlowPhase(1.0, frozenset({3})),))
    with pytest.raises(RegimeError, match=r"phase 1 must last a positive time; got 0\.0"):
        solve((FlowPhase(0.0, INPUT),))
    with pytest.raises(RegimeError, match=r"times reach 9\.0, but the phases end at 1\.0"):
        solve((FlowPhase(1.0, INPUT),), last=9.0)
    with pytest.raises(RegimeError, match="phases is empty"):
        solve(())
    with pytest.raises(RegimeError, match="needs its fixed feedback B"):
        solve((FlowPhase(1.0, INPUT),), B=None)
    with pytest.raises(RegimeError, match=r"grows like exp.* leaves the range of floating point"):
        frozen_output_weights(W0, W, -W.T, T, Sigma, [1e6])
    with pytest.raises(ArrayError, match=r"P of shape \(7, 2\) does not fit"):
        frozen_output_weights(W0, W, B[:, :2], T, Sigma, [1.0])
