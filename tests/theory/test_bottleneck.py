"""The limit behind a bottleneck against the flow, and against backprop's optimum."""

import numpy as np
import pytest
from default_run import slow_but
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.bottleneck import bottleneck_limit
from fatheory.theory.flow import flow

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
SHAPES = [(3, 1, 3), (3, 2, 3), (4, 2, 3), (4, 3, 4), (5, 2, 2)]


def covariance(rng, n_i):
    root = rng.normal(size=(n_i, n_i))
    return np.eye(n_i) + 0.3 * root @ root.T


def rest(T, B, Sigma, rng=None, scale=0.0, time=60.0):
    """Return product and loss at the end of the flow from zero or from random weights."""
    (n_o, n_i), n_h = T.shape, B.shape[0]
    W0, W = np.zeros((n_h, n_i)), np.zeros((n_o, n_h))
    if rng is not None:
        W0, W = scale * rng.normal(size=W0.shape), scale * rng.normal(size=W.shape)
    end = flow(W0, W, B, T, Sigma, times=[time], **TIGHT).isel(time=0)
    return end.weight_2.values @ end.weight_1.values, float(end.loss)


def drawn(seed):
    """A target and feedback whose B T is well conditioned, so that the flow is fast."""
    rng = np.random.default_rng(seed)
    n_o, n_h, n_i = SHAPES[seed % 5]
    T = rng.normal(size=(n_o, n_i))
    while True:
        B = rng.normal(size=(n_h, n_o))
        if np.linalg.svd(B @ T)[1].min() > 1:
            return rng, T, B, covariance(rng, n_i) if seed % 2 else None


@pytest.mark.catalogue("bottleneck.limit")
@pytest.mark.parametrize("seed", slow_but(range(5), range(20)))
def test_limit_is_that_of_the_flow_from_zero_and_small_starts(seed, residual):
    rng, T, B, Sigma = drawn(seed)
    limit = bottleneck_limit(T, B, Sigma)
    start = {} if seed % 4 < 2 else {"rng": rng, "scale": 0.01}
    product, loss = rest(T, B, Sigma, **start)
    residual(np.abs(product - limit.product).max() / np.abs(T).max(), 1e-10)
    residual(abs(loss - limit.loss) / max(limit.loss, 1e-3), 1e-10)


def test_limit_is_that_of_the_flow_at_lower_rank():
    rng = np.random.default_rng(3)
    T = np.outer(rng.normal(size=4), rng.normal(size=3))
    B = rng.normal(size=(2, 4))
    limit = bottleneck_limit(T, B, covariance(rng, 3))
    np.testing.assert_allclose(limit.product, T, atol=1e-13)
    T = rng.normal(size=(4, 3))
    B = np.outer([1.0, 2.0], rng.normal(size=4))
    product, loss = rest(T, B, None)
    limit = bottleneck_limit(T, B)
    np.testing.assert_allclose(product, limit.product, atol=1e-10)
    assert loss == pytest.approx(limit.loss, rel=1e-10)
    assert np.linalg.matrix_rank(limit.product) == 1


@pytest.mark.catalogue("bottleneck.limit")
@pytest.mark.parametrize("white", [True, False])
@pytest.mark.parametrize("rank", [1, 2])
def test_feedback_of_low_rank_is_a_bottleneck_however_wide_the_network(rank, white, residual):
    rng = np.random.default_rng(rank)
    T = rng.normal(size=(3, 4))
    B = rng.normal(size=(7, rank)) @ rng.normal(size=(rank, 3))
    Sigma = None if white else covariance(rng, 4)
    limit = bottleneck_limit(T, B, Sigma)
    product, loss = rest(T, B, Sigma)
    assert np.linalg.matrix_rank(limit.product) == rank
    residual(np.abs(product - limit.product).max() / np.abs(T).max(), 1e-10)
    residual(abs(loss - limit.loss) / limit.loss, 1e-10)
    if white:
        W0, W = rng.normal(size=(7, 4)), rng.normal(size=(3, 7))
        assert flow(W0, W, B, T, times=[60.0]).loss[0] < 1e-3 * limit.loss


