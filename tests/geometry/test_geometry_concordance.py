import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fatheory.geometry import count_signless, sign_concordance

PROPERTY = settings(deadline=None, max_examples=20)
ENTRIES = arrays(np.float64, (3, 4), elements=st.sampled_from([-2.0, -1e-200, 0.0, 0.5, 1e200]))


def counted(a, b):
    """Signs compared entry by entry: how many agree, differ, and have no sign."""
    agree = differ = signless = 0
    for x, y in zip(a.ravel(), b.ravel(), strict=True):
        if x == 0 or y == 0:
            signless += 1
        elif (x > 0) == (y > 0):
            agree += 1
        else:
            differ += 1
    return agree, differ, signless


@given(a=ENTRIES, b=ENTRIES)
@PROPERTY
def test_literal_count(compute, a, b):
    agree, differ, signless = counted(a, b)
    expected = agree / (agree + differ) if agree + differ else np.nan
    found = compute(sign_concordance, a, b, axis=(-2, -1))
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert np.isnan(found) or 0 <= found <= 1
    assert compute(count_signless, a, b, axis=(-2, -1)) == signless


@given(a=ENTRIES, b=ENTRIES, scale=st.floats(1e-3, 1e3))
@PROPERTY
def test_magnitudes_do_not_matter_and_a_flip_is_the_complement(compute, a, b, scale):
    found = compute(sign_concordance, a, b)
    np.testing.assert_array_equal(compute(sign_concordance, b, scale * a), found)
    np.testing.assert_allclose(compute(sign_concordance, -a, b), 1 - found, atol=1e-15)
    with_signs = np.where(a == 0, 1.0, a)
    assert (compute(sign_concordance, with_signs, with_signs) == 1).all()


def test_all_zero_is_nan_and_all_counted(compute):
    a, b = np.zeros((2, 6)), np.ones((2, 6))
    a[1] = -1
    assert np.isnan(compute(sign_concordance, a, b)[0])
    assert compute(sign_concordance, a, b)[1] == 0
    assert compute(count_signless, a, b).tolist() == [6, 0]


@pytest.mark.parametrize("side", [0, 1])
def test_a_nan_entry_makes_its_own_fraction_nan(compute, side):
    pair = [np.ones((3, 4)), np.ones((3, 4))]
    pair[side][2, 1] = np.nan
    np.testing.assert_array_equal(compute(sign_concordance, *pair), [1, 1, np.nan])


def test_broadcasting_and_axes_are_a_loop(compute):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(3, 1, 5))
    found = compute(sign_concordance, a, b, axis=(-3, -1))
    for i in range(2):
        for k in range(4):
            agree, differ, _ = counted(a[i, :, k], np.broadcast_to(b[:, 0], (3, 5)))
            assert found[i, k] == pytest.approx(agree / (agree + differ), rel=1e-15)
