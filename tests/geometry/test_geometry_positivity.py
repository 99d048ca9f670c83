import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.geometry import angle, positive_fraction, smallest_symmetric_eigenvalue

PROPERTY = settings(deadline=None, max_examples=20)
SEEDS = st.integers(0, 10**6)


def draw(seed, shift):
    """Weights W = shift B^T + noise, from anti-aligned to aligned, with errors."""
    rng = np.random.default_rng(seed)
    B = rng.normal(size=(5, 3))
    return shift * B.T + rng.normal(size=(3, 5)), B, rng.normal(size=(40, 3))


@given(seed=SEEDS, shift=st.floats(-2, 2))
@PROPERTY
def test_fraction_is_a_literal_count(compute, seed, shift):
    W, B, errors = draw(seed, shift)
    uphill = sum(float(e @ W @ B @ e) > 0 for e in errors)
    assert compute(positive_fraction, W, B, errors) == pytest.approx(uphill / 40, rel=1e-15)


@given(seed=SEEDS, shift=st.floats(-2, 2))
@PROPERTY
def test_fraction_counts_signals_within_90_degrees_of_backprop(compute, seed, shift):
    W, B, errors = draw(seed, shift)
    within = angle(errors @ W, errors @ B.T) < 90
    assert compute(positive_fraction, W, B, errors) == pytest.approx(within.mean(), rel=1e-15)


@given(seed=SEEDS, shift=st.floats(-2, 3))
@PROPERTY
def test_eigenvalue_and_fraction_are_consistent(compute, seed, shift):
    W, B, errors = draw(seed, shift)
    smallest = compute(smallest_symmetric_eigenvalue, W, B)
    if smallest > 0:
        assert compute(positive_fraction, W, B, errors) == 1
    # The eigenvector is the worst error, and no error does worse: Rayleigh.
    values, vectors = np.linalg.eigh((W @ B + (W @ B).T) / 2)
    assert smallest == pytest.approx(values[0], rel=1e-12, abs=1e-12)
    assert compute(positive_fraction, W, B, vectors[:, :1].T) == float(values[0] > 0)
    rayleigh = np.einsum("si,ij,sj->s", errors, W @ B, errors) / np.sum(errors**2, axis=1)
    assert smallest <= rayleigh.min() + 1e-12


def test_transposed_feedback_is_positive_for_every_error(compute):
    W, _, errors = draw(0, 0.0)
    assert compute(positive_fraction, W, W.T.copy(), errors) == 1
    assert compute(smallest_symmetric_eigenvalue, W, W.T.copy()) > 0
    assert compute(positive_fraction, W, -W.T, errors) == 0


def test_a_zero_error_does_not_count(compute):
    W, _, errors = draw(0, 0.0)
    errors[:10] = 0
    assert compute(positive_fraction, W, W.T.copy(), errors) == 0.75


def test_runs_are_a_loop_and_nan_stays_in_its_run(compute):
    W, B, errors = (np.stack(a) for a in zip(*(draw(s, 1.0) for s in range(4)), strict=True))
    W[1, 0, 0] = np.nan
    B[2, 4, 1] = np.nan
    fraction = compute(positive_fraction, W, B, errors)
    smallest = compute(smallest_symmetric_eigenvalue, W, B)
    assert np.isnan(fraction).tolist() == np.isnan(smallest).tolist() == [False, True, True, False]
    assert fraction[3] == positive_fraction(W[3], B[3], errors[3])
    assert smallest[3] == pytest.approx(smallest_symmetric_eigenvalue(W[3], B[3]), rel=1e-13)
    errors[0, 5, 1] = np.nan
    assert np.isnan(compute(positive_fraction, W, B, errors)[0])
