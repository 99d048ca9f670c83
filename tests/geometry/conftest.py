"""Every function of the room computes with NumPy and, compiled, with JAX in float64."""

from functools import cache, partial

import jax
import numpy as np
import pytest


def in_numpy(function, *arrays, **options):
    return function(*arrays, **options)


@cache
def compiled(function, options):
    return jax.jit(partial(function, **dict(options)))


def in_jax(function, *arrays, **options):
    with jax.enable_x64(True):
        answer = compiled(function, tuple(options.items()))(*arrays)
        return jax.tree.map(np.asarray, answer)


@pytest.fixture(scope="session", params=[in_numpy, in_jax], ids=["numpy", "jax"])
def compute(request):
    """Call a function of arrays in one of the two, with NumPy arrays in and out."""
    return request.param
