import itertools
from contextlib import nullcontext

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from fatheory.errors import ArrayError, LearningRateWarning, RegimeError, UnknownNameError
from fatheory.theory.node_perturbation import (
    node_perturbation_angle,
    node_perturbation_cosine,
    node_perturbation_moments,
)
from fatheory.theory.node_perturbation_speed import (
    node_perturbation_mean_loss,
    node_perturbation_slowdown,
    node_perturbation_stability,
)


def gaussian_grid(dimensions, nodes):
    """Return points and weights that average polynomials of degree 2 nodes - 1 exactly."""
    x, w = hermegauss(nodes)
    points = np.array(list(itertools.product(x, repeat=dimensions)))
    weights = np.array([np.prod(c) for c in itertools.product(w / w.sum(), repeat=dimensions)])
    return points, weights


def signals(W, e, xi, sigma):
    """Return -(L(xi) - L(0)) xi / sigma^2 for every row of standard normal xi."""
    shift = sigma * xi @ W.T
    change = 0.5 * np.sum((e - shift) ** 2, axis=1) - 0.5 * np.sum(e**2, axis=-1)
    return -change[:, None] * xi / sigma


def draw(rng, n_o=3, n_h=4):
    return rng.normal(size=(n_o, n_h)), rng.normal(size=n_o)


@pytest.mark.catalogue("node_perturbation.moments")
@pytest.mark.parametrize("sigma", [0.01, 0.5, 2.0])
def test_moments_agree_with_gaussian_quadrature(residual, sigma):
    W, e = draw(np.random.default_rng(0))
    xi, weights = gaussian_grid(4, 4)
    delta = signals(W, e, xi, sigma)
    mean = weights @ delta
    second = (delta.T * weights) @ delta
    exact = node_perturbation_moments(W, e, sigma)
    scale = np.abs(exact.covariance).max()
    residual(np.abs(mean - exact.mean).max() / scale, 1e-12)
    residual(np.abs(second - np.outer(mean, mean) - exact.covariance).max() / scale, 1e-11)


def test_sampled_moments_approach_at_slope_minus_one_half():
    rng = np.random.default_rng(1)
    W, e = draw(rng)
    exact = node_perturbation_moments(W, e, 0.5)
    counts, repeats = 2 ** np.arange(6, 13), 60
    mean_errors, covariance_errors = [], []
    for count in counts:
        delta = signals(W, e, rng.normal(size=(repeats * count, 4)), 0.5)
        centred = (delta - exact.mean).reshape(repeats, count, 4)
        mean_errors.append(np.sqrt(np.mean(centred.mean(axis=1) ** 2)))
        sampled = centred.swapaxes(1, 2) @ centred / count - exact.covariance
        covariance_errors.append(np.sqrt(np.mean(sampled**2)))
    for errors in (mean_errors, covariance_errors):
        slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
        assert slope == pytest.approx(-0.5, abs=0.1)


@pytest.mark.catalogue("node_perturbation.cosine")
@pytest.mark.parametrize("n_h", [1, 2, 3, 4, 7, 30])
def test_cosine_and_angle_of_one_draw(residual, n_h):
    # The angle to a fixed axis has the density sin^(n_h - 2) on a quarter turn.
    if n_h == 1:
        assert (node_perturbation_cosine(1), node_perturbation_angle(1)) == (1.0, 0.0)
        return
    nodes, weights = np.polynomial.legendre.leggauss(200)
    theta = np.pi / 4 * (nodes + 1)
    density = weights * np.sin(theta) ** (n_h - 2)
    density /= density.sum()
    residual(abs(node_perturbation_cosine(n_h) - density @ np.cos(theta)), 1e-12)
    residual(abs(node_perturbation_angle(n_h) - density @ np.rad2deg(theta)), 1e-10)


def test_sampled_cosine_at_small_perturbations():
    rng = np.random.default_rng(2)
    n_h = 20
    W, e = draw(rng, 5, n_h)
    delta = signals(W, e, rng.normal(size=(40_000, n_h)), 1e-6)
    a = W.T @ e
    cosines = delta @ a / np.linalg.norm(delta, axis=1) / np.linalg.norm(a)
    standard_error = cosines.std() / np.sqrt(len(cosines))
    assert cosines.mean() == pytest.approx(node_perturbation_cosine(n_h), abs=4 * standard_error)
    assert node_perturbation_cosine(10**6) == pytest.approx(np.sqrt(2 / np.pi / 10**6), rel=1e-6)


