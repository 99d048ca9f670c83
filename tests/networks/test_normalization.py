"""Batch normalisation against its formulas, forwards and backwards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.networks import BatchStatistics, batch_statistics, normalised, running

SHAPES = [(7, 4), (5, 3, 6, 2)]
EPSILON = 0.01


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def preactivations(shape):
    rng = np.random.default_rng(0)
    return rng.normal(rng.normal(size=shape[-1]), rng.uniform(1, 3, shape[-1]), shape)


def places(a):
    """Samples, rows and columns as one axis: the population of a unit or a channel."""
    return a.reshape(-1, a.shape[-1])


@pytest.mark.parametrize("shape", SHAPES)
def test_moments_are_those_of_every_unit_or_channel(shape):
    a = preactivations(shape)
    mean, variance = batch_statistics(jnp.asarray(a))
    np.testing.assert_allclose(mean, np.mean(places(a), axis=0), rtol=1e-14)
    np.testing.assert_allclose(variance, np.var(places(a), axis=0), rtol=1e-14)


def test_the_variance_of_sums_far_from_zero_keeps_its_digits():
    a = np.random.default_rng(1).normal(3000, 1, (200, 3))
    variance = batch_statistics(jnp.asarray(a, jnp.float32)).variance
    np.testing.assert_allclose(variance, np.var(a, axis=0), rtol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_normalised_sums_have_mean_zero_and_variance_one_but_for_epsilon(shape):
    a = jnp.asarray(preactivations(shape))
    moments = batch_statistics(a)
    found = places(np.asarray(normalised(a, moments, EPSILON)))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-14)
    expected = moments.variance / (moments.variance + EPSILON)
    np.testing.assert_allclose(found.var(axis=0), expected, rtol=1e-13)
    other = BatchStatistics(jnp.arange(1.0, 1 + shape[-1]), jnp.arange(2.0, 2 + shape[-1]))
    by_hand = (np.asarray(a) - other.mean) / np.sqrt(np.asarray(other.variance) + EPSILON)
    np.testing.assert_allclose(normalised(a, other, EPSILON), by_hand, rtol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_derivative_goes_through_the_moments(shape):
    """g -> (g - <g> - a <g a>) / std with a normalised (Ioffe & Szegedy 2015)."""
    a, g = preactivations(shape), np.random.default_rng(2).normal(size=shape)

    def through(a):
        return jnp.sum(g * normalised(a, batch_statistics(a), EPSILON))

    found = jax.grad(through)(jnp.asarray(a))
    flat, of_flat = places(a), places(g)
    std = np.sqrt(flat.var(axis=0) + EPSILON)
    centred = (flat - flat.mean(axis=0)) / std
    along = np.mean(of_flat * centred, axis=0)
    expected = (of_flat - of_flat.mean(axis=0) - centred * along) / std
    np.testing.assert_allclose(places(np.asarray(found)), expected, rtol=1e-10, atol=1e-14)


def test_running_moments_forget_at_the_rate_of_their_memory():
    """After k equal batches, 1 - memory^k of the way from the start is gone."""
    start = BatchStatistics(jnp.zeros(3), jnp.ones(3))
    batch = BatchStatistics(jnp.array([1.0, -2.0, 3.0]), jnp.array([4.0, 0.5, 1.0]))
    kept = start
    for _ in range(5):
        kept = running(kept, batch, 0.8)
    for old, new, found in zip(start, batch, kept, strict=True):
        np.testing.assert_allclose(found, new + 0.8**5 * (old - new), rtol=1e-14)
