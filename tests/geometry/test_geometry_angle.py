import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fatheory.geometry import angle, cosine

PROPERTY = settings(deadline=None, max_examples=20)
VECTORS = arrays(np.float64, 5, elements=st.floats(-1, 1, allow_subnormal=False)).filter(
    lambda v: np.linalg.norm(v) > 1e-3
)
SCALES = st.floats(1e-3, 1e3)
ROUNDING = 1e-11  # degrees


def tilted(degrees, n=5, seed=0):
    """Two vectors of generic direction with this angle between them, built from a rotation."""
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    radians = np.deg2rad(degrees)
    return Q[:, 0], np.cos(radians) * Q[:, 0] + np.sin(radians) * Q[:, 1]


@given(a=VECTORS, b=VECTORS)
@PROPERTY
def test_definition_and_range(compute, a, b):
    definition = np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))
    assert abs(compute(cosine, a, b) - definition) < 1e-14
    assert -1 <= compute(cosine, a, b) <= 1
    theta = compute(angle, a, b)
    assert 0 <= theta <= 180
    assert abs(np.cos(np.deg2rad(theta)) - definition) < 1e-14


@given(a=VECTORS, b=VECTORS, r=SCALES, s=SCALES)
@PROPERTY
def test_positive_scales_do_not_matter_and_the_order_neither(compute, a, b, r, s):
    theta = compute(angle, a, b)
    assert abs(compute(angle, r * a, s * b) - theta) < ROUNDING
    assert compute(angle, b, a) == theta
    assert abs(compute(cosine, r * a, s * b) - compute(cosine, a, b)) < 1e-14


@given(a=VECTORS, b=VECTORS, seed=st.integers(0, 10**6))
@PROPERTY
def test_a_shared_rotation_does_not_matter(compute, a, b, seed):
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(5, 5)))[0]
    assert abs(compute(angle, Q @ a, Q @ b) - compute(angle, a, b)) < ROUNDING


@given(a=VECTORS, b=VECTORS)
@PROPERTY
def test_a_flipped_sign_is_the_supplement(compute, a, b):
    assert abs(compute(angle, -a, b) - (180 - compute(angle, a, b))) < ROUNDING
    assert compute(cosine, -a, b) == -compute(cosine, a, b)


@given(a=VECTORS, b=VECTORS, c=VECTORS)
@PROPERTY
def test_triangle_inequality(compute, a, b, c):
    assert compute(angle, a, c) <= compute(angle, a, b) + compute(angle, b, c) + ROUNDING


@given(a=VECTORS)
@PROPERTY
def test_zero_on_itself_and_180_on_the_opposite(compute, a):
    assert compute(angle, a, a) == 0
    assert compute(angle, a, -a) == 180


@pytest.mark.parametrize("degrees", [1e-10, 1e-6, 1e-3])
def test_tiny_angles_keep_their_digits(compute, degrees):
    a, b = np.array([1.0, 0.0]), np.array([1.0, np.tan(np.deg2rad(degrees))])
    assert compute(angle, a, b) == pytest.approx(degrees, rel=1e-12, abs=0)
    # In a generic direction entries are rounded to 1e-16, hence 1e-14 degrees; an arccos of the
    # cosine is wrong by 1e-6 degrees.
    assert compute(angle, *tilted(degrees)) == pytest.approx(degrees, rel=0, abs=5e-14)


@pytest.mark.parametrize("missing", [1e-10, 1e-6, 1e-3])
def test_angles_near_180_keep_their_digits(compute, missing):
    a, b = tilted(missing)
    assert 180 - compute(angle, a, -b) == pytest.approx(missing, rel=0, abs=1e-13)


@pytest.mark.parametrize("exponents", [(200, 200), (-200, -200), (200, -200), (-300, 300)])
def test_extreme_entries_neither_overflow_nor_vanish(compute, exponents):
    r, s = (10.0**e for e in exponents)
    a, b = tilted(40.0)
    assert compute(angle, r * a, s * b) == pytest.approx(40.0, abs=1e-12)
    assert compute(cosine, r * a, s * b) == pytest.approx(np.cos(np.deg2rad(40.0)), abs=1e-14)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
@pytest.mark.parametrize("function", [angle, cosine])
def test_without_direction_nan_and_only_there(compute, function, bad):
    a, b = np.ones((3, 4)), np.arange(12.0).reshape(3, 4) + 1
    a[1] = 0.0
    a[1, 2] = bad
    for pair in ((a, b), (b, a)):
        assert np.isnan(compute(function, *pair)).tolist() == [False, True, False]


def test_several_axes_are_one_flattened_vector(compute):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 3, 4, 5))
    whole = compute(angle, a, b, axis=(-2, -1))
    flat = compute(angle, a.reshape(3, 20), b.reshape(3, 20))
    np.testing.assert_allclose(whole, flat, atol=ROUNDING)
    apart = [angle(a[:, j].ravel(), b[:, j].ravel()) for j in range(4)]
    np.testing.assert_allclose(compute(angle, a, b, axis=(0, 2)), apart, atol=ROUNDING)


@pytest.mark.parametrize("function", [angle, cosine])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((5,), -1), ((3, 1), -1), ((1, 5), -2), ((3, 5), 1), ((1, 1, 5), (1, 2)), ((3, 1), (-2, -1))],
)
def test_broadcasting_is_the_same_as_repeating(compute, function, shape, axis):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 3, 5)), rng.normal(size=shape)
    repeated = compute(function, a, np.broadcast_to(b, a.shape).copy(), axis=axis)
    np.testing.assert_allclose(compute(function, a, b, axis=axis), repeated, atol=ROUNDING)
    np.testing.assert_allclose(compute(function, b, a, axis=axis), repeated, atol=ROUNDING)


@given(a=VECTORS, b=VECTORS)
@PROPERTY
def test_single_precision_stays_single_and_is_close(compute, a, b):
    assume(np.abs(a.astype("f4")).max() > 0)
    theta = compute(angle, a.astype("f4"), b.astype("f4"))
    assert theta.dtype == np.float32
    assert abs(theta - angle(a, b)) < 1e-4
