"""The deep reduction against full weights: flow, SGD, decay, infinite width, refusals."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm

from fatheory import theory
from fatheory.errors import ArrayError, RegimeError, UnknownNameError

FA, DFA = "feedback_alignment", "direct_feedback_alignment"


def problem(layers, rule, seed=0):
    rng = np.random.default_rng([seed, layers])
    n = [5, *rng.integers(3, 8, layers - 1), 3]
    A = [rng.normal(0, 0.4, (n[i + 1], n[i])) for i in range(layers)]
    B = [rng.normal(0, 0.5, (n[i], n[i + 1])) for i in range(1, layers)]
    F = [rng.normal(0, 0.5, (n[i], n[-1])) for i in range(1, layers)]
    T, C = rng.normal(size=(n[-1], n[0])), rng.normal(size=(n[0], 12))
    return A, B if rule == FA else F, T, C @ C.T / 12


def paths(A, feedback, rule):
    """F_1 ... F_L, written out."""
    F = [np.eye(len(A[-1]))]
    if rule == DFA:
        return [*feedback, *F]
    for B in feedback[::-1]:
        F.insert(0, B @ F[0])
    return F


def literal_field(W, F, T, Sigma, decay):
    below = [np.eye(T.shape[1])]
    for w in W:
        below.append(w @ below[-1])
    E = (T - below[-1]) @ Sigma
    return [f @ E @ p.T - decay * w for f, p, w in zip(F, below[:-1], W, strict=True)]


def runge_kutta(W, field, span, steps):
    h = span / steps
    for _ in range(steps):
        k1 = field(W)
        k2 = field([w + h / 2 * k for w, k in zip(W, k1, strict=True)])
        k3 = field([w + h / 2 * k for w, k in zip(W, k2, strict=True)])
        k4 = field([w + h * k for w, k in zip(W, k3, strict=True)])
        W = [
            w + h / 6 * (a + 2 * b + 2 * c + d)
            for w, a, b, c, d in zip(W, k1, k2, k3, k4, strict=True)
        ]
    return W


def distance(ours, theirs):
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("rule", [FA, DFA])
@pytest.mark.parametrize("layers", [2, 3, 5])
@pytest.mark.catalogue("deep_reduction.flow")
def test_flow_is_that_of_the_full_weights(layers, rule, decay, residual):
    A, feedback, T, Sigma = problem(layers, rule)
    F = paths(A, feedback, rule)
    solved = theory.deep_reduced(
        A, feedback, T, Sigma, times=[0, 0.6], rule=rule, weight_decay=decay
    )
    full = runge_kutta(A, lambda W: literal_field(W, F, T, Sigma, decay), 0.6, 600)
    residual(distance([w[-1] for w in solved.weights()], full), 1e-10)


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("rule", [FA, DFA])
def test_weights_keep_ten_digits_while_layers_are_learned(rule, seed):
    """At a tolerance of 1e-10 they were off by up to 4e-9."""
    A, feedback, T, Sigma = problem(3, rule, seed)
    asked = {"times": [0, 1, 3, 10], "rule": rule}
    solved = theory.deep_reduced(A, feedback, T, Sigma, **asked)
    exact = theory.deep_reduced(A, feedback, T, Sigma, **asked, rtol=1e-13, atol=1e-15)
    assert distance(solved.weights(), exact.weights()) < 1e-10


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_an_error_map_with_zeros_is_followed_as_any_other(decay):
    """A diagonal target and a silent readout were told as diverged."""
    A, B, _, _ = problem(3, FA)
    A[2], T = 0 * A[2], np.eye(3, 5)
    solved = theory.deep_reduced(A, B, T, times=[0, 0.6], weight_decay=decay)
    F = paths(A, B, FA)
    full = runge_kutta(A, lambda W: literal_field(W, F, T, np.eye(5), decay), 0.6, 600)
    assert distance([w[-1] for w in solved.weights()], full) < 1e-10
    learned = theory.deep_reduced(A, B, A[2] @ A[1] @ A[0], times=[0, 0.6])
    assert learned.diverged_at == -1
    np.testing.assert_array_equal(learned.E, 0)


@pytest.mark.parametrize("layers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_what_is_learned_before_the_first_time_asked(layers):
    """Errors are below the smallest number there, and SciPy had nothing to return."""
    A, B, T, Sigma = problem(layers, FA)
    # White, and so of one pace at which errors fall: others take six times the steps.
    Sigma = np.eye(len(Sigma)) if layers == 2 else Sigma
    late, later = (theory.deep_reduced(A, B, T, Sigma, times=t) for t in ([200, 3e4], [3e4]))
    assert late.loss()[1] == later.loss()[0] == 0
    np.testing.assert_allclose(late.weights()[0][1], late.weights()[0][0], rtol=1e-6)
    np.testing.assert_allclose(later.weights()[0][0], late.weights()[0][1], rtol=1e-9)
    assert theory.deep_reduced(A, B, T, Sigma, times=[0]).diverged_at == -1


def test_two_layers_are_the_two_layer_reduction():
    A, B, T, Sigma = problem(2, FA)
    deep = theory.deep_reduced(A, B, T, Sigma, times=[0, 1, 2])
    flat = theory.reduced(A[0], A[1], B[0], T, Sigma, times=[0, 1, 2])
    assert distance(deep.weights(), flat.weights()) < 1e-10


def test_the_error_map_keeps_its_relative_accuracy():
    """Far below rounding of T the loss still falls as the flow linearised there says."""
    rng = np.random.default_rng(1)
    A = [rng.normal(0, 0.3, s) for s in ((12, 4), (12, 12), (2, 12))]
    F, T = [rng.normal(0, 0.5, (12, 2)) for _ in range(2)], rng.normal(size=(2, 4))
    solved = theory.deep_reduced(A, F, T, times=[0, 0.2, 30, 31], rule=DFA)
    loss = solved.loss()
    assert 0 < loss[-1] < 1e-40
    W = [w[-1] for w in solved.weights()]
    below = [np.eye(T.shape[1])]
    for w in W:
        below.append(w @ below[-1])
    above, jacobian = np.eye(len(T)), 0
    for f, p, w in zip([*F, np.eye(len(T))][::-1], below[:-1][::-1], W[::-1], strict=True):
        jacobian = jacobian + np.kron(above @ f, (p.T @ p).T)
        above = above @ w
    # By now the weights stand still, so that E moves linearly.
    moved = (expm(-jacobian) @ solved.E[2].ravel()).reshape(T.shape)
    assert solved.E[3] == pytest.approx(moved, rel=1e-6, abs=0)
    assert solved.E[1] == pytest.approx(T - solved.product()[1], abs=1e-10)


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("rule", [FA, DFA])
@pytest.mark.parametrize("layers", [2, 4])
@pytest.mark.catalogue("deep_reduction.sgd")
def test_sgd_is_that_of_the_full_weights(layers, rule, decay, residual):
    A, feedback, T, _ = problem(layers, rule)
    F, eta = paths(A, feedback, rule), 0.003
    rng = np.random.default_rng(7)
    x, noise = rng.normal(size=(2000, 2, T.shape[1])), 0.1 * rng.normal(size=(2000, 2, len(T)))
    solved = theory.deep_reduced_sgd(
        A, feedback, T, x, noise=noise, learning_rate=eta, snapshot_steps=[0, 700, 2000],
        rule=rule, weight_decay=decay,
    )  # fmt: skip
    W = [w.copy() for w in A]
    for batch, shift in zip(x, noise, strict=True):
        h = [batch.T]
        for w in W:
            h.append(w @ h[-1])
        e = (T @ batch.T + shift.T - h[-1]) / len(batch)
        W = [
            (1 - eta * decay) * w + eta * f @ e @ g.T for w, f, g in zip(W, F, h[:-1], strict=True)
        ]
    residual(distance([w[-1] for w in solved.weights()], W), 1e-13)
    assert distance([w[0] for w in solved.weights()], A) == 0


@pytest.mark.catalogue("deep_reduction.infinite")
def test_full_weights_approach_infinite_width(residual):
    """By Runge-Kutta steps of all weights: no reduction takes part."""
    rng = np.random.default_rng(8)
    T, Sigma = rng.normal(size=(2, 4)), np.eye(4)
    infinite = theory.deep_infinite_width(
        T, weight_variances=[1, 0.5], feedback_variances=[1, 2], times=[0, 0.3]
    ).loss()[-1]
    widths, spread = np.array([16, 64]), []
    for n in widths:
        squares = []
        for _ in range(100):
            A = [rng.normal(0, n**-0.5, (n, 4)), rng.normal(0, (0.5 / n) ** 0.5, (n, n))]
            A.append(rng.normal(0, 1 / n, (2, n)))
            F = [rng.normal(0, (g / n) ** 0.5, (n, 2)) for g in (1, 2)]
            paths = [*F, np.eye(2)]
            W = runge_kutta(A, lambda W: literal_field(W, paths, T, Sigma, 0.0), 0.3, 12)  # noqa: B023
            squares.append((0.5 * np.sum((T - W[2] @ W[1] @ W[0]) ** 2) - infinite) ** 2)
        spread.append(np.sqrt(np.mean(squares)))
    residual(abs(np.log(spread[1] / spread[0]) / np.log(4) + 0.5), 0.2)


@pytest.mark.catalogue("deep_reduction.infinite")
def test_draws_approach_infinite_width(residual):
    rng = np.random.default_rng(3)
    T = rng.normal(size=(2, 4))
    infinite = theory.deep_infinite_width(
        T, weight_variances=[1, 1], feedback_variances=[1, 1], times=[0, 0.3]
    ).loss()[-1]
    widths, spread = np.array([32, 128, 512]), []
    for n in widths:
        losses = []
        for _ in range(48):
            A = [rng.normal(0, n**-0.5, s) for s in ((n, 4), (n, n))]
            F = [rng.normal(0, n**-0.5, (n, 2)) for _ in range(2)]
            A.append(rng.normal(0, 1 / n, (2, n)))
            losses.append(
                theory.deep_reduced(A, F, T, times=[0, 0.3], rule=DFA, rtol=1e-4).loss()[-1]
            )
        spread.append(np.sqrt(np.mean((np.array(losses) - infinite) ** 2)))
    slope = np.polyfit(np.log(widths), np.log(spread), 1)[0]
    residual(abs(slope + 0.5), 0.12)


def test_what_does_not_fit_is_refused():
    A, B, T, _ = problem(3, FA)
    with pytest.raises(UnknownNameError, match="backprop"):
        theory.deep_reduced(A, B, T, times=[1], rule="backprop")
    with pytest.raises(ArrayError, match="2 matrices for 3 layers"):
        theory.deep_reduced(A, B[:1], T, times=[1])
    with pytest.raises(ArrayError, match=r"W_1 of shape \(0, 5\) has the width n_1 = 0"):
        theory.deep_reduced([np.zeros((0, 5)), np.zeros((3, 0))], [np.zeros((0, 3))], T, times=[1])
    with pytest.raises(ArrayError, match=r"W0 must have rows and columns; its shape is \(0, 5\)"):
        theory.reduced(np.zeros((0, 5)), np.zeros((3, 0)), np.zeros((0, 3)), T, times=[1])
    with pytest.raises(ArrayError, match="times must increase"):
        theory.deep_reduced(A, B, T, times=[1, 0.5])
    with pytest.raises(RegimeError, match="weight_decay must be finite and not negative; got -1"):
        theory.deep_reduced(A, B, T, times=[1], weight_decay=-1)
    with pytest.raises(RegimeError, match="variance of layer 2"):
        theory.deep_infinite_width(
            T, weight_variances=[1, -1], feedback_variances=[1, 1], times=[1]
        )
    solved = theory.deep_infinite_width(
        T, weight_variances=[1], feedback_variances=[1], times=[0, 1]
    )
    with pytest.raises(RegimeError, match="not the weights"):
        solved.weights()


def test_what_is_learnt_to_the_end_stays():
    A, F = [np.ones((1, 1))] * 3, [np.ones((1, 1))] * 2
    solved = theory.deep_reduced(A, F, [[5.0]], times=[0, 1, 1e6, 2e6], rule=DFA)
    assert solved.loss()[1] > 0
    assert solved.loss()[2:].tolist() == [0.0, 0.0]
    assert solved.product()[2:, 0, 0] == pytest.approx(5.0, rel=1e-12)


def test_sgd_that_blows_up_is_marked():
    A, F, T, _ = problem(3, DFA)
    x = np.random.default_rng(0).normal(size=(200, 1, 5))
    solved = theory.deep_reduced_sgd(
        A, F, T, x, learning_rate=3.0, snapshot_steps=[0, 1, 200], rule=DFA
    )
    assert solved.diverged_at == 2
    assert np.isnan(solved.loss()).tolist() == [False, False, True]


def test_datasets_are_labelled_as_those_of_the_full_flow():
    A, B, T, Sigma = problem(3, FA)
    ours = theory.deep_reduced(A, B, T, Sigma, times=[0, 1]).dataset()
    full = theory.deep_flow(A, B, T, Sigma, times=[0, 1])
    assert dict(ours.sizes) == dict(full.sizes)
    for name in full:
        assert ours[name].attrs == full[name].attrs
        assert ours[name].values == pytest.approx(full[name].values, abs=1e-9)


def test_decay_is_that_of_sgd_to_rounding():
    """1 - eta lambda is rounded, alike at every step: 2,000 products with it were off by 2e-13."""
    A, F, T, _ = problem(4, DFA)
    eta, decay, K = 0.004, 0.15, 4000
    x = np.zeros((K, 1, T.shape[1]))
    solved = theory.deep_reduced_sgd(
        A, F, T, x, learning_rate=eta, snapshot_steps=[K], rule=DFA, weight_decay=decay
    )
    # Of what no example teaches, in whole numbers of rounding.
    left = float((1 - Fraction(eta) * Fraction(decay)) ** K)
    for w, a in zip(solved.weights(), A, strict=True):
        np.testing.assert_allclose(w[0], left * a, rtol=1e-14)
    pushed = theory.deep_reduced_sgd(
        A, F, T, x[:3], learning_rate=2.0, snapshot_steps=[3], rule=DFA, weight_decay=0.75
    )
    np.testing.assert_allclose(pushed.weights()[0][0], -A[0] / 8, rtol=1e-14)


def test_snapshots_that_do_not_fit_are_refused_before_the_work(monkeypatch):
    A, B, T, Sigma = problem(3, FA)
    monkeypatch.setattr("fatheory.theory.wide.points.free_memory", lambda: 10**5)
    with pytest.raises(RegimeError, match=r"at 9,000 times needs about .* MB, and .* are free"):
        theory.deep_reduced(A, B, T, Sigma, times=np.arange(9000))
    with pytest.raises(RegimeError, match="ask for fewer times"):
        theory.deep_infinite_width(
            T, weight_variances=[1, 1], feedback_variances=[1, 1], times=np.arange(9000)
        )
    with pytest.raises(RegimeError, match="ask for fewer snapshot_steps"):
        theory.deep_reduced_sgd(
            A, B, T, np.zeros((9000, 1, 5)), learning_rate=0.1, snapshot_steps=np.arange(9000)
        )
