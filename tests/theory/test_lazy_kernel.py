"""Lazy kernels against quadrature, networks of finite width and their own limits."""

from dataclasses import replace

import numpy as np
import pytest

from fatheory import theory
from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.theory.wide.layer_kernels import layer_kernels
from fatheory.theory.wide.unit_function import UNIT_FUNCTIONS, unit_function

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 10))


def panels(split, reach=9.0, nodes=200):
    """Nodes and weights on [-reach, reach], cut at `split`: a kink there costs no order."""
    z, w = np.polynomial.legendre.leggauss(nodes)
    split = np.clip(split, -reach, reach)[..., None]
    parts = [
        ((high - low) / 2, (high + low) / 2) for low, high in ((-reach, split), (split, reach))
    ]
    return (
        np.concatenate([half * z + middle for half, middle in parts], axis=-1),
        np.concatenate([half * w for half, _ in parts], axis=-1),
    )


@pytest.mark.parametrize("name", UNIT_FUNCTIONS)
@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.99])
@pytest.mark.catalogue("wide.lazy")
def test_averages_against_two_dimensional_quadrature(name, rho, residual):
    f = unit_function(name)
    a, b = 1.7, 0.6
    x, wx = panels(np.array(0.0))
    t, wt = panels(-rho * x / np.sqrt(1 - rho**2))
    u, v = np.sqrt(a) * x, np.sqrt(b) * (rho * x[:, None] + np.sqrt(1 - rho**2) * t)
    weight = wx[:, None] * wt * np.exp(-(x[:, None] ** 2 + t**2) / 2) / (2 * np.pi)
    for function, average in ((f.value, f.activity_average), (f.slope, f.slope_average)):
        expected = np.sum(weight * function(u)[:, None] * function(v))
        covariance = np.array([rho * np.sqrt(a * b)])
        got, error = average(np.array([a]), np.array([b]), covariance)
        residual(abs(got[0] - expected), 1e-12)
        assert error < 1e-12


def finite_kernel(X, n, L, function, rng, forward_feedback):
    """The kernel of a network of width n, from its weights and what stands in for them."""
    D = X.shape[1]
    W = [rng.normal(size=(n, D)), *(rng.normal(size=(n, n)) for _ in range(L - 1))]
    W.append(rng.normal(size=(1, n)))
    below, sums = [X.T / np.sqrt(D)], []
    for w in W[:-1]:
        sums.append(w @ below[-1])
        below.append(function.value(sums[-1]) / np.sqrt(n))
    K, true, sent = 0.0, np.ones((1, len(X))), np.ones((1, len(X)))
    for layer in range(L, -1, -1):
        K = K + (true.T @ sent) * (below[layer].T @ below[layer])
        if layer:
            V = forward_feedback(W[layer], rng)
            slope = function.slope(sums[layer - 1]) / np.sqrt(n)
            true, sent = slope * (W[layer].T @ true), slope * (V.T @ sent)
    return K


FEEDBACKS = {
    "backprop": ({}, lambda W, rng: W),
    "feedback_alignment": (
        {"correlation": 0.6},
        lambda W, rng: 0.6 * W + 0.8 * rng.normal(size=W.shape),
    ),
    "usf": (
        {"concordance": 0.8},
        lambda W, rng: np.sign(W) * np.where(rng.random(W.shape) < 0.8, 1, -1),
    ),
    "frsf": (
        {"concordance": 0.8},
        lambda W, rng: (
            np.sqrt(3)
            * rng.uniform(size=W.shape)
            * np.sign(W)
            * np.where(rng.random(W.shape) < 0.8, 1, -1)
        ),
    ),
}


@pytest.mark.parametrize("rule", FEEDBACKS)
@pytest.mark.parametrize(("activation", "L"), [("tanh", 2), ("relu", 3)])
def test_networks_approach_it_with_width(rule, activation, L):
    settings, feedback = FEEDBACKS[rule]
    K = theory.lazy_kernel(X, activation=activation, hidden_layers=L, rule=rule, **settings).values
    f = unit_function(activation)
    widths, off = np.array([24, 96, 384]), []
    for n in widths:
        runs = [
            finite_kernel(X, n, L, f, np.random.default_rng([n, k]), feedback) for k in range(8)
        ]
        off.append(np.sqrt(np.mean([np.sum((k - K) ** 2) for k in runs]) / np.sum(K**2)))
    assert np.polyfit(np.log(widths), np.log(off), 1)[0] == pytest.approx(-0.5, abs=0.2)
    assert off[-1] < 0.25


