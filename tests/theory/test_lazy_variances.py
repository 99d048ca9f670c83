"""Gaussian averages and kernels at preactivation variances from 1e-100 to 1e100."""

import numpy as np
import pytest
import xarray as xr
from default_run import slow_but

from fatheory import theory
from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.theory.wide import scale_mixture
from fatheory.theory.wide.unit_function import UNIT_FUNCTIONS, unit_function

CORRELATIONS = (0.0, 0.5, 0.99, 1 - 1e-6, 1.0, -1.0)
VARIANCES = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)
Z, W = np.polynomial.legendre.leggauss(24)
GRADED = np.concatenate([[0.0], np.geomspace(0.1, 20.0, 8)])
GRADED = np.concatenate([-GRADED[:0:-1], GRADED])


def panels(centre, scale):
    """Nodes and weights on [-12, 12], cut in proportion to `scale` around `centre`."""
    cuts = np.concatenate(
        [
            np.broadcast_to(np.linspace(-12, 12, 9), (*centre.shape, 9)),
            np.clip(centre[..., None] + GRADED * scale, -12, 12),
        ],
        axis=-1,
    )
    cuts = np.sort(cuts, axis=-1)
    half, middle = np.diff(cuts) / 2, (cuts[..., 1:] + cuts[..., :-1]) / 2
    nodes = half[..., None] * Z + middle[..., None]
    return nodes.reshape(*centre.shape, -1), (half[..., None] * W).reshape(*centre.shape, -1)


def average(function, a, b, rho):
    """E f(u) f(v) along the principal axes, cut where u and v change their signs."""
    normal = lambda t: np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)  # noqa: E731
    if abs(rho) == 1:
        x, w = panels(np.array(0.0), 1 / np.sqrt(a))
        return np.sum(w * normal(x) * function(np.sqrt(a) * x) * function(rho * np.sqrt(b) * x))
    # u = sqrt(a) (p x + q y), v = sqrt(b) (p x - q y), for the half sum and the half difference.
    p, q = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
    x, wx = panels(np.array(0.0), q / p / np.sqrt(min(a, b)) + 0.05)
    # u changes its sign at y = -p x / q, v at the other side.
    parts = []
    for sign in (-1.0, 1.0):
        y, wy = panels(np.abs(x) * p / q, 1 / (q * np.sqrt(max(a, b))))
        inside = np.sign(y) > 0
        value = function(np.sqrt(a) * (p * x[:, None] + sign * q * y))
        value = value * function(np.sqrt(b) * (p * x[:, None] - sign * q * y))
        parts.append(np.sum(wx[:, None] * wy * inside * normal(x)[:, None] * normal(y) * value))
    return sum(parts)


@pytest.mark.parametrize(
    ("name", "a"),
    slow_but(
        [("tanh", 100.0), ("sigmoid", 1.0), ("erf", 10.0)],
        [(name, a) for name in ("tanh", "sigmoid", "erf") for a in VARIANCES],
    ),
)
@pytest.mark.catalogue("wide.lazy")
def test_averages_at_every_variance(name, a, residual):
    """Of steep units, too, whose expansion in polynomials has no end."""
    f, b = unit_function(name), 0.7 * a + 0.5
    for rho in CORRELATIONS:
        covariance = np.array([rho * np.sqrt(a) * np.sqrt(b)])
        for function, ours in ((f.value, f.activity_average), (f.slope, f.slope_average)):
            expected = average(function, a, b, rho)
            got, error = ours(np.array([a]), np.array([b]), covariance)
            off = abs(got[0] - expected)
            assert off <= error + 1e-11, (rho, expected, got[0], error)
            assert error < 1e-9
            residual(off, 1e-10)


def steep_tanh_kernel(a):
    """K of one point of variance a with itself: activities, and a times the slopes."""
    f = unit_function("tanh")
    return average(f.value, a, a, 1.0) + a * average(f.slope, a, a, 1.0)


@pytest.mark.parametrize("a", slow_but([1e3], [100.0, 1e3, 1e5]))
def test_kernels_of_steep_units(a):
    K = theory.lazy_kernel([[np.sqrt(a)]], activation="tanh", hidden_layers=1, rule="backprop")
    expected = steep_tanh_kernel(a)
    assert abs(K.item() - expected) <= K.attrs["error"] + 1e-9 * expected
    assert K.attrs["error"] < 1e-6 * expected
    # An error of the slopes' average comes with the inputs' covariance.
    variance = np.array([a])
    told = unit_function("tanh").slope_average(variance, variance, variance)[1]
    assert K.attrs["error"] >= a * told


@pytest.mark.parametrize("name", UNIT_FUNCTIONS)
@pytest.mark.parametrize("L", [1, 3])
def test_points_that_are_the_same_are_met_exactly(name, L):
    """Angles near 0 are roots: rounding of a product of 600 numbers would come out at 1e-8."""
    X = np.random.default_rng(0).normal(size=(5, 600))
    common = {"activation": name, "hidden_layers": L, "rule": "backprop"}
    K = theory.lazy_kernel(X, **common).values
    apart = theory.lazy_kernel(X, others=X[::-1], **common).values[:, ::-1]
    alone = [theory.lazy_kernel(x[None], **common).item() for x in X]
    assert np.diag(K) == pytest.approx(alone, rel=4e-15)
    assert apart == pytest.approx(K, rel=4e-15)
    if name == "relu":
        # K = (L + 1) 2^-L |x|^2 / D, every slope meeting itself half of the time.
        assert np.diag(K) == pytest.approx((L + 1) * 2.0**-L * (X**2).mean(axis=1), rel=4e-15)


