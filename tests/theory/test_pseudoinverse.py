"""Where W ends against the flow, and pseudobackprop against literal Gauss-Newton steps."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.errors import ArrayError, RegimeError
from fatheory.geometry.pseudoinverse import pseudoinverse_alignment
from fatheory.theory.flow import flow
from fatheory.theory.pseudoinverse import (
    conveyed_error,
    feedback_alignment_limit,
    gauss_newton_signal,
    row_space_residual,
    teaching_signal_angles,
)

TIGHT = {"rtol": 1e-12, "atol": 1e-14}
SHAPES = [(2, 4, 3), (3, 3, 2), (3, 5, 4), (2, 2, 2), (4, 6, 2)]


def orthogonal_feedback(rng, n_h, n_o, g):
    return np.sqrt(g) * np.linalg.qr(rng.normal(size=(n_h, n_o)))[0]


def target(rng, n_o, n_i, low=0.7):
    """A map with singular values in [low, 2], so that its slowest mode ends in reasonable time."""
    k = min(n_o, n_i)
    U = np.linalg.qr(rng.normal(size=(n_o, k)))[0]
    V = np.linalg.qr(rng.normal(size=(n_i, k)))[0]
    return (U * rng.uniform(low, 2, size=k)) @ V.T


def from_zero(T, B, Sigma=None, times=(40.0,)):
    (n_o, n_i), n_h = T.shape, B.shape[0]
    zero = np.zeros((n_h, n_i)), np.zeros((n_o, n_h))
    return flow(*zero, B, T, Sigma, times=list(times), **TIGHT)


@pytest.mark.catalogue("pseudoinverse.limit")
@pytest.mark.parametrize("seed", range(20))
def test_limit_is_that_of_the_flow(seed, residual):
    rng = np.random.default_rng(seed)
    n_o, n_h, n_i = SHAPES[seed % 5]
    T, B = target(rng, n_o, n_i), orthogonal_feedback(rng, n_h, n_o, rng.uniform(0.5, 2))
    V = np.linalg.svd(T)[2].T
    Sigma = (V * rng.uniform(0.8, 1.5, size=n_i)) @ V.T if seed % 2 else None
    limit = feedback_alignment_limit(T, B, Sigma)
    end = from_zero(T, B, Sigma).isel(time=-1)
    W0, W = end.weight_1.values, end.weight_2.values
    residual(np.abs(limit.output_weights - W).max() / np.abs(W).max(), 1e-10)
    residual(np.abs(limit.input_weights - W0).max() / np.abs(W0).max(), 1e-10)
    assert limit.alignment == pytest.approx(float(pseudoinverse_alignment(W, B)), abs=1e-8)
    np.testing.assert_allclose(limit.output_weights @ limit.input_weights, T, atol=1e-13)


def test_limit_is_aligned_if_and_only_if_all_singular_values_agree():
    rng = np.random.default_rng(1)
    B = orthogonal_feedback(rng, 5, 3, 1.7)
    Q = np.linalg.qr(rng.normal(size=(4, 3)))[0].T
    assert feedback_alignment_limit(2 * Q, B).alignment < 1e-6
    limit = feedback_alignment_limit(np.diag([1.0, 1.0, 8.0]) @ Q, B)
    cosine = (1 + 1 + 4) / np.sqrt(3 * (1 + 1 + 16))
    assert limit.alignment == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-10)
    single = np.outer([1.0, 0.0, 0.0], Q[0])
    expected = np.degrees(np.arccos(1 / np.sqrt(3)))
    assert feedback_alignment_limit(single, B).alignment == pytest.approx(expected, abs=1e-6)


def test_covariance_that_mixes_modes_moves_the_limit_and_is_refused():
    rng = np.random.default_rng(2)
    T, B = target(rng, 2, 3), orthogonal_feedback(rng, 4, 2, 1.0)
    Sigma = np.diag([0.6, 1.0, 1.8])
    end = from_zero(T, B, Sigma, [60.0]).weight_2.values[-1]
    assert np.abs(end - feedback_alignment_limit(T, B).output_weights).max() > 1e-3
    with pytest.raises(RegimeError, match="commute with T\\^T T"):
        feedback_alignment_limit(T, B, Sigma)


@pytest.mark.catalogue("pseudoinverse.row_space")
@pytest.mark.parametrize("seed", range(20))
def test_output_weights_stay_in_the_row_space_from_zero_start(seed, residual):
    rng = np.random.default_rng(100 + seed)
    n_o, n_h, n_i = [(2, 4, 3), (3, 5, 4), (1, 4, 3)][seed % 3]
    T, B = rng.normal(size=(n_o, n_i)), rng.normal(size=(n_h, n_o))
    root = rng.normal(size=(n_i, n_i))
    path = from_zero(T, B, np.eye(n_i) + 0.2 * root @ root.T, [0.3, 1.0, 5.0])
    for W in path.weight_2.values:
        residual(row_space_residual(W, B), 1e-12)


def test_row_space_residual_sees_another_start():
    rng = np.random.default_rng(3)
    B = rng.normal(size=(5, 2))
    W = rng.normal(size=(2, 5))
    assert row_space_residual(W, B) > 0.1
    assert row_space_residual(W @ B @ np.linalg.pinv(B), B) < 1e-14


def problems(count, start=0):
    """Random W of every rank pattern, with an error."""
    for seed in range(start, start + count):
        rng = np.random.default_rng(seed)
        n_o, n_h = rng.integers(1, 6, size=2)
        W = rng.normal(size=(n_o, n_h))
        if seed % 3 == 0:
            W = np.outer(W[:, 0], W[0])
        yield rng, W, rng.normal(size=n_o)


@pytest.mark.catalogue("pseudoinverse.gauss_newton")
def test_pseudobackprop_is_the_minimal_norm_gauss_newton_step(residual):
    for rng, W, e in problems(30):
        dh = gauss_newton_signal(W, e)
        literal = scipy.linalg.lstsq(W, e, cond=1e-10, lapack_driver="gelsy")[0]
        residual(np.abs(dh - literal).max(), 1e-10 * max(1, np.abs(dh).max()))
        for other in dh + 0.1 * rng.normal(size=(20, dh.size)):
            assert np.linalg.norm(e - W @ other) >= np.linalg.norm(e - W @ dh) - 1e-13
        null = scipy.linalg.null_space(W, rcond=1e-10)
        for other in dh + rng.normal(size=(5, null.shape[1])) @ null.T:
            assert np.linalg.norm(other) >= np.linalg.norm(dh) - 1e-13


def test_damped_gauss_newton_steps_approach_pseudobackprop_linearly_in_the_damping():
    rng = np.random.default_rng(5)
    W, e = rng.normal(size=(3, 5)), rng.normal(size=3)
    damping = 10.0 ** np.arange(-5, -1.5, 0.5)
    gaps = [
        np.linalg.norm(
            np.linalg.solve(W.T @ W + c * np.eye(5), W.T @ e) - gauss_newton_signal(W, e)
        )
        for c in damping
    ]
    assert np.polyfit(np.log(damping), np.log(gaps), 1)[0] == pytest.approx(1, abs=0.1)


@pytest.mark.catalogue("pseudoinverse.conveyor")
def test_no_feedback_conveys_the_error_better_than_the_pseudoinverse(residual):
    for rng, W, e in problems(40, 50):
        power, cosine = conveyed_error(W, np.linalg.pinv(W), e)
        Q = scipy.linalg.orth(W, rcond=1e-10)
        residual(abs(power - np.sum((Q.T @ e) ** 2)), 1e-12 * (1 + power))
        residual(abs(cosine - np.linalg.norm(Q.T @ e) / np.linalg.norm(e)), 1e-12)
        assert power >= 0
        assert conveyed_error(W, W.T, e).cosine <= cosine + 1e-12
        for V in rng.normal(size=(10, *W.T.shape)):
            assert conveyed_error(W, V, e).cosine <= cosine + 1e-12


def test_power_against_literal_products_and_the_backprop_case():
    rng = np.random.default_rng(7)
    W, B, e = rng.normal(size=(3, 4)), rng.normal(size=(4, 3)), rng.normal(size=(2, 5, 3))
    power, cosine = conveyed_error(W, B, e)
    assert power.shape == cosine.shape == (2, 5)
    assert power[1, 2] == pytest.approx(e[1, 2] @ W @ B @ e[1, 2])
    np.testing.assert_allclose(conveyed_error(W, W.T, e).power, np.sum((e @ W) ** 2, -1))


@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
@settings(deadline=None, max_examples=20)
def test_teaching_signal_angles(seed, scale):
    rng = np.random.default_rng(seed)
    W, B, e = rng.normal(size=(3, 6)), rng.normal(size=(6, 3)), rng.normal(size=3)
    angles = teaching_signal_angles(W, B, e)

    def literal(a, b):
        return np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))

    pseudo = W.T @ np.linalg.solve(W @ W.T, e)
    expected = literal(B @ e, W.T @ e), literal(B @ e, pseudo), literal(W.T @ e, pseudo)
    np.testing.assert_allclose(angles, expected, atol=1e-6)
    np.testing.assert_allclose(teaching_signal_angles(W, B, -scale * e), expected, atol=1e-6)
    # Both of W's signals lower the error: their angle is acute.
    assert angles.backprop_pseudobackprop < 90
    locked = teaching_signal_angles(W, W.T, e)
    assert locked.feedback_backprop < 1e-6


def test_bad_input_is_refused_with_what_to_do():
    T, B = np.eye(2), np.array([[1.0, 0.2], [0.0, 1.0]])
    with pytest.raises(RegimeError, match=r"B\^T B = g I.*deviates by up to.*Orthogonalise"):
        feedback_alignment_limit(T, B)
    with pytest.raises(RegimeError, match=r"B\^T B = g I"):
        feedback_alignment_limit(np.ones((3, 2)), np.ones((2, 3)))
    with pytest.raises(RegimeError, match="T is zero"):
        feedback_alignment_limit(np.zeros((2, 2)), np.eye(2))
    with pytest.raises(RegimeError, match="Sigma sees 1 of the 2 modes"):
        feedback_alignment_limit(T, np.eye(2), np.diag([1.0, 0.0]))
    with pytest.raises(RegimeError, match="W is zero"):
        row_space_residual(np.zeros((2, 3)), np.ones((3, 2)))
    with pytest.raises(ArrayError, match=r"last axis of e must have the n_o = 2 .*\(3,\)"):
        gauss_newton_signal(np.eye(2), [1.0, 2.0, 3.0])
    with pytest.raises(ArrayError, match=r"V of shape \(2, 2\) does not fit W of shape \(2, 3\)"):
        conveyed_error(np.ones((2, 3)), np.eye(2), [1.0, 1.0])
    with pytest.raises(ArrayError, match="e must be finite"):
        teaching_signal_angles(np.eye(2), np.eye(2), [1.0, np.nan])
