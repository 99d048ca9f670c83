import itertools

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.geometry import angle
from fatheory.theory.fluctuations import online_fluctuations
from fatheory.theory.online_noise import (
    OnlineTask,
    mean_bending,
    mean_jacobian,
    mean_update,
    update_covariance,
)
from fatheory.theory.spread import angle_expansion, loss_expansion
from fatheory.theory.stability import largest_stable_learning_rate

TIMES = np.array([0.0, 0.5, 1.5])


def network(seed=0, n_i=4, n_h=6, n_o=3):
    """Return W0, W, B, T, Sigma and the covariance of target noise."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n_i, n_i))
    return (
        0.3 * rng.normal(size=(n_h, n_i)),
        0.3 * rng.normal(size=(n_o, n_h)),
        0.6 * rng.normal(size=(n_h, n_o)),
        rng.normal(size=(n_o, n_i)),
        A @ A.T / n_i + 0.3 * np.eye(n_i),
        np.diag(np.linspace(0.1, 0.3, n_o)),
    )


def simulate(arrays, rule, eta, times, seeds, rng):
    """Return loss and angle (time, seed) of online SGD; the seed is the last axis throughout."""
    W0, W, B, T, Sigma, noise = arrays
    root, noise_root = np.linalg.cholesky(Sigma), np.sqrt(noise)
    A, C = (np.repeat(w[..., None], seeds, axis=-1) for w in (W0, W))
    steps, k, losses, angles = np.rint(times / eta).astype(int), 0, [], []
    for stop in steps:
        for _ in range(k, stop):
            x = root @ rng.normal(size=(len(root), seeds))
            h = (A * x).sum(axis=1)
            e = T @ x + noise_root @ rng.normal(size=(len(T), seeds)) - (C * h).sum(axis=1)
            if rule == "feedback_alignment":
                A += eta * (B @ e)[:, None] * x
            elif rule == "backprop":
                A += eta * (C * e[:, None]).sum(axis=0)[:, None] * x
            C += eta * e[:, None] * h
        k = stop
        E = T[..., None] - np.einsum("ohs,his->ois", C, A)
        losses.append(0.5 * np.einsum("ois,ij,ojs->s", E, Sigma, E))
        angles.append(angle(np.moveaxis(C, -1, 0), B.T, axis=(-2, -1)))
    return np.array(losses), np.array(angles)


@pytest.mark.catalogue("fluctuations.noise")
@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop"])
def test_mean_and_covariance_of_one_update_agree_with_quadrature(residual, rule):
    W0, W, B, T, Sigma, noise = network(1, 2, 3, 2)
    nodes, w = hermegauss(3)
    grid = np.array(list(itertools.product(nodes, repeat=4)))
    weights = np.array([np.prod(c) for c in itertools.product(w / w.sum(), repeat=4)])
    x = grid[:, :2] @ np.linalg.cholesky(Sigma).T
    e = x @ (T - W @ W0).T + grid[:, 2:] @ np.sqrt(noise)
    back = B if rule == "feedback_alignment" else W.T
    update = np.concatenate(
        [
            np.einsum("so,ho,si->shi", e, back, x).reshape(len(x), -1),
            np.einsum("so,hi,si->soh", e, W0, x).reshape(len(x), -1),
        ],
        axis=1,
    )
    task = OnlineTask(B if rule == "feedback_alignment" else None, T, Sigma, noise)
    mean = weights @ update
    covariance = (update.T * weights) @ update - np.outer(mean, mean)
    residual(np.abs(mean - mean_update(W0, W, task)).max(), 1e-12)
    residual(np.abs(covariance - update_covariance(W0, W, task)).max(), 1e-12)


@pytest.mark.parametrize("backprop", [False, True])
def test_derivatives_of_the_mean_update_agree_with_finite_differences(backprop):
    W0, W, B, T, Sigma, noise = network(2)
    task = OnlineTask(None if backprop else B, T, Sigma, noise)
    theta = np.concatenate([W0.ravel(), W.ravel()])

    def update(theta):
        return mean_update(
            theta[: W0.size].reshape(W0.shape), theta[W0.size :].reshape(W.shape), task
        )

    def central(direction, step):
        return (update(theta + step * direction) - update(theta - step * direction)) / (2 * step)

    J = np.stack([central(d, 1e-5) for d in np.eye(theta.size)], axis=1)
    np.testing.assert_allclose(mean_jacobian(W0, W, task), J, atol=1e-9)
    root = np.random.default_rng(0).normal(size=(theta.size, 5))
    second = sum(
        update(theta + 1e-3 * u) + update(theta - 1e-3 * u) - 2 * update(theta) for u in root.T
    )
    bending = mean_bending(W0, W, task, root @ root.T)
    np.testing.assert_allclose(bending, second / 2e-6, atol=1e-4 * np.abs(bending).max())


@pytest.mark.parametrize("observable", ["loss", "angle"])
def test_observables_agree_with_their_expansion_to_third_order(observable):
    W0, W, B, T, Sigma, noise = network(3)
    task = OnlineTask(B, T, Sigma, noise)

    def expand(A, C):
        A, C = A[None], C[None]
        return loss_expansion(A, C, task) if observable == "loss" else angle_expansion(A, C, B)

    at = expand(W0, W)
    d0, d1 = (np.random.default_rng(0).normal(size=w.shape) for w in (W0, W))
    d = np.concatenate([d0.ravel(), d1.ravel()])
    steps, errors = 2.0 ** -np.arange(9, 14), []
    for h in steps:
        predicted = at.value[0] + h * at.gradient[0] @ d + h**2 / 2 * d @ at.hessian[0] @ d
        errors.append(abs(expand(W0 + h * d0, W + h * d1).value[0] - predicted))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(3, abs=0.1)


def test_curvature_of_the_loss_is_its_hessian_at_a_minimum():
    W0, W, B, T, Sigma, noise = network(3)
    learned = loss_expansion(W0[None], W[None], OnlineTask(B, W @ W0, Sigma, noise))
    before = loss_expansion(W0[None], W[None], OnlineTask(B, T, Sigma, noise))
    np.testing.assert_allclose(learned.curvature, learned.hessian, atol=1e-14)
    np.testing.assert_array_equal(before.curvature, learned.curvature)
    assert np.linalg.eigvalsh(before.curvature[0])[0] > -1e-12
    assert np.linalg.eigvalsh(before.hessian[0])[0] < -0.1


def exact_shallow_loss(arrays, eta, steps):
    """Return the exact mean loss of online LMS: <E^T E> obeys a closed recursion."""
    W0, W, _, T, Sigma, noise = arrays
    G, E = W0.T @ W0, T - W @ W0
    second = E.T @ E
    for _ in range(steps):
        fourth = 2 * Sigma @ second @ Sigma + Sigma * np.trace(second @ Sigma)
        fourth += np.trace(noise) * Sigma
        drift = second @ Sigma @ G
        second = second - eta * (drift + drift.T) + eta**2 * G @ fourth @ G
    return 0.5 * np.trace(second @ Sigma)


@pytest.mark.catalogue("fluctuations.mean")
def test_mean_loss_is_right_to_first_order_in_the_learning_rate(residual):
    arrays = network(4)
    W0, W, B, T, Sigma, noise = arrays
    loss = online_fluctuations(W0, W, B, T, Sigma, times=[2.0], rule="shallow", noise=noise).loss
    rates = 2.0 ** -np.arange(7, 12)
    exact = np.array([exact_shallow_loss(arrays, eta, round(2 / eta)) for eta in rates])
    flow_errors = np.abs(exact - loss.flow[0])
    errors = np.abs(exact - [loss.mean(eta)[0] for eta in rates])
    assert np.polyfit(np.log(rates), np.log(flow_errors), 1)[0] == pytest.approx(1, abs=0.1)
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(2, abs=0.1)
    residual(errors[-1] / flow_errors[-1], 0.01)


@pytest.mark.catalogue("fluctuations.mean")
def test_stationary_excess_loss_of_lms_is_the_textbook_value(residual):
    W0, W, B, T, Sigma, noise = network(5, n_i=2, n_h=2, n_o=1)
    W0 = W0 + 1.5 * np.eye(2)
    loss = online_fluctuations(W0, W, B, T, Sigma, times=[30.0], rule="shallow", noise=noise).loss
    excess = np.trace(noise) * np.trace(W0 @ Sigma @ W0.T) / 4
    residual(abs(loss.correction[0] / excess - 1), 1e-6)
    assert loss.flow[0] < 1e-12
    # There the gradient vanishes: what is left of the variance is that of a quadratic form.
    assert loss.variance[0] < 1e-10
    hidden = W0 @ Sigma @ W0.T
    left = noise[0, 0] ** 2 * np.trace(hidden @ hidden) / 8
    residual(abs(loss.curvature_variance[0] / left - 1), 1e-6)


def relative_errors(arrays, rule, eta, seeds, times=TIMES):
    """Return how far measured standard deviations of loss and angle are from the predicted."""
    W0, W, B, T, Sigma, noise = arrays
    predicted = online_fluctuations(W0, W, B, T, Sigma, times=times, rule=rule, noise=noise)
    loss, angles = simulate(arrays, rule, eta, times, seeds, np.random.default_rng(11))
    errors = [
        measured[1:].std(axis=1, ddof=1) / spread.std(eta)[1:] - 1
        for measured, spread in ((loss, predicted.loss), (angles, predicted.angle))
    ]
    standard_errors = [
        (measured.mean(axis=1) - spread.mean(eta))[1:] / measured[1:].std(axis=1) * seeds**0.5
        for measured, spread in ((loss, predicted.loss), (angles, predicted.angle))
    ]
    return np.array(errors), np.array(standard_errors)


@pytest.mark.catalogue("fluctuations.spread")
@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop", "shallow"])
def test_spread_over_seeds_agrees_with_online_learning(residual, rule):
    seeds = 400
    spread, mean = relative_errors(network(), rule, 1 / 1024, seeds)
    # A sampled standard deviation of a normal variable has the relative error 1/sqrt(2 seeds).
    residual(np.abs(spread).max(), 4 / np.sqrt(2 * seeds))
    assert np.abs(mean).max() < 4


@pytest.mark.slow
@pytest.mark.catalogue("fluctuations.spread")
@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop", "shallow"])
def test_spread_over_2000_seeds_is_right_to_ten_percent(residual, rule):
    spread, mean = relative_errors(network(), rule, 1 / 2048, 2000)
    residual(np.abs(spread).max(), 0.1)
    assert np.abs(mean).max() < 4


def test_spread_grows_with_the_root_of_the_learning_rate():
    arrays = network(6)
    rates, spreads = 2.0 ** -np.arange(7, 12), []
    for eta in rates:
        loss, angles = simulate(
            arrays, "feedback_alignment", eta, [1.0], 300, np.random.default_rng(1)
        )
        spreads.append([loss.std(), angles.std()])
    for column in np.log(spreads).T:
        assert np.polyfit(np.log(rates), column, 1)[0] == pytest.approx(0.5, abs=0.1)


def test_the_expansion_stops_holding_near_the_largest_stable_rate():
    arrays = network(4)
    W0, W, B, T, Sigma, noise = arrays
    stable = largest_stable_learning_rate(W0, W, B, Sigma, rule="shallow")
    eta = stable * np.array([0.01, 0.1, 0.5, 0.9])
    steps = 40
    errors = []
    for rate in eta:
        solved = online_fluctuations(
            W0, W, B, T, Sigma, times=[rate * steps], rule="shallow", noise=noise
        )
        errors.append(abs(solved.loss.mean(rate)[0] / exact_shallow_loss(arrays, rate, steps) - 1))
    assert errors[0] < 1e-3
    assert errors[-1] > 0.3
    assert (np.diff(errors) > 0).all()


def test_the_start_has_no_spread_and_its_own_flow():
    W0, W, B, T, Sigma, _ = network()
    solved = online_fluctuations(W0, W, B, T, Sigma, times=[0.0, 1.0])
    np.testing.assert_array_equal(solved.W0[0], W0)
    assert solved.loss.std(0.1)[0] == 0
    assert solved.angle.mean(0.1)[0] == pytest.approx(angle(W, B.T, axis=(-2, -1)))
    assert solved.loss.std(0.1)[1] > 0
    eigenvalues = np.linalg.eigvalsh(solved.covariance[1])
    assert eigenvalues[0] > -1e-8 * eigenvalues[-1]


def test_a_zero_weight_has_no_angle():
    W0, W, B, T, Sigma, _ = network()
    solved = online_fluctuations(W0, 0 * W, B, T, Sigma, times=[0.0, 1.0])
    assert np.isnan(solved.angle.mean(0.1)[0])
    assert np.isfinite(solved.angle.mean(0.1)[1])
    assert online_fluctuations(W0, W, None, T, times=[1.0], rule="backprop").angle is None


def test_other_regimes_are_refused():
    W0, W, B, T, Sigma, _ = network()
    with pytest.raises(UnknownNameError, match="unknown rule with known fluctuations 'usf'"):
        online_fluctuations(W0, W, B, T, times=[1.0], rule="usf")
    with pytest.raises(RegimeError, match="feedback alignment needs its fixed feedback B"):
        online_fluctuations(W0, W, None, T, times=[1.0])
    with pytest.raises(ArrayError, match=r"noise must have shape \(3, 3\)"):
        online_fluctuations(W0, W, B, T, Sigma, times=[1.0], noise=np.eye(2))
    with pytest.raises(ArrayError, match="T of shape"):
        online_fluctuations(W0, W, B, T[:2], Sigma, times=[1.0])