@pytest.mark.catalogue("node_perturbation.mean_loss")
@pytest.mark.parametrize(("rule", "sigma"), [("backprop", 0.0), ("node_perturbation", 0.7)])
def test_one_step_of_the_mean_loss_agrees_with_quadrature(residual, rule, sigma):
    rng = np.random.default_rng(3)
    n_i, n_h, n_o, eta, variance = 2, 3, 2, 0.05, 1.7
    W0, W, T = (rng.normal(size=s) for s in ((n_h, n_i), (n_o, n_h), (n_o, n_i)))
    grid, weights = gaussian_grid(n_i + n_h, 4)
    x, xi = np.sqrt(variance) * grid[:, :n_i], grid[:, n_i:]
    e = x @ (T - W @ W0).T
    delta = e @ W if rule == "backprop" else signals(W, e, xi, sigma)
    E = T - W @ (W0 + eta * delta[:, :, None] * x[:, None, :])
    mean = weights @ (variance / 2 * np.sum(E**2, axis=(1, 2)))
    # One step is exact at any rate; this one is beyond what many steps would bear.
    with pytest.warns(LearningRateWarning) if sigma else nullcontext():
        exact = node_perturbation_mean_loss(
            W0, W, T, eta, 1, sigma=sigma, input_variance=variance, rule=rule
        )
    residual(abs(mean / exact[1] - 1), 1e-11)


def test_mean_loss_over_many_steps_agrees_with_simulated_runs():
    rng = np.random.default_rng(4)
    n_i, n_h, n_o, sigma, steps, runs = 3, 5, 3, 0.3, 40, 4000
    W0, W, T = (rng.normal(size=s) for s in ((n_h, n_i), (n_o, n_h), (n_o, n_i)))
    eta = 0.2 * node_perturbation_stability(W, n_i).node_perturbation
    start = np.repeat(W0[None], runs, axis=0)
    for _ in range(steps):
        x = rng.normal(size=(runs, n_i))
        e = np.einsum("soi,si->so", T - W @ start, x)
        start += eta * signals(W, e, rng.normal(size=(runs, n_h)), sigma)[:, :, None] * x[:, None]
    loss = 0.5 * np.sum((T - W @ start) ** 2, axis=(1, 2))
    exact = node_perturbation_mean_loss(W0, W, T, eta, steps, sigma=sigma)
    assert loss.mean() == pytest.approx(exact[-1], abs=4 * loss.std() / np.sqrt(runs))


@pytest.mark.parametrize("rule", ["backprop", "node_perturbation"])
def test_the_mean_loss_turns_from_decay_to_growth_at_the_stable_rate(rule):
    rng = np.random.default_rng(5)
    W0, W, T = np.zeros((6, 4)), rng.normal(size=(3, 6)), rng.normal(size=(3, 4))
    rate = getattr(node_perturbation_stability(W, 4, 0.5), rule)
    options = {"rule": rule, "input_variance": 0.5}
    told = (
        pytest.warns(LearningRateWarning, match="heavy tails")
        if rule == "node_perturbation"
        else nullcontext()
    )
    with told:
        below = node_perturbation_mean_loss(W0, W, T, 0.98 * rate, 4000, **options)
    with told:
        above = node_perturbation_mean_loss(W0, W, T, 1.02 * rate, 4000, **options)
    assert below[-1] < below[-2]
    assert below[-1] < 1e-4 * below[0]
    assert above[-1] > above[-2] > above[0]


def test_the_mean_warns_where_few_runs_carry_it():
    rng = np.random.default_rng(9)
    n_i, n_h, n_o, runs = 6, 5, 3, 500
    W, T, W0 = rng.normal(size=(n_o, n_h)), rng.normal(size=(n_o, n_i)), np.zeros((n_h, n_i))
    largest = node_perturbation_stability(W, n_i).node_perturbation
    shares = []
    for part in (0.3, 0.95):
        eta, steps = part * largest, round(36 / part)
        weights = np.repeat(W0[None], runs, axis=0)
        for _ in range(steps):
            x = rng.normal(size=(runs, n_i))
            e = np.einsum("soi,si->so", T - W @ weights, x)
            delta = signals(W, e, rng.normal(size=(runs, n_h)), 1e-3)
            weights += eta * delta[:, :, None] * x[:, None]
        loss = 0.5 * np.sum((T - W @ weights) ** 2, axis=(1, 2))
        with pytest.warns(LearningRateWarning) if part > 0.7 else nullcontext():
            mean = node_perturbation_mean_loss(W0, W, T, eta, steps)[-1]
        shares.append(np.median(loss) / mean)
    assert shares[0] > 0.95
    assert shares[1] < 0.8


