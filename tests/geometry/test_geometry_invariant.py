import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.geometry import balance, feedback_invariant

PROPERTY = settings(deadline=None, max_examples=15)
SEEDS = st.integers(0, 10**6)


def network(seed, runs=()):
    rng = np.random.default_rng(seed)
    shapes = ((6, 4), (3, 6), (6, 3), (3, 4), (4, 7))  # W0, W, B, T, x
    return [rng.normal(size=(*runs, *shape)) for shape in shapes]


@given(seed=SEEDS)
@PROPERTY
def test_entries_are_literal_sums(compute, seed):
    W0, W, B, _, _ = network(seed)
    C, D = compute(feedback_invariant, W0, W, B), compute(balance, W0, W)
    for i in range(6):
        for j in range(6):
            inputs = sum(W0[i, k] * W0[j, k] for k in range(4))
            ahead = sum(B[i, k] * W[k, j] + W[k, i] * B[j, k] for k in range(3))
            own = sum(W[k, i] * W[k, j] for k in range(3))
            assert C[i, j] == pytest.approx(ahead - inputs, abs=1e-13)
            assert D[i, j] == pytest.approx(own - inputs, abs=1e-13)


@given(seed=SEEDS)
@PROPERTY
def test_both_are_symmetric_and_rotate_with_the_hidden_units(compute, seed):
    W0, W, B, _, _ = network(seed)
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))[0]
    C, D = compute(feedback_invariant, W0, W, B), compute(balance, W0, W)
    np.testing.assert_allclose(C, C.T, atol=1e-13)
    np.testing.assert_allclose(D, D.T, atol=1e-13)
    rotated = compute(feedback_invariant, Q @ W0, W @ Q.T, Q @ B)
    np.testing.assert_allclose(rotated, Q @ C @ Q.T, atol=1e-12)
    np.testing.assert_allclose(compute(balance, Q @ W0, W @ Q.T), Q @ D @ Q.T, atol=1e-12)


@given(seed=SEEDS, eta=st.floats(1e-3, 1.0))
@PROPERTY
def test_one_discrete_step_moves_them_by_a_known_amount(compute, seed, eta):
    """C moves by -dW0 dW0^T, balance by dW^T dW - dW0 dW0^T: the flow conserves both."""
    W0, W, B, T, x = network(seed)
    e = T @ x - W @ W0 @ x
    dW = eta * e @ (W0 @ x).T
    moved = {}
    for name, feedback in (("feedback", B), ("backprop", W.T)):
        dW0 = eta * feedback @ e @ x.T
        if name == "feedback":
            before = compute(feedback_invariant, W0, W, B)
            moved[name] = compute(feedback_invariant, W0 + dW0, W + dW, B) - before
            expected = -dW0 @ dW0.T
        else:
            moved[name] = compute(balance, W0 + dW0, W + dW) - compute(balance, W0, W)
            expected = dW.T @ dW - dW0 @ dW0.T
        scale = np.abs(expected).max() + np.abs(W0).max() * np.abs(dW0).max()
        np.testing.assert_allclose(moved[name], expected, atol=1e-11 * max(scale, 1.0))


def test_leading_axes_are_runs(compute):
    W0, W, B, _, _ = network(0, (2, 3))
    C, D = compute(feedback_invariant, W0, W, B[:, :1]), compute(balance, W0, W)
    assert C.shape == D.shape == (2, 3, 6, 6)
    expected = feedback_invariant(W0[1, 2], W[1, 2], B[1, 0])
    np.testing.assert_allclose(C[1, 2], expected, atol=1e-13)
    np.testing.assert_allclose(D[1, 2], balance(W0[1, 2], W[1, 2]), atol=1e-13)
