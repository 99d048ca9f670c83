"""Random numbers inside compiled steps: stable, and different for every step, seed and call."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.train.sampler import KeySampler, step_key


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def sampler(root=0, seed=0, step=0, dtype="float64"):
    return KeySampler(step_key(root, jnp.asarray(seed), jnp.asarray(step)), dtype)


def test_numbers_are_pinned():
    found = [
        sampler().uniform(0.0, 1.0, ())[()],
        sampler(7, 3, 12).uniform(-1.0, 1.0, (2,))[1],
        sampler(7, 3, 12).normal(0.0, 1.0, (2,))[0],
    ]
    np.testing.assert_allclose(
        found, [0.3516663448673514, 0.9430424713806809, -0.013019093671036337], rtol=1e-12
    )


def test_every_step_seed_root_and_call_has_its_own():
    drawn = []
    for key in itertools.product((0, 1), (0, 1, 5), (0, 1, 2, 300)):
        one = sampler(*key)
        drawn += [one.normal(0.0, 1.0, (4,)), one.normal(0.0, 1.0, (4,))]
    assert len(np.unique(np.array(drawn))) == 4 * len(drawn)


def test_seed_and_step_are_not_interchangeable():
    assert sampler(0, 1, 2).normal(0.0, 1.0, ()) != sampler(0, 2, 1).normal(0.0, 1.0, ())


def test_laws():
    u = np.asarray(sampler().uniform(-2.0, 1.0, (20_000,)))
    assert -2 <= u.min() < -1.99
    assert 0.99 < u.max() < 1
    assert abs(u.mean() + 0.5) < 4 * u.std() / np.sqrt(u.size)
    z = np.asarray(sampler().normal(3.0, 0.5, (20_000,)))
    assert abs(z.mean() - 3) < 4 * 0.5 / np.sqrt(z.size)
    assert abs(z.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * z.size)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_the_runs(dtype):
    assert sampler(dtype=dtype).uniform(0.0, 1.0, (2,)).dtype == dtype
    assert sampler(dtype=dtype).normal(0.0, 1.0, (2,)).dtype == dtype