@pytest.mark.parametrize("name", UNIT_FUNCTIONS)
def test_large_inputs_overflow_nowhere(name):
    function, u = unit_function(name), np.array([-1e4, -400.0, 400.0, 1e4])
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(function.value(u)).all()
        slope = function.slope(u)
    assert ((slope >= 0) & (slope <= 1)).all()


@pytest.mark.catalogue("wide.lazy.direct")
def test_direct_feedback_keeps_two_terms(residual):
    common = {"activation": "erf", "hidden_layers": 3}
    none = theory.lazy_kernel(X, rule="shallow", **common)
    half = theory.lazy_kernel(X, rule="direct_feedback_alignment", correlation=0.5, **common)
    one = theory.lazy_kernel(X, rule="direct_feedback_alignment", correlation=1.0, **common)
    residual(np.abs((one - none) - 2 * (half - none)).max(), 1e-14)
    deep = theory.lazy_kernel(X, rule="feedback_alignment", correlation=1e-6, **common)
    first = theory.lazy_kernel(X, rule="direct_feedback_alignment", correlation=1e-6, **common)
    assert np.abs(deep - first).max() < 1e-11


def test_rules_meet_where_they_should():
    common = {"activation": "tanh", "hidden_layers": 2}
    backprop = theory.lazy_kernel(X, rule="backprop", **common)
    locked = theory.lazy_kernel(X, rule="feedback_alignment", correlation=1.0, **common)
    assert np.array_equal(backprop, locked)
    # The angle is the learning theory: usf learns like feedback at its angle to the weights.
    r = np.cos(np.deg2rad(theory.expected_feedback_angle("usf", weights="normal")))
    usf = theory.lazy_kernel(X, rule="usf", **common)
    aligned = theory.lazy_kernel(X, rule="feedback_alignment", correlation=r, **common)
    assert usf.values == pytest.approx(aligned.values, rel=1e-12)


def test_linear_units_give_powers_of_the_inputs_kernel():
    S = X @ X.T / 10
    K = theory.lazy_kernel(X, activation="linear", hidden_layers=2, rule="backprop")
    assert K.values == pytest.approx(3 * S, rel=1e-12)


def test_kernels_between_other_points_are_blocks_of_the_whole():
    for activation in ("relu", "sigmoid"):
        whole = theory.lazy_kernel(
            X, activation=activation, hidden_layers=2, rule="usf", bias_scale=0.3
        )
        part = theory.lazy_kernel(
            X[:2], others=X[2:], activation=activation, hidden_layers=2, rule="usf", bias_scale=0.3
        )
        assert part.dims == ("point", "other")
        assert part.values == pytest.approx(whole.values[:2, 2:], rel=1e-10)


@pytest.mark.catalogue("wide.lazy.outputs")
def test_outputs_follow_the_kernel(residual):
    K = theory.lazy_kernel(X, activation="relu", hidden_layers=2, rule="usf").values
    Y, f0 = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 2))
    Ks = theory.lazy_kernel(
        X[:3] + 0.1, others=X, activation="relu", hidden_layers=2, rule="usf"
    ).values
    eta = 1e-3
    f, g = f0.copy(), np.zeros((3, 2))
    for _ in range(3000):
        e = Y - f
        f, g = f + eta * K @ e, g + eta * Ks @ e
    stepped = theory.lazy_outputs(K, Y, times=[0, 3.0], start=f0, test_kernel=Ks, learning_rate=eta)
    assert stepped["output"].values[0] == pytest.approx(f0)
    assert stepped["output"].values[-1] == pytest.approx(f, rel=1e-9)
    assert stepped["test_output"].values[-1] == pytest.approx(g, rel=1e-9)
    residual(np.abs(stepped["output"].values[-1] - f).max(), 1e-9)
    smooth = theory.lazy_outputs(K, Y, times=[0, 3.0], start=f0, test_kernel=Ks)
    assert np.abs(smooth["output"].values[-1] - f).max() < 5e-3
    end = theory.lazy_outputs(K, Y, times=[1e9], start=f0, test_kernel=Ks)
    assert end["output"].values[-1] == pytest.approx(Y)
    assert end["test_output"].values[-1] == pytest.approx(Ks @ np.linalg.solve(K, Y - f0))


