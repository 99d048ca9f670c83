"""Online learning under every rule, against moments of single examples that are spelled out.

As in `test_every_rule`: over all rules, with and without B, with and without Sigma. Expectations
over Gaussian inputs are Gauss-Hermite sums, exact for polynomials, over the update of one example.
"""

import itertools

import numpy as np
import pytest
from literal_flow import KNOWN, stand_in
from numpy.polynomial.hermite_e import hermegauss
from scipy.integrate import solve_ivp
from test_every_rule import COLOURED, EVERY, WITH_B, growth, refused_without

from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory import (
    concordance_threshold,
    deep_modes,
    late_learning,
    layer_invariants,
    lazy_kernel,
    online_fluctuations,
    unit_invariants,
)
from fatheory.theory.wide.unit_function import unit_function


def late_network(n_i, coloured, seed=4):
    """Weights at a solution, B near W transposed but turned: M has complex eigenvalues."""
    rng = np.random.default_rng([seed, n_i])
    W0, W = rng.normal(size=(n_i + 2, n_i)), rng.normal(size=(2, n_i + 2))
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    X = rng.normal(size=(n_i, 3 * n_i))
    return W0, W, np.linalg.pinv(W) @ turn, X @ X.T / (3 * n_i) if coloured else None


@EVERY
@WITH_B
@COLOURED
@pytest.mark.parametrize("n_i", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_late_learning(rule, given, coloured, n_i):
    W0, W, B, Sigma = late_network(n_i, coloured)
    B = np.abs(B) if rule == "frsf" else B
    second = np.eye(n_i) if Sigma is None else Sigma
    eta = 0.02 / n_i

    def ours():
        return late_learning(W0, W, B if given else None, Sigma, learning_rate=eta, rule=rule)

    if refused_without(rule, given, ours):
        return
    noisy = rule == "node_perturbation"
    exact = growth(eta, W @ stand_in(rule, W, B).T, W0.T @ W0, second, noisy)
    assert np.exp(ours().mean_rate) == pytest.approx(exact, rel=1e-9)
    assert (ours().excess < 1) == (exact < 1)


@COLOURED
@pytest.mark.parametrize("n_i", [2, 8])
def test_late_learning_of_rows_that_turn(coloured, n_i):
    """Complex eigenvalues of M with coloured input: no orthogonal basis closes the moments."""
    W0, W, B, Sigma = late_network(n_i, coloured)
    assert np.abs(np.linalg.eigvals(W @ B).imag).max() > 0.5
    second = np.eye(n_i) if Sigma is None else Sigma
    for eta in (0.01 / n_i, 0.04 / n_i):
        late = late_learning(W0, W, B, Sigma, learning_rate=eta)
        exact = growth(eta, W @ B, W0.T @ W0, second)
        assert np.exp(late.mean_rate) == pytest.approx(exact, rel=1e-9)


def gaussian_grid(dimensions, nodes):
    at, weight = hermegauss(nodes)
    grid = np.array(list(itertools.product(at, repeat=dimensions)))
    weights = [np.prod(w) for w in itertools.product(weight / weight.sum(), repeat=dimensions)]
    return grid, np.array(weights)


class Example:
    """The update of one example, and its moments by sums over examples."""

    def __init__(self, rule, W0, W, B, T, Sigma, noise):
        self.rule, self.B, self.T = rule, B, T
        self.shapes = W0.shape, W.shape
        grid, self.weights = gaussian_grid(W0.shape[1] + len(T), 3)
        n_i = W0.shape[1]
        self.x = grid[:, :n_i] @ np.linalg.cholesky(Sigma).T
        self.n = grid[:, n_i:] @ np.linalg.cholesky(noise).T if noise.any() else 0.0

    def apart(self, theta):
        cut = np.prod(self.shapes[0])
        return theta[:cut].reshape(self.shapes[0]), theta[cut:].reshape(self.shapes[1])

    def updates(self, theta):
        W0, W = self.apart(theta)
        e = self.x @ self.T.T + self.n - self.x @ W0.T @ W.T
        back = {"backprop": W.T, "shallow": 0 * W.T}.get(self.rule, self.B)
        first = np.einsum("ho,so,si->shi", back, e, self.x)
        second = np.einsum("so,hi,si->soh", e, W0, self.x)
        return np.concatenate([u.reshape(len(self.x), -1) for u in (first, second)], axis=1)

    def mean(self, theta):
        return self.weights @ self.updates(theta)

    def covariance(self, theta):
        u = self.updates(theta)
        u = u - self.weights @ u
        return (self.weights[:, None] * u).T @ u

    def jacobian(self, theta):
        directions = np.eye(len(theta))
        return np.stack([self.mean(theta + 1e-30j * d).imag / 1e-30 for d in directions], axis=1)

    def bending(self, theta, P):
        """Half the second derivative along P; exact, for the mean is a cubic."""
        sizes, axes = np.linalg.eigh((P + P.T) / 2)
        here = self.mean(theta)
        return sum(
            size / 2 * (self.mean(theta + d) + self.mean(theta - d) - 2 * here)
            for size, d in zip(sizes, axes.T, strict=True)
        )

    def followed(self, theta, times):
        """theta, P and m of the expansion at all times, by SciPy's DOP853."""
        n = len(theta)

        def slope(_, flat):
            theta, P, m = flat[:n], flat[n : n + n * n].reshape(n, n), flat[-n:]
            J, f = self.jacobian(theta), self.mean(theta)
            dP = J @ P + P @ J.T + self.covariance(theta)
            dm = J @ m + self.bending(theta, P) - J @ f / 2
            return np.concatenate([f, dP.ravel(), dm])

        begin = np.concatenate([theta, np.zeros(n * n + n)])
        path = solve_ivp(slope, (0, times[-1]), begin, "DOP853", times, rtol=1e-10, atol=1e-12).y.T
        return path[:, :n], path[:, n : n + n * n].reshape(-1, n, n), path[:, -n:]


@pytest.mark.parametrize("rule", [*KNOWN, "direct_feedback_alignment"])
@WITH_B
@COLOURED
@pytest.mark.parametrize("noisy", [True, False], ids=["noise", "clean"])
def test_online_fluctuations(rule, given, coloured, noisy):
    rng = np.random.default_rng(6)
    W0, W, B = (0.5 * rng.normal(size=shape) for shape in ((2, 2), (1, 2), (2, 1)))
    T, X = rng.normal(size=(1, 2)), rng.normal(size=(2, 7))
    Sigma, noise = (X @ X.T / 7 if coloured else None), (np.array([[0.3]]) if noisy else None)
    times = [0.0, 0.3, 0.7]

    def ours():
        return online_fluctuations(
            W0, W, B if given else None, T, Sigma, times=times, rule=rule, noise=noise
        )

    if rule not in ("backprop", "feedback_alignment", "shallow"):
        with pytest.raises(UnknownNameError, match="rule with known fluctuations"):
            ours()
        return
    if rule == "feedback_alignment" and not given:
        with pytest.raises(RegimeError, match="needs its fixed feedback B"):
            ours()
        return
    second = np.eye(2) if Sigma is None else Sigma
    example = Example(rule, W0, W, B, T, second, np.zeros((1, 1)) if noise is None else noise)
    theta, P, m = example.followed(np.concatenate([W0.ravel(), W.ravel()]), times)
    found = ours()
    flat = np.concatenate([found.W0.reshape(3, -1), found.W.reshape(3, -1)], axis=1)
    for got, expected in ((flat, theta), (found.covariance, P), (found.drift, m)):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)

    def loss(theta):
        W0, W = example.apart(theta)
        return 0.5 * np.trace((T - W @ W0) @ second @ (T - W @ W0).T)

    for at in range(3):
        slope = [loss(theta[at] + 1e-30j * d).imag / 1e-30 for d in np.eye(len(m[at]))]
        assert found.loss.flow[at] == pytest.approx(loss(theta[at]), rel=1e-7)
        variance = np.array(slope) @ P[at] @ np.array(slope)
        assert found.loss.variance[at] == pytest.approx(variance, rel=1e-5, abs=1e-9)
    assert (found.angle is None) == (not given)