def test_points_of_many_inputs_are_told_to_be_the_same():
    """A product of so many numbers rounds to 1e-15, and the root of that is 1e-8."""
    X = np.random.default_rng(0).normal(size=(4, 20_000))
    common = {"activation": "relu", "hidden_layers": 1, "rule": "backprop"}
    apart = theory.lazy_kernel(X, others=X[[2, 3]], **common).values
    assert apart[[2, 3], [0, 1]] == pytest.approx((X[2:] ** 2).mean(axis=1), rel=1e-13)


def test_an_error_is_told_of_rules_of_few_nodes(monkeypatch):
    """What the averages miss is multiplied by variances on the way to K, layer by layer."""
    X = 30 * np.random.default_rng(5).normal(size=(4, 6))
    common = {"activation": "tanh", "hidden_layers": 2, "rule": "backprop"}
    right = theory.lazy_kernel(X, **common)
    assert right.attrs["error"] < 1e-5
    for nodes in (5, 6, 8):
        monkeypatch.setattr(scale_mixture, "_NODES", nodes)
        rough = theory.lazy_kernel(X, **common)
        off = float(np.abs(rough - right).max())
        assert off > 3 * right.attrs["error"] or nodes == 8
        assert off <= rough.attrs["error"]


def test_parallel_and_opposite_points_of_relu_units():
    x = np.random.default_rng(1).normal(size=(1, 600))
    K = theory.lazy_kernel(
        np.vstack([x, 3 * x, -0.7 * x]), activation="relu", hidden_layers=2, rule="backprop"
    ).values
    size = 3 / 4 * (x**2).mean()
    assert K[0, 1] == pytest.approx(3 * size, rel=1e-14)
    # Opposite points share no active unit: in the second layer they are independent, and nothing
    # that layer 1 learns moves both.
    assert K[0, 2] == pytest.approx(0.7 * (x**2).mean() / (4 * np.pi), rel=1e-14)


@pytest.mark.parametrize("scale", [1e-170, 1e-60, 1e60, 1e160])
def test_points_that_leave_double_precision_are_refused(scale):
    X, Y = scale * np.eye(2), np.ones((2, 1))
    common = {"activation": "relu", "hidden_layers": 2}
    doors = {
        "kernel": lambda: theory.lazy_kernel(X, **common, rule="backprop"),
        "others": lambda: theory.lazy_kernel(np.eye(2), others=X, **common, rule="backprop"),
        "limit": lambda: theory.lazy_limit(X, Y, np.eye(2), **common, rule="backprop"),
        "threshold": lambda: theory.concordance_threshold(X, **common),
        "dmft": lambda: theory.dmft(
            X, Y, **common, richness=1.0, learning_rate=0.1, steps=1, samples=64
        ),
    }
    for ask in doors.values():
        with pytest.raises(ArrayError, match=r"kernels are computed from 1e-100 to 1e\+100"):
            ask()


@pytest.mark.parametrize("name", UNIT_FUNCTIONS)
@pytest.mark.parametrize("scale", [1e-45, 1e45])
def test_sizes_within_the_range_are_answered(name, scale):
    X = scale * np.random.default_rng(2).normal(size=(4, 3))
    K = theory.lazy_kernel(X, activation=name, hidden_layers=2, rule="backprop").values
    assert np.isfinite(K).all()
    assert (np.diag(K) > 0).all()


def labelled(array, *dims):
    return xr.DataArray(array, dims=dims)


def test_points_are_read_by_the_names_of_their_dimensions():
    X = np.random.default_rng(3).normal(size=(3, 3))
    Y = np.random.default_rng(4).normal(size=(3, 3))
    common = {"activation": "erf", "hidden_layers": 1}
    turned = labelled(X.T, "n_i", "point"), labelled(Y.T, "unit", "point")
    doors = {
        "kernel": lambda x, y: theory.lazy_kernel(x, **common, rule="usf"),
        "limit": lambda x, y: theory.lazy_limit(x, y, X[:2] + 1, **common, rule="usf"),
        "outputs": lambda x, y: theory.lazy_outputs(np.eye(3), y, times=[0.0, 1.0]),
        "dmft": lambda x, y: theory.dmft(
            x, y, **common, richness=1.0, learning_rate=0.1, steps=2, samples=64
        ),
    }
    for ask in doors.values():
        assert ask(*turned).equals(ask(X, Y))
    with pytest.raises(ArrayError, match=r"X is read axis by axis, as \(point, n_i\)"):
        theory.lazy_kernel(labelled(X, "feature", "point"), **common, rule="usf")
    with pytest.raises(ArrayError, match=r"Y is read axis by axis, as \(point, unit\)"):
        theory.lazy_outputs(np.eye(3), labelled(Y, "unit", "target"), times=[1.0])


def test_numbers_that_are_none_are_refused_in_words():
    with pytest.raises(RegimeError, match="points must be a whole number, 1 or larger; got 0"):
        theory.lazy_limit_memory(0, 1, 1, 1, "cholesky")
    with pytest.raises(UnknownNameError, match="solver"):
        theory.lazy_limit_memory(5, 1, 1, 1, "lu")
    with pytest.raises(ArrayError, match="weight_variances must list one number for each hidden"):
        theory.deep_infinite_width(
            np.eye(2), weight_variances=1.0, feedback_variances=[1.0], times=[0.0]
        )
    with pytest.raises(RegimeError, match=r"are free: take fewer points \(lazy_limit"):
        theory.lazy_kernel(
            np.eye(60000, 2) + 1.0 + np.arange(60000)[:, None],
            activation="relu", hidden_layers=1, rule="backprop",
        )  # fmt: skip
