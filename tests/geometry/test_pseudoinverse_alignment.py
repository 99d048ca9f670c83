import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.geometry import angle
from fatheory.geometry.pseudoinverse import pseudoinverse, pseudoinverse_alignment


def draw(seed, runs=(), n_o=3, n_h=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(*runs, n_o, n_h)), rng.normal(size=(*runs, n_h, n_o))


def test_full_column_rank_is_the_normal_equation():
    W, B = draw(0)
    normal = np.linalg.solve(B.T @ B, B.T)
    cosine = np.sum(W * normal) / np.linalg.norm(W) / np.linalg.norm(normal)
    assert pseudoinverse_alignment(W, B) == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-12)


@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
@settings(deadline=None, max_examples=25)
def test_scale_and_shared_rotation_do_not_matter(seed, scale):
    W, B = draw(seed)
    Q = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(5, 5)))[0]
    reference = pseudoinverse_alignment(W, B)
    assert pseudoinverse_alignment(scale * W, B / scale) == pytest.approx(reference, abs=1e-9)
    assert pseudoinverse_alignment(W @ Q.T, Q @ B) == pytest.approx(reference, abs=1e-9)
    assert pseudoinverse_alignment(-W, B) == pytest.approx(180 - reference, abs=1e-9)


def test_aligned_is_zero_and_orthogonal_columns_make_it_the_transpose_angle():
    W, B = draw(1)
    assert pseudoinverse_alignment(np.linalg.pinv(B), B) < 1e-12
    Q = np.linalg.qr(B)[0]
    transpose = angle(W, Q.T, axis=(-2, -1))
    assert pseudoinverse_alignment(W, 3 * Q) == pytest.approx(transpose, abs=1e-12)


def test_batch_axes_are_a_loop_and_broadcast():
    W, B = draw(2, (4, 2))
    batch = pseudoinverse_alignment(W, B)
    loop = [[pseudoinverse_alignment(W[i, j], B[i, j]) for j in range(2)] for i in range(4)]
    np.testing.assert_allclose(batch, loop, atol=1e-12)
    shared = pseudoinverse_alignment(W, B[0, 0])
    assert shared.shape == (4, 2)
    assert shared[3, 1] == pytest.approx(pseudoinverse_alignment(W[3, 1], B[0, 0]))


def test_jax_agrees_with_numpy_also_at_deficient_rank():
    W, B = draw(3, (3,))
    B[1] = np.outer(B[1, :, 0], [1.0, 2.0, 3.0])
    expected = pseudoinverse_alignment(W.astype("f4"), B.astype("f4"))
    found = pseudoinverse_alignment(jnp.asarray(W, "float32"), jnp.asarray(B, "float32"))
    assert isinstance(found, jnp.ndarray)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_zero_and_not_finite_give_nan_for_their_run_only():
    W, B = draw(4, (4,))
    W[0] = 0
    B[1] = 0
    B[2, 0, 0] = np.inf
    found = pseudoinverse_alignment(W, B)
    assert np.isnan(found).tolist() == [True, True, True, False]
    assert np.isnan(pseudoinverse(B)[2]).all()