@pytest.mark.parametrize("rule", [*KNOWN, "direct_feedback_alignment"])
@WITH_B
def test_invariants_of_layers(rule, given):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((4, 3), (5, 4), (2, 5))]
    Bs = [rng.normal(size=W.shape[::-1]) for W in weights[1:]]
    if rule not in ("backprop", "feedback_alignment"):
        with pytest.raises(UnknownNameError, match="rule with a layer-wise invariant"):
            layer_invariants(weights, Bs if given else None, rule=rule)
        return
    if rule == "feedback_alignment" and not given:
        with pytest.raises(ValueError, match="need feedback"):
            layer_invariants(weights, None, rule=rule)
        return
    found = layer_invariants(weights, Bs if given else None, rule=rule)
    units = unit_invariants(weights, Bs if given else None, rule=rule)
    for at, C in enumerate(found):
        low, above = weights[at], weights[at + 1]
        for i, j in itertools.product(range(len(low)), repeat=2):
            first = sum(above[k, i] * above[k, j] for k in range(len(above)))
            if rule == "feedback_alignment":
                B = Bs[at]
                first = sum(
                    B[i, k] * above[k, j] + B[j, k] * above[k, i] for k in range(len(above))
                )
            second = sum(low[i, k] * low[j, k] for k in range(low.shape[1]))
            assert C[i, j] == pytest.approx(first - second, abs=1e-13)
            if i == j:
                assert units[at][i] == pytest.approx(first - second, abs=1e-13)


