import numpy as np
import pytest

from fatheory.errors import ArrayError
from fatheory.theory.deep import DIRECT, deep_flow
from fatheory.theory.layers import direct_from_layered
from fatheory.theory.weak_alignment import weak_alignment

SIZES = (5, 8, 7, 6, 3)


def problem(seed=0):
    rng = np.random.default_rng(seed)
    shape = list(zip(SIZES[1:], SIZES, strict=False))
    W = [rng.normal(size=s) for s in shape]
    F = [0.7 * rng.normal(size=(n, SIZES[-1])) for n in SIZES[1:-1]]
    B = [0.5 * rng.normal(size=s[::-1]) for s in shape[1:]]
    return W, F, B, rng.normal(size=(SIZES[-1], SIZES[0]))


def trained(W, feedback, T, rule, time=3.0):
    solved = deep_flow(W, feedback, T, times=[time], rule=rule)
    return [solved[f"weight_{layer}"].values[-1] for layer in range(1, len(SIZES))]


@pytest.mark.catalogue("deep.weak_alignment")
def test_zero_start_aligns_exactly(residual):
    W, F, B, T = problem()
    zero = [0 * w for w in W]
    residual(weak_alignment(trained(zero, F, T, DIRECT), F).residuals.max(), 1e-12)
    end = trained(zero, B, T, "feedback_alignment")
    residual(weak_alignment(end, direct_from_layered(B)).residuals.max(), 1e-12)


@pytest.mark.catalogue("deep.weak_alignment")
def test_online_sgd_aligns_exactly(residual):
    W, F, _, T = problem(1)
    W = [0 * w for w in W]
    rng = np.random.default_rng(2)
    for _ in range(500):
        activities = [0.5 * rng.normal(size=SIZES[0])]
        for w in W:
            activities.append(w @ activities[-1])
        e = T @ activities[0] + 0.1 * rng.normal(size=SIZES[-1]) - activities[-1]
        deltas = [*(f @ e for f in F), e]
        W = [w + 0.002 * np.outer(d, h) for w, d, h in zip(W, deltas, activities[:-1], strict=True)]
    residual(weak_alignment(W, F).residuals.max(), 1e-12)


def test_departure_has_the_order_of_the_start():
    W, F, _, T = problem(3)
    scales = np.array([1e-3, 2e-3, 4e-3])
    left = [
        weak_alignment(trained([x * w for w in W], F, T, DIRECT), F).residuals[0] for x in scales
    ]
    slope = np.polyfit(np.log(scales), np.log(left), 1)[0]
    assert abs(slope - 1) < 0.1


def test_random_weights_are_not_aligned():
    W, F, _, _ = problem(4)
    fit = weak_alignment(W, F)
    assert fit.residuals.min() > 0.3
    assert [A.shape for A in fit.matrices] == [(3, 5), (3, 3), (3, 3), (3, 3)]


def test_zero_weights_leave_nothing():
    W, F, _, _ = problem(5)
    np.testing.assert_array_equal(weak_alignment([0 * w for w in W], F).residuals, 0.0)


def test_bad_input_is_refused():
    W, F, _, _ = problem(6)
    with pytest.raises(ArrayError, match="3 matrices for 4 layers; got 2"):
        weak_alignment(W, F[:2])
