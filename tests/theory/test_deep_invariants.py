from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.theory.deep import DIRECT, deep_flow
from fatheory.theory.deep_invariants import (
    layer_invariant_changes,
    layer_invariants,
    unit_invariant_changes,
    unit_invariants,
)
from fatheory.theory.layers import layered_from_direct

STEPS = 1000


def network(seed, sizes):
    rng = np.random.default_rng(seed)
    W = [rng.normal(size=(n, m)) / np.sqrt(m) for m, n in pairwise(sizes)]
    b = [0.1 * rng.normal(size=n) for n in sizes[1:]]
    B = [rng.normal(size=w.shape[::-1]) / np.sqrt(len(w)) for w in W[1:]]
    return rng, W, b, B


def relative_change(before, after, expected=None):
    """Largest departure from the expected change, relative to the invariant's largest entry."""
    expected = [0.0] * len(before) if expected is None else expected
    return max(
        float(np.abs(new - old - change).max() / np.abs(old).max())
        for old, new, change in zip(before, after, expected, strict=True)
    )


def squared_error(y, target):
    return target - y


def cross_entropy(y, target):
    share = np.exp(y - y.max(axis=0))
    return np.abs(target) / np.abs(target).sum(axis=0) - share / share.sum(axis=0)


def step(W, b, B, x, target, eta, slope, error_signal, backprop):
    """Weight and bias changes of one SGD step; `slope` is that of the units below zero."""
    activities, gains = [x], []
    for layer, (w, bias) in enumerate(zip(W, b, strict=True)):
        z = w @ activities[-1] + bias[:, None]
        gain = np.where(z > 0, 1.0, slope) if layer + 1 < len(W) else np.ones_like(z)
        gains.append(gain)
        activities.append(gain * z)
    delta = error_signal(activities[-1], target)
    changes = []
    for layer in range(len(W) - 1, -1, -1):
        changes.insert(0, (eta * delta @ activities[layer].T, eta * delta.sum(axis=1)))
        if layer:
            back = W[layer].T if backprop else B[layer - 1]
            delta = gains[layer - 1] * (back @ delta)
    return [dW for dW, _ in changes], [db for _, db in changes]


def run(seed, sizes, rule, *, slope=1.0, biases=False, error_signal=squared_error, batch=1):
    """1,000 SGD steps on noisy targets: the invariants, start, end and their summed changes."""
    rng, W, b, B = network(seed, sizes)
    b = b if biases else [np.zeros_like(v) for v in b]
    T = rng.normal(size=(sizes[-1], sizes[0]))
    back = None if rule == "backprop" else B

    def invariants():
        if biases:
            return unit_invariants(W, back, b, rule=rule)
        return layer_invariants(W, back, rule=rule)

    start, total = invariants(), 0.0
    for _ in range(STEPS):
        x = rng.normal(size=(sizes[0], batch))
        target = T @ x + 0.3 * rng.normal(size=(sizes[-1], batch))
        dW, db = step(W, b, B, x, target, 0.004, slope, error_signal, rule == "backprop")
        W = [w + d for w, d in zip(W, dW, strict=True)]
        if biases:
            b = [v + d for v, d in zip(b, db, strict=True)]
            change = unit_invariant_changes(dW, db, rule=rule)
        else:
            change = layer_invariant_changes(dW, rule=rule)
        total = [t + c for t, c in zip(total or [0.0] * len(change), change, strict=True)]
    return start, invariants(), total


@pytest.mark.catalogue("deep.invariant.flow")
@pytest.mark.parametrize("sizes", [(4, 6, 3), (4, 6, 5, 3), (4, 6, 5, 7, 3)])
def test_feedback_alignment_conserves_every_layer(sizes, residual):
    rng, W, _, B = network(0, sizes)
    T, A = rng.normal(size=(sizes[-1], sizes[0])), rng.normal(size=(sizes[0], sizes[0]))
    solved = deep_flow(W, B, T, A @ A.T / 4, times=[0.0, 0.3, 1.0, 4.0], rtol=1e-12, atol=1e-13)
    before = layer_invariants(W, B)
    for moment in range(4):
        after = layer_invariants(
            [solved[f"weight_{layer}"].values[moment] for layer in range(1, len(sizes))], B
        )
        residual(relative_change(before, after), 1e-9)


@pytest.mark.catalogue("deep.invariant.flow")
def test_direct_feedback_conserves_the_layered_invariant(residual):
    sizes = (4, 6, 5, 3)
    rng, W, _, _ = network(1, sizes)
    F = [0.5 * rng.normal(size=(n, 3)) for n in sizes[1:-1]]
    T = rng.normal(size=(3, 4))
    solved = deep_flow(W, F, T, times=[0.0, 3.0], rule=DIRECT, rtol=1e-12, atol=1e-13)
    end = [solved[f"weight_{layer}"].values[-1] for layer in (1, 2, 3)]
    B = layered_from_direct(F)
    residual(relative_change(layer_invariants(W, B), layer_invariants(end, B)), 1e-9)


