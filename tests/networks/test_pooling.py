"""Pools against their definition, with the errors that they send back."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from literal_convolution import literal_pool

from fatheory.networks.pooling import average_pool, max_pool

POOLS = {"max": max_pool, "average": average_pool}
CASES = [
    (3, 2, (2, 8, 8, 3)),
    (3, 2, (1, 7, 4, 2)),
    (2, 2, (2, 5, 9, 1)),
    (3, 1, (1, 4, 6, 2)),
    (1, 2, (2, 5, 4, 2)),
    (2, 3, (1, 7, 8, 2)),
    (4, 2, (2, 6, 5, 1)),
    (5, 3, (1, 1, 7, 2)),
    (9, 4, (1, 6, 10, 1)),
]


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@partial(jax.jit, static_argnums=(0, 3, 4))
def both_ways(kind, h, g, size, stride):
    y, back = jax.vjp(lambda h: POOLS[kind](h, size, stride), h)
    return y, *back(g)


def pooled(shape, stride):
    samples, rows, columns, channels = shape
    return samples, -(-rows // stride), -(-columns // stride), channels


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize(("size", "stride", "shape"), CASES)
@pytest.mark.parametrize("kind", POOLS)
def test_pool_is_its_definition(kind, size, stride, shape, dtype, tolerance):
    rng = np.random.default_rng(0)
    h = rng.normal(size=shape).astype(dtype)
    g = rng.normal(size=pooled(shape, stride)).astype(dtype)
    expected = literal_pool(h, size, stride, kind, g)
    for ours, literal in zip(both_ways(kind, h, g, size, stride), expected, strict=True):
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, literal, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("size", "stride", "shape"), CASES)
def test_of_equal_maxima_the_first_in_the_topmost_row_receives_the_error(size, stride, shape):
    rng = np.random.default_rng(1)
    h = rng.integers(0, 3, size=shape).astype(float)
    g = rng.normal(size=pooled(shape, stride))
    _, expected = literal_pool(h, size, stride, "max", g)
    np.testing.assert_allclose(both_ways("max", h, g, size, stride)[1], expected, atol=1e-14)


@pytest.mark.parametrize(("size", "stride", "shape"), CASES)
def test_windows_lie_as_those_of_xla(size, stride, shape):
    h = np.random.default_rng(2).normal(size=shape)
    windows = (1, size, size, 1), (1, stride, stride, 1), "SAME"
    of_xla = lax.reduce_window(jnp.asarray(h), -jnp.inf, lax.max, *windows)
    g = np.zeros(pooled(shape, stride))
    np.testing.assert_array_equal(both_ways("max", h, g, size, stride)[0], of_xla)


@pytest.mark.parametrize("kind", POOLS)
def test_equal_activities_stay_as_they_are_up_to_the_border(kind):
    h = jnp.full((1, 5, 6, 1), -2.5)
    np.testing.assert_allclose(POOLS[kind](h, 3, 2), np.full((1, 3, 3, 1), -2.5), rtol=1e-15)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 1)])
def test_what_is_not_a_number_is_not_lost(kind, place):
    h = jnp.asarray(np.arange(9.0).reshape(1, 3, 3, 1)).at[0, *place, 0].set(jnp.nan)
    assert jnp.isnan(POOLS[kind](h, 3, 3)).all()


@pytest.mark.parametrize("kind", POOLS)
def test_runs_together_and_in_turn_agree(kind):
    rng = np.random.default_rng(3)
    h, g = rng.normal(size=(3, 2, 7, 8, 2)), rng.normal(size=(3, 2, 4, 4, 2))

    def run(pair):
        return both_ways(kind, *pair, 3, 2)

    pairs = jnp.asarray(h), jnp.asarray(g)
    expected = [literal_pool(a, 3, 2, kind, b) for a, b in zip(h, g, strict=True)]
    expected = [np.stack(values) for values in zip(*expected, strict=True)]
    in_turn = jax.jit(lambda pairs: lax.map(run, pairs))
    for ours in (jax.jit(jax.vmap(run))(pairs), in_turn(pairs)):
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-13)