@pytest.mark.parametrize("rule", [*KNOWN, "direct_feedback_alignment"])
@COLOURED
def test_deep_modes(rule, coloured):
    """By the scalar equations of every mode, integrated here."""
    rng = np.random.default_rng(2)
    U, s, Vt = np.linalg.svd(rng.normal(size=(2, 3)), full_matrices=False)
    spread = np.array([0.6, 1.4]) if coloured else np.ones(2)
    rest = np.eye(3) - Vt.T @ Vt
    Sigma = Vt.T * spread @ Vt + rest
    Q = [np.linalg.qr(rng.normal(size=(n, 2)))[0] for n in (4, 3)]
    size = np.array([[0.9, 0.7], [1.2, 0.8]])
    if rule == "feedback_alignment":
        Bs = [Q[0] * size[0] @ Q[1].T, Q[1] * size[1] @ U.T]
        lengths = [size[0] * size[1], size[1]]
    else:
        Bs = [q * length @ U.T for q, length in zip(Q, size, strict=True)]
        lengths = list(size)
    a = 0.3 + 0.2 * rng.uniform(size=(3, 2))
    frames = [Vt.T, *Q, U]
    weights = [
        above * strength @ below.T
        for strength, below, above in zip(a, frames, frames[1:], strict=False)
    ]

    def ours():
        return deep_modes(weights, Bs, U * s @ Vt, Sigma if coloured else None, rule=rule)

    if not rule.endswith("feedback_alignment"):
        with pytest.raises(UnknownNameError):
            ours()
        return

    def slope(_, flat):
        a = flat.reshape(3, 2)
        error = spread * (s - a.prod(axis=0))
        return np.concatenate([lengths[0] * error, lengths[1] * error * a[0], error * a[0] * a[1]])

    times = [0.0, 0.4, 1.1]
    path = solve_ivp(slope, (0, 1.1), a.ravel(), "DOP853", times, rtol=1e-11, atol=1e-13).y.T
    expected = path.reshape(3, 3, 2)
    np.testing.assert_allclose(ours().strengths(times), expected, rtol=0, atol=1e-9)
    left = s - expected.prod(axis=1)
    np.testing.assert_allclose(ours().loss(times), 0.5 * (left**2) @ spread, rtol=1e-7)