@pytest.mark.catalogue("wide.threshold")
def test_threshold(residual):
    common = {"activation": "relu", "hidden_layers": 3}
    p = theory.concordance_threshold(X, **common)
    assert 0 < p < 1
    at = theory.lazy_kernel(X, rule="usf", concordance=p, **common).values
    residual(abs(np.linalg.eigvalsh(at)[0]), 1e-9)
    below = theory.lazy_kernel(X, rule="usf", concordance=p - 0.02, **common).values
    with pytest.raises(RegimeError, match="smallest eigenvalue is -"):
        theory.lazy_outputs(below, np.ones((6, 1)), times=[1])
    grown = theory.lazy_outputs(below, np.ones((6, 1)), times=[0, 4e3, 5e3], allow_growth=True)
    rate = np.log(grown["loss"].values[2] / grown["loss"].values[1]) / 2e3
    assert rate == pytest.approx(-grown.attrs["smallest_eigenvalue"], rel=1e-2)


def test_what_does_not_fit_is_refused():
    good = {"activation": "relu", "hidden_layers": 2, "rule": "backprop"}
    with pytest.raises(ArrayError, match=r"X\[1\] and X\[3\] are the same"):
        theory.lazy_kernel(X[[0, 1, 2, 1]], **good)
    with pytest.raises(ArrayError, match=r"X\[1\] is zero"):
        theory.lazy_kernel([[1.0, 0], [0, 0]], **good)
    with pytest.raises(RegimeError, match="hidden_layers must be a whole number"):
        theory.lazy_kernel(X, **(good | {"hidden_layers": 0}))
    with pytest.raises(RegimeError, match=r"concordance must lie in \[0, 1\]; got 1.5"):
        theory.lazy_kernel(X, **(good | {"rule": "usf"}), concordance=1.5)
    with pytest.raises(RegimeError, match="backprop has none"):
        theory.lazy_kernel(X, **good, correlation=0.5)
    with pytest.raises(RegimeError, match="leave it out"):
        theory.lazy_kernel(X, **good, concordance=0.5)
    with pytest.raises(UnknownNameError, match="did you mean 'relu'"):
        theory.lazy_kernel(X, **(good | {"activation": "rlu"}))
    with pytest.raises(RegimeError, match="GB are free"):
        theory.lazy_kernel(np.eye(60000, 2) + 1.0 + np.arange(60000)[:, None], **good)
    with pytest.raises(RegimeError, match="has a concordance, usf, frsf or brsf; got backprop"):
        theory.concordance_threshold(X, activation="relu", hidden_layers=1, rule="backprop")
    K = theory.lazy_kernel(X, **good).values
    with pytest.raises(RegimeError, match="largest stable one"):
        theory.lazy_outputs(K, np.ones((6, 1)), times=[0], learning_rate=1e3)
    with pytest.raises(ArrayError, match="times must increase"):
        theory.lazy_outputs(K, np.ones((6, 1)), times=[2, 1])


def test_repeated_points_of_an_experiment_are_equal_in_every_layer():
    """Entry by entry, to the last digit, as are those of a point with itself."""
    X = np.random.default_rng(1).normal(size=(4, 600))
    X = np.vstack([X, X[:2], X[1:2]])
    for name in ("relu", "tanh", "erf"):
        found = layer_kernels(X, None, unit_function(name), 6)
        for C in (*found.preactivations, *found.slopes):
            assert C[0, 4] == C[0, 0]
            assert C[1, 6] == C[1, 5] == C[1, 1]


def test_the_error_of_single_points_is_handed_on():
    """Variances of steep points are worse known than their averages with flat ones."""

    def average(a, b, c):
        return 0.0 * (a + b + c) + 0.5, float(1e-3 * np.sqrt(np.max(a) * np.max(b)))

    function = replace(unit_function("tanh"), activity_average=average, slope_average=average)
    X, others = np.full((1, 4), 10.0), np.full((1, 4), 0.1)
    told = layer_kernels(X, others, function, 3).errors
    # Of C^2 that of the pair, 1e-3 sqrt(100 * 0.01); of C^3 twice that of the point of variance 100
    # beside it.
    assert told[1] == pytest.approx(1e-3)
    assert told[2] > 2 * 0.1


@pytest.mark.parametrize("rate", [None, 0.1])
def test_growth_beyond_the_range_of_numbers_is_refused(rate):
    """Outputs became NaN, as infinities of two modes met."""
    kernel, Y = np.diag([1.0, -0.5]) + 0.1, np.ones((2, 1))
    asked = {"learning_rate": rate, "allow_growth": True}
    with pytest.raises(RegimeError, match=r"smallest eigenvalue is -0.40\d+.*let times end by \d+"):
        theory.lazy_outputs(kernel, Y, times=[0, 4000], **asked)
    grown = theory.lazy_outputs(kernel, Y, times=[0, 700], **asked)
    assert np.isfinite(grown.output).all()
    assert 1e200 < float(grown.loss[1]) < np.inf
