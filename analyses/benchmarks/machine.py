"""What the machine can do at best: the rates that benchmarks are set against."""

import time

import jax
import jax.numpy as jnp
import numpy as np

TRIES = 20


def product_rate(size: int = 2048) -> float:
    """Return single-precision operations per second on one product of square matrices."""
    A = jnp.asarray(np.random.default_rng(0).standard_normal((size, size)), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(A, A).block_until_ready()
    seconds = []
    for _ in range(TRIES):
        began = time.perf_counter()
        product(A, A).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def copy_bandwidth(megabytes: int = 256) -> float:
    """Return bytes per second that pass when a large array of the host is copied: in and out."""
    a = np.ones(megabytes * 2**20, np.uint8)
    out = np.empty_like(a)
    seconds = []
    for _ in range(TRIES):
        began = time.perf_counter()
        np.copyto(out, a)
        seconds.append(time.perf_counter() - began)
    return 2 * a.size / min(seconds)


def device_bandwidth(megabytes: int = 256) -> float:
    """Return bytes per second that pass on JAX's device when a large array is changed."""
    a = jnp.ones(megabytes * 2**18, jnp.float32)
    change = jax.jit(lambda a: a + 1)
    change(a).block_until_ready()
    seconds = []
    for _ in range(TRIES):
        began = time.perf_counter()
        change(a).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return 2 * a.nbytes / min(seconds)