def test_direct_feedback_of_low_rank_has_no_layered_invariant():
    """Two units below three outputs: the chain through them would be rank 2, and the law drifts."""
    sizes = (4, 6, 2, 3)
    rng, W, _, _ = network(1, sizes)
    F = [0.5 * rng.normal(size=(n, 3)) for n in sizes[1:-1]]
    with pytest.raises(RegimeError, match=r"F_2 of shape \(2, 3\) has rank 2.*full column rank 3"):
        layered_from_direct(F)
    T = rng.normal(size=(3, 4))
    solved = deep_flow(W, F, T, times=[0.0, 3.0], rule=DIRECT, rtol=1e-10)
    end = [solved[f"weight_{layer}"].values[-1] for layer in (1, 2, 3)]
    B = [F[0] @ np.linalg.pinv(F[1]), F[1]]
    before, after = layer_invariants(W, B), layer_invariants(end, B)
    assert relative_change(before[:1], after[:1]) > 0.1
    # The last layer's feedback is direct already.
    assert relative_change(before[1:], after[1:]) < 1e-6


@pytest.mark.catalogue("deep.invariant.backprop")
def test_backprop_conserves_every_layer(residual):
    sizes = (4, 6, 5, 3)
    rng, W, _, _ = network(2, sizes)
    T = rng.normal(size=(3, 4))
    solved = deep_flow(W, None, T, times=[0.0, 3.0], rule="backprop", rtol=1e-12, atol=1e-13)
    end = [solved[f"weight_{layer}"].values[-1] for layer in (1, 2, 3)]
    before, after = (layer_invariants(w, rule="backprop") for w in (W, end))
    residual(relative_change(before, after), 1e-9)
    # The feedback form with B = W^T is another matrix, and backprop does not conserve it.
    before, after = (layer_invariants(w, [v.T for v in w[1:]]) for w in (W, end))
    assert relative_change(before, after) > 0.1


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        pytest.param(rule, sizes, marks=pytest.mark.catalogue(entry))
        for rule, entry in (
            ("feedback_alignment", "deep.invariant.discrete"),
            ("backprop", "deep.invariant.backprop"),
        )
        for sizes in ((4, 6, 3), (4, 6, 5, 7, 3))
    ],
)
def test_linear_online_sgd_obeys_the_discrete_law(rule, sizes, residual):
    start, end, total = run(3, sizes, rule)
    assert relative_change(start, end) > 1e-3
    residual(relative_change(start, end, total), 1e-12)


@pytest.mark.catalogue("deep.invariant.units")
@pytest.mark.parametrize("rule", ["feedback_alignment", "backprop"])
@pytest.mark.parametrize(
    ("slope", "error_signal", "batch"),
    [(0.0, squared_error, 1), (0.0, cross_entropy, 1), (0.1, cross_entropy, 5)],
)
def test_rectified_online_sgd_obeys_the_law_unit_by_unit(
    rule, slope, error_signal, batch, residual
):
    start, end, total = run(
        4, (4, 8, 6, 3), rule, slope=slope, biases=True, error_signal=error_signal, batch=batch
    )
    assert relative_change(start, end) > 1e-4
    residual(relative_change(start, end, total), 1e-12)


def test_rectified_units_break_the_matrix_law():
    start, end, total = run(5, (4, 8, 3), "feedback_alignment", slope=0.0)
    np.testing.assert_allclose(
        np.diagonal(end[0] - start[0]), np.diagonal(total[0]), atol=1e-12 * np.abs(start[0]).max()
    )
    assert relative_change(start, end, total) > 1e-2


@given(st.integers(0, 10**6), st.floats(1e-3, 1.0), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_one_step_obeys_the_law_at_any_learning_rate(seed, eta, batch):
    rng, W, b, B = network(seed, (3, 4, 2))
    x, target = rng.normal(size=(3, batch)), rng.normal(size=(2, batch))
    dW, db = step(W, b, B, x, target, eta, 0.0, squared_error, False)
    moved = [w + d for w, d in zip(W, dW, strict=True)]
    shifted = [v + d for v, d in zip(b, db, strict=True)]
    change = unit_invariants(moved, B, shifted)[0] - unit_invariants(W, B, b)[0]
    scale = 1 + max(float(np.abs(d).max()) for d in dW) ** 2
    np.testing.assert_allclose(change, unit_invariant_changes(dW, db)[0], atol=1e-13 * scale * 10)


def test_drift_over_a_fixed_time_has_slope_one():
    rng, W, b, B = network(6, (4, 5, 4, 3))
    X = rng.normal(size=(4, 20))
    target = rng.normal(size=(3, 4)) @ X
    silent, drifts, steps = [0 * v for v in b], [], np.array([100, 200, 400, 800])
    for n in steps:
        moved = W
        for _ in range(n):
            dW, _ = step(moved, silent, B, X, target, 1 / 20 / n, 1.0, squared_error, False)
            moved = [w + d for w, d in zip(moved, dW, strict=True)]
        drifts.append(relative_change(layer_invariants(W, B), layer_invariants(moved, B)))
    slope = np.polyfit(np.log(1 / steps), np.log(drifts), 1)[0]
    assert abs(slope - 1) < 0.1


def test_bad_input_is_refused():
    _, W, b, B = network(7, (4, 6, 5, 3))
    with pytest.raises(ArrayError, match="at least 2 matrices"):
        layer_invariants(W[:1], [])
    with pytest.raises(ArrayError, match=r"need feedback = \[B_2 ... B_L\]; got None"):
        layer_invariants(W)
    with pytest.raises(UnknownNameError, match="known: backprop, feedback_alignment"):
        layer_invariants(W, B, rule="usf")
    with pytest.raises(ArrayError, match="one vector per layer, 3; got 2"):
        unit_invariants(W, B, b[:2])
    with pytest.raises(ArrayError, match=r"b_1 of shape \(5,\) does not fit W_1"):
        unit_invariants(W, B, [b[1], b[1], b[2]])
