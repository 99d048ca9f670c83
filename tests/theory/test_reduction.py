"""The exact reduction against the flow of the full weights, and its own identities."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.errors import ArrayError, RegimeError
from fatheory.geometry import angle
from fatheory.theory.flow import flow
from fatheory.theory.gram import HiddenGram, hidden_gram
from fatheory.theory.reduction import reduced, solve_gram

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
FRO = (-2, -1)


def problem(rng, n_i, n_h, n_o, start=0.5):
    """A random problem with coloured input and, unless start = 0, a generic start."""
    A0 = start * rng.normal(size=(n_h, n_i)) / np.sqrt(n_i)
    Wi = start * rng.normal(size=(n_o, n_h)) / np.sqrt(n_h)
    B = rng.normal(size=(n_h, n_o)) / np.sqrt(n_h)
    T = rng.normal(size=(n_o, n_i)) / np.sqrt(n_i)
    root = rng.normal(size=(n_i, n_i + 2)) / np.sqrt(n_i)
    return A0, Wi, B, T, root @ root.T


def random_sizes(rng):
    return int(rng.integers(1, 8)), int(rng.integers(2, 60)), int(rng.integers(1, 6))


def relative(a, b):
    """Largest deviation of a from b, relative to the largest entry of b."""
    return np.abs(a - b).max() / np.abs(b).max()


@pytest.mark.catalogue("reduction.flow")
@pytest.mark.parametrize("seed", range(24))
def test_reduction_is_the_full_flow(seed, residual):
    rng = np.random.default_rng(seed)
    A0, Wi, B, T, Sigma = problem(rng, *random_sizes(rng))
    times = np.array([0.0, 0.3, 1.0, 4.0])
    full = flow(A0, Wi, B, T, Sigma, times=times, **TIGHT)
    solution = reduced(A0, Wi, B, T, Sigma, times=times, **TIGHT)
    W0, W = solution.weights()
    residual(relative(W0, full.weight_1.values), 1e-9)
    residual(relative(W, full.weight_2.values), 1e-9)
    residual(relative(solution.loss(), full.loss.values), 1e-9)
    residual(relative(solution.product(), full.weight_2.values @ full.weight_1.values), 1e-9)
    residual(relative(solution.weight_angle(), angle(full.weight_2.values, B.T, axis=FRO)), 1e-9)


@pytest.mark.catalogue("reduction.invariant")
@pytest.mark.parametrize("start", [0.0, 0.7])
@pytest.mark.parametrize("seed", range(5))
def test_flow_keeps_the_symmetric_part_of_y(seed, start, residual):
    rng = np.random.default_rng(seed)
    solution = reduced(*problem(rng, *random_sizes(rng), start), times=[0.2, 1.0, 2.0], **TIGHT)
    X, Y = solution.X, solution.Y
    residual(relative(Y + Y.mT, X @ X.mT), 1e-9)


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
def test_rotating_the_hidden_units_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    n_h = 7
    A0, Wi, B, T, Sigma = problem(rng, 4, n_h, 3)
    Q, _ = np.linalg.qr(rng.normal(size=(n_h, n_h)))
    plain = reduced(A0, Wi, B, T, Sigma, times=[0.5, 1.5])
    rotated = reduced(Q @ A0, Wi @ Q.T, Q @ B, T, Sigma, times=[0.5, 1.5])
    np.testing.assert_allclose(rotated.K, plain.K, rtol=1e-8, atol=1e-10)


def test_dataset_has_the_shape_of_flow():
    A0, Wi, B, T, Sigma = problem(np.random.default_rng(1), 4, 9, 3)
    times = [0.0, 1.0]
    ours = reduced(A0, Wi, B, T, Sigma, times=times).dataset()
    full = flow(A0, Wi, B, T, Sigma, times=times)
    assert ours.attrs == full.attrs | {"source": "theory/reduced"}
    assert list(ours.variables) == list(full.variables)
    for name in full.variables:
        assert ours[name].dims == full[name].dims
        assert ours[name].attrs == full[name].attrs
        np.testing.assert_allclose(ours[name], full[name], rtol=1e-7, atol=1e-10)


def test_at_time_zero_it_is_the_start():
    A0, Wi, B, T, Sigma = problem(np.random.default_rng(2), 3, 8, 2)
    solution = reduced(A0, Wi, B, T, Sigma, times=[0.0])
    W0, W = solution.weights()
    np.testing.assert_array_equal(W0[0], A0)
    np.testing.assert_array_equal(W[0], Wi)
    np.testing.assert_allclose(solution.weight_angle()[0], angle(Wi, B.T, axis=FRO), rtol=1e-12)


def test_restart_from_rebuilt_weights_is_one_run():
    A0, Wi, B, T, Sigma = problem(np.random.default_rng(3), 4, 11, 3)
    whole = reduced(A0, Wi, B, T, Sigma, times=[1.0, 3.0], **TIGHT)
    W0, W = whole.weights()
    second = reduced(W0[0], W[0], B, T, Sigma, times=[2.0], **TIGHT)
    np.testing.assert_allclose(second.weights()[0][0], W0[1], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(second.weights()[1][0], W[1], rtol=1e-9, atol=1e-11)


def test_angle_keeps_its_digits_near_zero():
    """n_o = 1 from a zero start: W is Y B^T with Y a number, along B^T at every time."""
    rng = np.random.default_rng(4)
    A0, Wi, B, T, Sigma = problem(rng, 5, 30, 1, start=0.0)
    assert reduced(A0, Wi, B, T, Sigma, times=[0.1, 1.0]).weight_angle().max() < 1e-12
    off = rng.normal(size=B.shape)
    off *= np.linalg.norm(B) / np.linalg.norm(off)
    Wi = (2 * B + 1e-3 * off).T
    start = reduced(A0, Wi, B, T, Sigma, times=[0.0])
    np.testing.assert_allclose(start.weight_angle()[0], angle(Wi, B.T, axis=FRO), rtol=1e-8)
    np.testing.assert_allclose(
        reduced(A0, -Wi, B, T, Sigma, times=[0.0]).weight_angle()[0], 180 - start.weight_angle()[0]
    )


def test_angle_of_a_zero_matrix_is_nan():
    A0, Wi, B, T, Sigma = problem(np.random.default_rng(5), 3, 6, 2)
    still = reduced(0 * A0, 0 * Wi, B, T, Sigma, times=[0.0, 1.0]).weight_angle()
    np.testing.assert_array_equal(np.isnan(still), [True, False])
    assert np.isnan(reduced(A0, Wi, 0 * B, T, Sigma, times=[0.0, 1.0]).weight_angle()).all()


def test_runs_of_several_widths_at_once_are_the_single_runs():
    rng = np.random.default_rng(6)
    starts = [problem(rng, 4, n_h, 3)[:3] for n_h in (1, 5, 40)]
    T, Sigma = problem(rng, 4, 1, 3)[3:]
    times = [0.5, 2.0]
    gram = HiddenGram.stack([hidden_gram(*start) for start in starts])
    together = solve_gram(gram, T, Sigma, times=times, **TIGHT)
    for run, start in enumerate(starts):
        alone = reduced(*start, T, Sigma, times=times, **TIGHT)
        np.testing.assert_allclose(together.K[:, run], alone.K, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(together.loss()[:, run], alone.loss(), rtol=1e-9)
        np.testing.assert_allclose(together.weight_angle()[:, run], alone.weight_angle(), rtol=1e-9)


def test_stacked_starts_give_stacked_inner_products():
    A0, Wi, B = (np.stack(a) for a in zip(*_starts(7), strict=True))
    gram = hidden_gram(A0, Wi, B)
    for run in range(len(A0)):
        alone = hidden_gram(A0[run], Wi[run], B[run])
        for field in dataclasses.fields(HiddenGram):
            np.testing.assert_allclose(
                getattr(gram, field.name)[run], getattr(alone, field.name), rtol=1e-14, atol=1e-14
            )


def _starts(seed):
    rng = np.random.default_rng(seed)
    return [problem(rng, 4, 6, 3)[:3] for _ in range(3)]


def test_bad_input_is_named():
    A0, Wi, B, T, Sigma = problem(np.random.default_rng(8), 4, 6, 3)
    with pytest.raises(ArrayError, match=r"B of shape \(5, 3\) does not fit W0 of shape \(6, 4\)"):
        reduced(A0, Wi, B[:5], T, Sigma, times=[1.0])
    with pytest.raises(ArrayError, match=r"T of shape \(3, 3\) does not fit W0"):
        reduced(A0, Wi, B, T[:, :3], Sigma, times=[1.0])
    with pytest.raises(ArrayError, match="W0 must have 2 dimensions"):
        reduced(A0[None], Wi, B, T, Sigma, times=[1.0])
    with pytest.raises(ArrayError, match="times must increase"):
        reduced(A0, Wi, B, T, Sigma, times=[1.0, 1.0])
    with pytest.raises(ArrayError, match=r"same leading axes; their numbers .* are 3, 2, 2"):
        hidden_gram(A0[None], Wi, B)
    gram = hidden_gram(A0, Wi, B)
    with pytest.raises(ArrayError, match=r"T must have shape \(3, 4\)"):
        solve_gram(gram, T.T, Sigma, times=[1.0])
    with pytest.raises(RegimeError, match="knows inner products over the hidden units"):
        solve_gram(gram, T, Sigma, times=[1.0]).weights()
