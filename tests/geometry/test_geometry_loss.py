import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.geometry import linear_loss, normalized_squared_error, squared_loss

PROPERTY = settings(deadline=None, max_examples=15)
SEEDS = st.integers(0, 10**6)


def network(seed, runs=(), n_i=4, n_h=6, n_o=3):
    rng = np.random.default_rng(seed)
    shapes = ((n_h, n_i), (n_o, n_h), (n_o, n_i))
    return [rng.normal(size=(*runs, *shape)) for shape in shapes]


def covariance(seed, n=4):
    A = np.random.default_rng(seed).normal(size=(n, n))
    return A @ A.T


def matched_probe(seed, Sigma, samples=7):
    """Inputs whose second moment is Sigma exactly: orthonormal columns times a root of it."""
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(samples, len(Sigma))))[0]
    return np.sqrt(samples) * Q @ np.linalg.cholesky(Sigma).T


@given(seed=SEEDS)
@PROPERTY
def test_squared_loss_is_a_literal_loop(compute, seed):
    error = np.random.default_rng(seed).normal(size=(2, 5, 3))
    for i, found in enumerate(compute(squared_loss, error)):
        total = 0.0
        for sample in error[i]:
            for e in sample:
                total += e * e / 2
        assert found == pytest.approx(total / 5, rel=1e-14)


@given(seed=SEEDS)
@PROPERTY
def test_linear_loss_is_a_literal_loop(compute, seed):
    W0, W, T = network(seed)
    Sigma = covariance(seed)
    total = 0.0
    for k in range(3):
        row = [T[k, i] - sum(W[k, j] * W0[j, i] for j in range(6)) for i in range(4)]
        total += sum(row[i] * Sigma[i, j] * row[j] for i in range(4) for j in range(4)) / 2
    assert compute(linear_loss, W0, W, T, Sigma) == pytest.approx(total, rel=1e-12)


@given(seed=SEEDS)
@PROPERTY
def test_linear_loss_is_the_squared_loss_on_a_matched_probe(compute, seed):
    W0, W, T = network(seed, (2,))
    Sigma = covariance(seed)
    x = matched_probe(seed, Sigma)
    error = x @ np.swapaxes(T - W @ W0, -1, -2)
    population = compute(linear_loss, W0, W, T, Sigma)
    assert population.shape == (2,)
    np.testing.assert_allclose(compute(squared_loss, error), population, rtol=1e-11)


@given(seed=SEEDS)
@PROPERTY
def test_the_best_constant_answer_has_error_one_and_others_more(compute, seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(2.0, 3.0, size=(2, 9, 3))
    best = np.broadcast_to(target.mean(axis=-2, keepdims=True), target.shape)
    loss = squared_loss(target - best)
    np.testing.assert_allclose(compute(normalized_squared_error, loss, target), 1, rtol=1e-13)
    worse = squared_loss(target - best - rng.normal(size=(1, 1, 3)))
    assert (compute(normalized_squared_error, worse, target) > 1).all()


@given(seed=SEEDS)
@PROPERTY
def test_normalised_error_is_the_ratio_of_literal_sums(compute, seed):
    rng = np.random.default_rng(seed)
    target, answer = rng.normal(size=(2, 8, 3))
    mean = [sum(target[:, i]) / 8 for i in range(3)]
    above = sum((target[t, i] - answer[t, i]) ** 2 for t in range(8) for i in range(3))
    below = sum((target[t, i] - mean[i]) ** 2 for t in range(8) for i in range(3))
    found = compute(normalized_squared_error, np.asarray(squared_loss(target - answer)), target)
    assert found == pytest.approx(above / below, rel=1e-13)


def test_normalised_error_broadcasts_over_runs(compute):
    rng = np.random.default_rng(0)
    target, losses = rng.normal(size=(4, 1, 8, 3)), rng.uniform(size=(2, 4, 5))
    found = compute(normalized_squared_error, losses, target)
    assert found.shape == (2, 4, 5)
    alone = normalized_squared_error(losses[1, 2], target[2])
    np.testing.assert_allclose(found[1, 2], alone, rtol=1e-14)


@pytest.mark.parametrize("constant", [0.0, 0.1, 0.3, -7.0])
def test_a_target_that_does_not_vary_has_no_normalised_error(compute, constant):
    target = np.full((3, 2), constant)
    assert np.isnan(compute(normalized_squared_error, np.array(1.0), target))
    target[1, 1] += 1
    assert np.isfinite(compute(normalized_squared_error, np.array(1.0), target))