def test_singular_covariance_from_zero_start():
    rng = np.random.default_rng(4)
    T, B = rng.normal(size=(3, 4)), rng.normal(size=(2, 3))
    root = rng.normal(size=(4, 3))
    limit = bottleneck_limit(T, B, root @ root.T)
    product, loss = rest(T, B, root @ root.T)
    np.testing.assert_allclose(product, limit.product, atol=1e-9)
    assert loss == pytest.approx(limit.loss, rel=1e-10)


@given(seed=st.integers(0, 10**6), white=st.booleans())
@settings(deadline=None, max_examples=40)
def test_rest_conditions_rank_and_order_of_losses(seed, white):
    rng = np.random.default_rng(seed)
    n_i, n_o = rng.integers(1, 6, size=2)
    n_h = rng.integers(1, 7)
    T, B = rng.normal(size=(n_o, n_i)), rng.normal(size=(n_h, n_o))
    Sigma = np.eye(n_i) if white else covariance(rng, n_i)
    limit = bottleneck_limit(T, B, Sigma)
    E = T - limit.product
    assert np.abs(B @ E).max() < 1e-6
    assert np.abs(E @ Sigma @ (B @ T).T).max() < 1e-6
    assert limit.gap >= -1e-12
    assert limit.loss == pytest.approx(0.5 * np.trace(E @ Sigma @ E.T), abs=1e-9)
    e = T - limit.backprop_product
    assert limit.backprop_loss == pytest.approx(0.5 * np.trace(e @ Sigma @ e.T), abs=1e-9)
    assert np.linalg.matrix_rank(limit.backprop_product, tol=1e-8) <= n_h
    if n_h >= min(n_o, n_i):
        assert limit.loss < 1e-12


def test_white_input_is_the_plain_projector_and_strong_feedback_is_optimal():
    rng = np.random.default_rng(5)
    T, B = rng.normal(size=(4, 5)), rng.normal(size=(2, 4))
    rows = np.linalg.qr((B @ T).T)[0]
    literal = 0.5 * np.linalg.norm(T - T @ rows @ rows.T) ** 2
    assert bottleneck_limit(T, B).loss == pytest.approx(literal, rel=1e-12)
    U, s, _ = np.linalg.svd(T)
    best = bottleneck_limit(T, U[:, :2].T)
    assert best.gap == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(best.product, best.backprop_product, atol=1e-12)
    assert best.loss == pytest.approx(0.5 * (s[2] ** 2 + s[3] ** 2))


def test_backprop_reaches_its_optimum():
    rng = np.random.default_rng(6)
    T = np.diag([3.0, 2.0, 1.0])
    W0, W = 0.1 * rng.normal(size=(2, 3)), 0.1 * rng.normal(size=(3, 2))
    end = flow(W0, W, None, T, times=[60.0], rule="backprop", **TIGHT)
    limit = bottleneck_limit(T, rng.normal(size=(2, 3)))
    assert float(end.loss[0]) == pytest.approx(limit.backprop_loss, rel=1e-9)


def test_undetermined_limit_and_bad_input_are_refused():
    T = np.diag([1.0, 1.0, 0.0])
    B = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    mixing = np.eye(3) + 0.5 * (np.eye(3, k=1) + np.eye(3, k=-1))
    assert bottleneck_limit(T, B).loss == pytest.approx(0.5)
    with pytest.raises(RegimeError, match="B T has rank 1, below the rank 2 of B and 2 of T"):
        bottleneck_limit(T, B, mixing)
    with pytest.raises(ArrayError, match=r"B of shape \(2, 3\) does not fit T of shape \(2, 3\)"):
        bottleneck_limit(np.ones((2, 3)), B)
    with pytest.raises(ArrayError, match="Sigma must be positive semi-definite"):
        bottleneck_limit(T, B, -np.eye(3))