@pytest.mark.catalogue("node_perturbation.slowdown")
@pytest.mark.parametrize(("n_o", "n_h", "rank"), [(3, 8, 3), (8, 5, 5), (4, 4, 4)])
def test_slowdown_counts_the_directions_that_matter(residual, n_o, n_h, rank):
    rng = np.random.default_rng(6)
    n_i = 10
    W = np.linalg.qr(rng.normal(size=(max(n_o, n_h), rank)))[0]
    W = W if n_o > n_h else W.T
    rates = node_perturbation_stability(W, n_i)
    residual(abs(rates.backprop / rates.node_perturbation - (rank + 2)), 1e-9)
    residual(abs(node_perturbation_slowdown(W) - (rank + 2)), 1e-9)
    # Decrease of the mean loss in one step at each rule's best rate, half the stable one here.
    T = W @ rng.normal(size=(n_h, n_i))
    W0 = np.zeros((n_h, n_i))
    decrease = [
        -np.diff(node_perturbation_mean_loss(W0, W, T, rate / 2, 1, rule=rule))[0]
        for rule, rate in rates._asdict().items()
    ]
    residual(abs(decrease[0] / decrease[1] - (rank + 2)), 1e-9)


def test_slowdown_grows_with_the_rank_at_slope_one_and_not_with_the_width():
    ranks = np.array([16, 32, 64, 128])
    slowdowns = [node_perturbation_slowdown(np.eye(r)) for r in ranks]
    slope = np.polyfit(np.log(ranks), np.log(slowdowns), 1)[0]
    assert slope == pytest.approx(1, abs=0.1)
    wide = [node_perturbation_slowdown(np.eye(4, n_h)) for n_h in ranks]
    np.testing.assert_allclose(wide, 6.0)


def test_slowdown_for_an_isotropic_error_is_the_ratio_of_best_decreases():
    rng = np.random.default_rng(7)
    n_i = n_o = 3
    W, W0, T = rng.normal(size=(n_o, 5)), np.zeros((5, n_i)), np.eye(3)
    best = {}
    for rule in ("backprop", "node_perturbation"):
        # The decrease is eta p - eta^2 q; two rates give p and q.
        decrease = [
            -np.diff(node_perturbation_mean_loss(W0, W, T, eta, 1, rule=rule))[0]
            for eta in (0.01, 0.02)
        ]
        q = (2 * decrease[0] - decrease[1]) / 2e-4
        p = (decrease[0] + q * 1e-4) / 0.01
        best[rule] = p**2 / (4 * q)
    ratio = best["backprop"] / best["node_perturbation"]
    assert node_perturbation_slowdown(W) == pytest.approx(ratio, rel=1e-9)


def test_bad_input_is_refused():
    W, e = draw(np.random.default_rng(0))
    with pytest.raises(RegimeError, match=r"sigma must be finite and not negative; got -1"):
        node_perturbation_moments(W, e, -1.0)
    with pytest.raises(ArrayError, match=r"e of shape \(2,\) does not fit W of shape \(3, 4\)"):
        node_perturbation_moments(W, e[:2], 1.0)
    with pytest.raises(RegimeError, match="at least one unit; got 0"):
        node_perturbation_cosine(0)
    with pytest.raises(RegimeError, match="W is zero"):
        node_perturbation_slowdown(np.zeros((2, 3)))
    W0, T = np.zeros((4, 2)), np.zeros((3, 2))
    with pytest.raises(RegimeError, match=r"learning_rate must be positive and finite; got 0"):
        node_perturbation_mean_loss(W0, W, T, 0.0, 1)
    with pytest.raises(UnknownNameError, match="unknown rule with a known mean loss 'shallow'"):
        node_perturbation_mean_loss(W0, W, T, 0.1, 1, rule="shallow")