COEFFICIENTS = {
    "backprop": ({}, lambda k: 1.0),
    "feedback_alignment": ({"correlation": -0.4}, lambda k: (-0.4) ** k),
    "direct_feedback_alignment": ({"correlation": 0.7}, lambda k: [1.0, 0.7, 0.0][k]),
    "usf": ({"concordance": 0.9}, lambda k: (0.8 * np.sqrt(2 / np.pi)) ** k),
    "frsf": ({"concordance": 0.2}, lambda k: (-0.6 * np.sqrt(1.5 / np.pi)) ** k),
    "brsf": ({}, lambda k: np.sqrt(1.5 / np.pi) ** k),
    "shallow": ({}, lambda k: float(k == 0)),
}
"""Correlations of feedback and weights to the power of the layers between, by the rule."""


def averages(function, Phi):
    """Return <f(u) f(v)> of Gaussian fields of covariance Phi, entry by entry.

    By trapezoids, which converge exponentially also where f has poles.
    """
    at = np.arange(-9, 9.05, 0.1)
    grid = np.array(list(itertools.product(at, at)))
    weights = np.exp(-(grid**2).sum(axis=1) / 2) * 0.1**2 / (2 * np.pi)
    found = np.empty_like(Phi)
    for i, j in itertools.product(range(len(Phi)), repeat=2):
        root = np.sqrt(Phi[i, i])
        across = Phi[i, j] / root
        rest = np.sqrt(max(Phi[j, j] - across**2, 0.0))
        u, v = root * grid[:, 0], across * grid[:, 0] + rest * grid[:, 1]
        found[i, j] = weights @ (function(u) * function(v))
    return found


@pytest.mark.parametrize("rule", [*COEFFICIENTS, "node_perturbation"])
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_lazy_kernel(rule, beta):
    X = np.random.default_rng(3).normal(size=(3, 4))
    L, f = 2, unit_function("tanh")
    if rule not in COEFFICIENTS:
        with pytest.raises(UnknownNameError, match="rule of the lazy kernel"):
            lazy_kernel(X, activation="tanh", hidden_layers=L, rule=rule)
        return
    given, coefficient = COEFFICIENTS[rule]
    activities, slopes = [X @ X.T / 4], []
    for _ in range(L):
        Phi = activities[-1] + beta**2
        activities.append(averages(f.value, Phi))
        slopes.append(averages(f.slope, Phi))
    K = np.zeros((3, 3))
    for k in range(L + 1):
        term = activities[L - k] + beta**2
        for slope in slopes[L - k :]:
            term = term * slope
        K = K + coefficient(k) * term
    found = lazy_kernel(X, activation="tanh", hidden_layers=L, rule=rule, bias_scale=beta, **given)
    np.testing.assert_allclose(found, K, rtol=1e-10)


@pytest.mark.parametrize("rule", ["usf", "frsf", "brsf"])
def test_concordance_threshold(rule):
    X = np.random.default_rng(0).normal(size=(6, 10))
    common = {"activation": "relu", "hidden_layers": 3}
    p = concordance_threshold(X, rule=rule, **common)
    size = np.sqrt(2 / np.pi) if rule == "usf" else np.sqrt(1.5 / np.pi)

    def smallest(p):
        r = (2 * p - 1) * size
        K = lazy_kernel(X, rule="feedback_alignment", correlation=r, **common)
        return np.linalg.eigvalsh(K)[0]

    assert 0 < p < 1
    assert abs(smallest(p)) < 1e-9
    assert all(smallest(q) > 0 for q in np.linspace(p + 1e-6, 1, 9))


def test_a_singular_kernel_has_no_threshold():
    """Of linear units beyond the inputs; its smallest eigenvalue is rounding, of either sign."""
    for seed in range(40):
        X = np.random.default_rng(seed).normal(size=(8, 5))
        p = concordance_threshold(X, activation="linear", hidden_layers=1, rule="usf")
        assert np.isnan(p)
