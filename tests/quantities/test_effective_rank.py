"""Effective ranks: known spectra, scale, rotation, and two backends."""

import jax.numpy as jnp
import numpy as np
import pytest

from fatheory.quantities.effective_rank import effective_rank


def with_spectrum(s, shape, seed=0):
    rng = np.random.default_rng(seed)
    U, _ = np.linalg.qr(rng.normal(size=(shape[0], len(s))))
    V, _ = np.linalg.qr(rng.normal(size=(shape[1], len(s))))
    return (U * s) @ V.T


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equal_singular_values_count_one_by_one(k):
    W = with_spectrum(np.full(k, 3.0), (7, 9))
    assert effective_rank(W) == pytest.approx(k, rel=1e-9)


def test_two_singular_values_by_hand():
    """s = (3, 1): p = (3/4, 1/4), and exp(H) = (4/3)^(3/4) 4^(1/4)."""
    expected = (4 / 3) ** 0.75 * 4**0.25
    assert effective_rank(with_spectrum(np.array([3.0, 1.0]), (4, 2))) == pytest.approx(expected)


def test_scale_and_transposition_do_not_matter_and_axes_lead():
    W = np.random.default_rng(1).normal(size=(3, 2, 4, 6))
    found = effective_rank(W)
    assert found.shape == (3, 2)
    np.testing.assert_allclose(effective_rank(1e-8 * W), found, rtol=1e-12)
    np.testing.assert_allclose(effective_rank(W.swapaxes(-1, -2)), found, rtol=1e-12)
    np.testing.assert_allclose(effective_rank(jnp.asarray(W)), found, rtol=1e-5)
    assert (found > 1).all()
    assert (found < 4).all()


def test_zero_and_undefined_weights_have_none():
    W = np.zeros((2, 3, 3))
    W[1, 0, 0] = np.nan
    assert np.isnan(effective_rank(W)).all()
    assert np.isnan(effective_rank(jnp.asarray(W))).all()
