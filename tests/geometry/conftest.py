"""Every function of the room computes with NumPy and with JAX in float64, to the same numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


def in_numpy(function, *arrays, **options):
    return function(*arrays, **options)


def in_jax(function, *arrays, **options):
    with jax.enable_x64(True):
        answer = function(*jax.tree.map(jnp.asarray, arrays), **options)
        assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(answer))
        return jax.tree.map(np.asarray, answer)


@pytest.fixture(scope="session", params=[in_numpy, in_jax], ids=["numpy", "jax"])
def compute(request):
    """Call a function of arrays in one of the two, with NumPy arrays in and out."""
    return request.param
