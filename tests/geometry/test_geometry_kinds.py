"""Whole numbers do not wrap around in geometry, and matrices of other shapes are not repeated."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from fatheory import geometry
from fatheory.errors import ArrayError

rng = np.random.default_rng(0)
W0, W, B, T, Sigma, x, loss = (
    rng.integers(-128, 128, shape)
    for shape in ((4, 3), (2, 4), (4, 2), (2, 3), (3, 3), (5, 3), (1,))
)
W0[0, 0] = -128  # of which int8 has no absolute value
e = rng.integers(-128, 128, (5, 2))
CALLS = {
    "angle": (lambda *a: geometry.angle(*a, axis=(-2, -1)), (W0, W0[::-1])),
    "cosine": (lambda *a: geometry.cosine(*a, axis=(-2, -1)), (W0, W0[::-1])),
    "squared_loss": (geometry.squared_loss, (e,)),
    "linear_loss": (geometry.linear_loss, (W0, W, T, Sigma)),
    "normalized_squared_error": (geometry.normalized_squared_error, (loss, e)),
    "feedback_invariant": (geometry.feedback_invariant, (W0, W, B)),
    "balance": (geometry.balance, (W0, W)),
    "linear_signals": (lambda *a: geometry.linear_signals(a[:2], [None, a[2]], *a[3:])[0],
                       (W0, W, W[::-1], T, x)),
    "linear_activities": (lambda *a: geometry.linear_activities(a[:2], a[2])[1], (W0, W, x)),
    "linear_gradients": (lambda *a: geometry.linear_gradients(a[:2], a[2:4], a[4])[1],
                         (x @ W0.T, e, W0, W, x)),
    "positive_fraction": (geometry.positive_fraction, (W, B, e)),
    "smallest_symmetric_eigenvalue": (geometry.smallest_symmetric_eigenvalue, (W, B)),
    "pseudoinverse": (geometry.pseudoinverse, (W,)),
    "pseudoinverse_alignment": (geometry.pseudoinverse_alignment, (W, B)),
    "weight_norms": (lambda *a: geometry.weight_norms(a), (W0, W)),
    "weight_angles": (lambda *a: geometry.weight_angles(a[:1], a[1:]), (W, W[::-1])),
    "delta_angles": (lambda *a: geometry.delta_angles(a[:1], a[1:]), (e, e[::-1])),
    "directed_samples": (lambda *a: geometry.directed_samples(a[:1], a[1:]), (e, e[::-1])),
    "flattened": (lambda *a: geometry.flattened_delta_angles(a[:1], a[1:]), (e, e[::-1])),
    "sign_concordances": (lambda *a: geometry.sign_concordances(a[:1], a[1:]), (W, W[::-1])),
    "unit_angles": (geometry.unit_angles, (W, W[::-1])),
}  # fmt: skip


@pytest.mark.parametrize("kind", [np.int8, np.int16])
@pytest.mark.parametrize("name", CALLS)
def test_whole_numbers_are_what_they_are_in_floating_point(name, kind):
    """The loss of errors in int8 was negative, for their squares wrap around."""
    function, arrays = CALLS[name]
    arrays = [A.astype(np.int8) for A in arrays]  # within range, all of them
    given = [A.astype(kind) for A in arrays]
    np.testing.assert_array_equal(function(*given), function(*[A * 1.0 for A in arrays]))


def test_whole_numbers_of_jax_are_in_its_floating_point():
    found = geometry.squared_loss(jnp.asarray(e, jnp.int8))
    assert jnp.issubdtype(found.dtype, jnp.floating)
    assert float(found) == pytest.approx(float(geometry.squared_loss(e)), rel=1e-6)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_plain_array_is_refused(name):
    """Axes are given by position, so that names of axes cannot be heeded."""
    function, arrays = CALLS[name]
    for place in range(len(arrays)):
        given = [xr.DataArray(A) if i == place else A * 1.0 for i, A in enumerate(arrays)]
        with pytest.raises(
            ArrayError, match="of plain arrays, NumPy's or JAX's; got DataArray of dimens"
        ):
            function(*given)


@pytest.mark.parametrize("V", [np.ones((1, 4)), np.ones((2, 1)), np.ones((1, 1))])
def test_matrices_of_other_shapes_are_not_repeated(V):
    W = rng.normal(size=(2, 4))
    for refused in (
        lambda: geometry.weight_angles([W], [V]),
        lambda: geometry.sign_concordances([W], [V]),
        lambda: geometry.update_sign_agreements([W], [V]),
        lambda: geometry.delta_angles([W], [V]),
        lambda: geometry.directed_samples([W], [V]),
        lambda: geometry.flattened_delta_angles([W], [V]),
    ):
        with pytest.raises(ArrayError, match="need one shape"):
            refused()
