"""Gaussian averages of activations against draws, and against Price's theorem."""

import itertools

import numpy as np
import pytest
from scipy.special import erf, expit

from fatheory.theory.order_parameters.activation import ACTIVATIONS, finer_integrals
from fatheory.theory.order_parameters.integrals import triples
from fatheory.theory.order_parameters.orthant import PAIRS, four_positive, three_positive
from fatheory.theory.order_parameters.quadrature import kolmogorov_rule, tanh_mixture

DRAWS = 1_000_000
K, N = 3, 5
NEAR = 1e-10
FUNCTIONS = {
    "linear": (lambda u: u, np.ones_like),
    "erf": (lambda u: erf(u / np.sqrt(2)), lambda u: np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "sigmoid": (expit, lambda u: expit(u) * expit(-u)),
}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def covariance(kind, seed=1):
    """Return C of five fields: independent directions, or the first three or four nearly two."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, N + 1)) / np.sqrt(N)
    if kind == "near":
        # Fields 1 and 0, 4 and 3 have correlations 1 - 1e-10: a student and its twin, two teachers.
        for twin, other in ((1, 0), (4, 3)):
            aside = X[twin] - X[other] * (X[twin] @ X[other]) / (X[other] @ X[other])
            aside *= np.linalg.norm(X[other]) / np.linalg.norm(aside)
            X[twin] = (1 - NEAR) * X[other] + np.sqrt(2 * NEAR) * aside
    if kind == "equal":
        X[1], X[4] = X[0], X[3]
    return X @ X.T


def columns(left, right):
    """Return products of columns, one column for each pair."""
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


def largest_z(tables, C, activation):
    """Return the largest deviation from means over draws, in standard errors, of each table."""
    rng = np.random.default_rng(0)
    values, basis = np.linalg.eigh(C)
    root = (basis * np.sqrt(np.clip(values, 0, None))).T
    g_of, slope_of = FUNCTIONS[activation]
    sums = {name: [0.0, 0.0] for name in tables}
    for _ in range(20):
        u = rng.normal(size=(DRAWS // 20, N)) @ root
        g, slope = g_of(u), slope_of(u)
        own = slope[:, :K]
        factors = {
            "I2": (g, g),
            "J2": (own, slope),
            "I3": (columns(own, u), g),
            "I4": (columns(own, own), columns(g, g)),
        }
        for name, (left, right) in factors.items():
            sums[name][0] += left.T @ right / DRAWS
            sums[name][1] += (left**2).T @ right**2 / DRAWS
    worst = {}
    for name, (mean, square) in sums.items():
        off = np.abs(mean - tables[name].reshape(mean.shape))
        error = np.sqrt(np.clip(square - mean**2, 0, None) / DRAWS)
        exact = error < 1e-12
        assert (off[exact] < 1e-10).all()
        worst[name] = (off / np.where(exact, np.inf, error)).max()
    return worst


@pytest.mark.catalogue("order_parameters.integrals")
@every_activation
@pytest.mark.parametrize("kind", ["apart", "near", "equal"])
def test_averages_are_those_of_draws(activation, kind, residual):
    C, averages = covariance(kind), ACTIVATIONS[activation]()
    tables = {
        "I2": averages.products(C),
        "J2": averages.slopes(C, K),
        "I3": triples(averages, C, K),
        "I4": averages.quadruples(C, K),
    }
    I4 = tables["I4"]
    np.testing.assert_allclose(I4, np.swapaxes(I4, 0, 1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(I4, I4.mT, rtol=1e-12, atol=1e-15)
    residual(max(largest_z(tables, C, activation).values()), 4.0)


def along(C, a, b, reach):
    """Return Gauss-Legendre covariances and weights of a path that moves C_ab, and its ends."""
    x, dx = np.polynomial.legendre.leggauss(12)
    change = np.zeros_like(C)
    change[a, b] = change[b, a] = reach
    path = C + (x[:, None, None] - 1) / 2 * change
    return path, dx / 2 * reach, (C - change, C)


def slope_product(activation, C, fields):
    """Return E of the product of slopes of distinct fields, twice where a field occurs twice."""
    if activation == "linear":
        return np.ones(len(C))
    block = C[:, fields][:, :, fields]
    if activation == "erf":
        return (2 / np.pi) ** (len(fields) / 2) / np.sqrt(
            np.linalg.det(np.eye(len(fields)) + block)
        )
    own = sorted(set(fields))
    scale = np.sqrt(np.diagonal(C, axis1=1, axis2=2))
    r = C / scale[:, :, None] / scale[:, None, :]
    if len(own) == 2:
        return 0.25 + np.arcsin(r[:, own[0], own[1]]) / (2 * np.pi)
    if len(own) == 3:
        return three_positive(*(r[:, p, q] for p, q in itertools.combinations(own, 2)))
    return four_positive(np.stack([r[:, own[p], own[q]] for p, q in PAIRS], axis=-1))


@pytest.mark.catalogue("order_parameters.price")
@pytest.mark.parametrize("kind", ["apart", "near"])
@pytest.mark.parametrize("activation", ["linear", "erf", "relu"])
def test_prices_theorem(activation, kind, residual):
    """E f(u) changes with C_ab as E d^2 f / du_a du_b: between g(a) and g(b), their slopes."""
    averages = ACTIVATIONS[activation]()
    C = covariance(kind)
    for a, b in ((2, 3), (0, 2), (1, 2), (2, 4)):
        path, weight, ends = along(C, a, b, 0.1)
        moved = [averages.products(end)[a, b] for end in ends]
        residual(abs(moved[1] - moved[0] - weight @ slope_product(activation, path, [a, b])), 1e-10)
        table = [averages.quadruples(end, K) for end in ends]
        for i, k in ((0, 1), (0, 0), (1, 1), (0, 2), (1, 2), (2, 2)):
            if activation == "erf" and {i, k} & {a, b}:
                continue  # the slopes of i or k depend on u_a, too
            step = table[1][i, k, a, b] - table[0][i, k, a, b]
            residual(abs(step - weight @ slope_product(activation, path, [i, k, a, b])), 1e-10)


@pytest.mark.parametrize("kind", ["apart", "near"])
def test_prices_theorem_of_a_square(kind):
    """E theta_i theta_k (a^+)^2 changes with C_aa as E theta_i theta_k theta_a."""
    averages, C = ACTIVATIONS["relu"](), covariance(kind)
    for i, k, a in ((0, 1, 2), (0, 1, 3), (0, 0, 3), (0, 2, 4)):
        path, weight, ends = along(C, a, a, 0.1)
        step = np.subtract(*(averages.quadruples(end, K)[i, k, a, a] for end in ends[::-1]))
        assert abs(step - weight @ slope_product("relu", path, [i, k, a])) < 1e-10


@every_activation
def test_twins_at_correlation_one_continue_those_near_it(activation):
    near, equal = covariance("near"), covariance("equal")
    averages = ACTIVATIONS[activation]()
    for table in (averages.products, lambda C: averages.quadruples(C, K)):
        # Averages of slopes differ by the root of the distance, at most.
        assert np.abs(table(near) - table(equal)).max() < 2 * np.sqrt(NEAR)
    assert np.isfinite(averages.curvatures(equal, K)).all()


def chance(r):
    """Return the probability that four fields are positive."""
    return four_positive(np.asarray(r)[None])[0]


def test_four_positive_fields():
    assert abs(chance(np.full(6, 0.5)) - 1 / 5) < 1e-15
    rng = np.random.default_rng(3)
    for _ in range(5):
        X = rng.normal(size=(4, 6))
        X /= np.linalg.norm(X, axis=1)[:, None]
        r = X @ X.T
        pairs = np.array([r[p] for p in PAIRS])
        # Two independent pairs: the product of two quadrants.
        apart = np.array([r[0, 1], 0, 0, 0, 0, r[2, 3]])
        both = (0.25 + np.arcsin(apart[[0, 5]]) / (2 * np.pi)).prod()
        assert abs(chance(apart) - both) < 1e-15
        for order in itertools.permutations(range(4)):
            moved = np.array([r[order[p], order[q]] for p, q in PAIRS])
            assert abs(chance(moved) - chance(pairs)) < 1e-13
        # All 16 orthants of signs make 1.
        total = sum(
            chance(np.array([s[p] * s[q] * r[p, q] for p, q in PAIRS]))
            for s in itertools.product((1, -1), repeat=4)
        )
        assert abs(total - 1) < 1e-13
    twins = np.array([1.0, 0.3, -0.2, 0.3, -0.2, 0.1])  # field 1 is field 0
    assert abs(chance(twins) - three_positive(*np.array([[0.3], [-0.2], [0.1]]))[0]) < 1e-12


@pytest.mark.catalogue("order_parameters.mixture")
def test_tanh_is_a_mixture_of_error_functions(residual):
    u = np.linspace(-8, 8, 801)
    errors = []
    for points in (4, 6, 8, 10):
        weight = kolmogorov_rule(points)[1]
        assert abs(weight.sum() - 1) < 1e-12
        errors.append(np.abs(tanh_mixture(points).value(u) - np.tanh(u)).max())
    rate = np.polyfit([4, 6, 8, 10], np.log(errors), 1)[0]
    assert -1.6 < rate < -1.2  # about fourfold a point
    residual(errors[1], 3e-6)
    fine, usual = finer_integrals("tanh"), ACTIVATIONS["tanh"]()
    C = covariance("apart")
    assert np.abs(fine.quadruples(C, K) - usual.quadruples(C, K)).max() < 1e-6
    assert finer_integrals("relu") is None


@every_activation
def test_leading_axes_are_batches(activation):
    averages = ACTIVATIONS[activation]()
    many = np.stack([covariance("apart", seed) for seed in (1, 2, 3)])[:, None]
    for name in ("slopes", "curvatures", "quadruples"):
        table = getattr(averages, name)
        np.testing.assert_allclose(table(many, K)[2, 0], table(many[2, 0], K), rtol=1e-13, atol=0)
    np.testing.assert_allclose(averages.products(many)[1, 0], averages.products(many[1, 0]))


def test_one_student_and_one_teacher():
    C = np.array([[0.5, 0.2], [0.2, 1.0]])
    for make in ACTIVATIONS.values():
        I4 = make().quadruples(C, 1)
        assert I4.shape == (1, 1, 2, 2)
        assert np.isfinite(I4).all()
