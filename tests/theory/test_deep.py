from itertools import pairwise

import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError, UnknownNameError
from fatheory.theory.deep import DIRECT, deep_flow
from fatheory.theory.flow import flow
from fatheory.theory.layers import direct_from_layered, layered_from_direct
from fatheory.theory.phase import FlowPhase

SIZES = (4, 6, 5, 7, 3)
TIMES = np.linspace(0, 1.5, 7)


def network(seed=0, sizes=SIZES, scale=0.4):
    rng = np.random.default_rng(seed)
    W = [scale * rng.normal(size=(n, m)) for m, n in pairwise(sizes)]
    B = [0.5 * rng.normal(size=w.shape[::-1]) for w in W[1:]]
    F = [0.5 * rng.normal(size=(n, sizes[-1])) for n in sizes[1:-1]]
    X = rng.normal(size=(sizes[0], 30))
    return W, B, F, 0.5 * rng.normal(size=(sizes[-1], sizes[0])), X


def literal_step(W, back, direct, X, Y):
    """Batch-mean weight changes per unit of learning rate: activities up, errors back."""
    activities = [X]
    for w in W:
        activities.append(w @ activities[-1])
    error = Y - activities[-1]
    deltas = [error]
    for layer in range(len(W) - 1, 0, -1):
        incoming = error if direct else deltas[0]
        deltas.insert(0, back[layer - 1] @ incoming)
    return [d @ h.T / X.shape[1] for d, h in zip(deltas, activities[:-1], strict=True)]


def trained(W, back, direct, X, Y, eta, steps):
    W = [w.copy() for w in W]
    for _ in range(steps):
        W = [w + eta * d for w, d in zip(W, literal_step(W, back, direct, X, Y), strict=True)]
    return W


def runge_kutta(W, back, direct, X, Y, step, steps):
    def moved(W, D, h):
        return [w + h * d for w, d in zip(W, D, strict=True)]

    for _ in range(steps):
        k1 = literal_step(W, back, direct, X, Y)
        k2 = literal_step(moved(W, k1, step / 2), back, direct, X, Y)
        k3 = literal_step(moved(W, k2, step / 2), back, direct, X, Y)
        k4 = literal_step(moved(W, k3, step), back, direct, X, Y)
        for k, h in ((k1, 6), (k2, 3), (k3, 3), (k4, 6)):
            W = moved(W, k, step / h)
    return W


def last(dataset):
    return [dataset[f"weight_{layer}"].values[-1] for layer in range(1, len(dataset))]


def distance(left, right):
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


WIRINGS = [
    pytest.param(False, "feedback_alignment", marks=pytest.mark.catalogue("deep.flow")),
    pytest.param(True, DIRECT, marks=pytest.mark.catalogue("deep.direct")),
]


@pytest.mark.parametrize(("direct", "rule"), WIRINGS)
def test_flow_is_the_literal_field(direct, rule, residual):
    W, B, F, T, X = network()
    back = F if direct else B
    solved = deep_flow(W, back, T, X @ X.T / 30, times=TIMES, rule=rule)
    stepped = runge_kutta(W, back, direct, X, T @ X, TIMES[-1] / 1000, 1000)
    residual(distance(last(solved), stepped), 1e-10)


@pytest.mark.parametrize(("direct", "rule"), WIRINGS)
def test_sgd_approaches_the_flow_at_slope_one(direct, rule):
    W, B, F, T, X = network(1)
    back = F if direct else B
    solved = deep_flow(W, back, T, X @ X.T / 30, times=TIMES, rule=rule)
    steps = np.array([100, 200, 400, 800])
    gaps = [
        distance(last(solved), trained(W, back, direct, X, T @ X, TIMES[-1] / n, n)) for n in steps
    ]
    slope = np.polyfit(np.log(TIMES[-1] / steps), np.log(gaps), 1)[0]
    assert abs(slope - 1) < 0.1


@pytest.mark.catalogue("deep.flow")
@pytest.mark.parametrize(
    "rule", ["backprop", "feedback_alignment", "shallow", "pseudobackprop", "rndf"]
)
def test_depth_two_is_flow(rule, residual):
    W, B, _, T, X = network(2, (4, 6, 3))
    B = B if rule in ("feedback_alignment", "rndf") else [None]
    Sigma = X @ X.T / 30
    two = flow(*W, B[0], T, Sigma, times=TIMES, rule=rule)
    deep = deep_flow(W, None if B[0] is None else B, T, Sigma, times=TIMES, rule=rule)
    assert deep.attrs == two.attrs
    residual(max(float(abs(deep[name] - two[name]).max()) for name in two), 0.0)


@pytest.mark.catalogue("deep.direct")
def test_direct_feedback_at_depth_two_is_feedback_alignment(residual):
    W, B, _, T, _ = network(3, (4, 6, 3))
    two = flow(*W, B[0], T, times=TIMES)
    deep = deep_flow(W, B, T, times=TIMES, rule=DIRECT)
    residual(max(float(abs(deep[name] - two[name]).max()) for name in two), 1e-12)


@pytest.mark.catalogue("deep.equivalence")
def test_layered_feedback_is_direct_feedback(residual):
    W, B, F, T, _ = network(4)
    layered = deep_flow(W, B, T, times=TIMES)
    direct = deep_flow(W, direct_from_layered(B), T, times=TIMES, rule=DIRECT)
    residual(distance(last(layered), last(direct)), 1e-11)
    direct = deep_flow(W, F, T, times=TIMES, rule=DIRECT)
    layered = deep_flow(W, layered_from_direct(F), T, times=TIMES)
    residual(distance(last(layered), last(direct)), 1e-11)


def test_one_layer_follows_its_exponential():
    W, _, _, T, _ = network(5, (4, 3))
    solved = deep_flow(W, [], T, times=TIMES, rule="backprop")
    expected = T + np.exp(-TIMES)[:, None, None] * (W[0] - T)
    np.testing.assert_allclose(solved.weight_1, expected, atol=1e-10)
    np.testing.assert_allclose(solved.loss, np.exp(-2 * TIMES) * solved.loss.values[0], rtol=1e-9)


def test_frozen_layers_keep_their_weights():
    W, B, _, T, _ = network(6)
    solved = deep_flow(W, B, T, times=TIMES, phases=[FlowPhase(1.5, frozenset({1, 3}))])
    moved = [distance([w], [v]) for w, v in zip(W, last(solved), strict=True)]
    assert moved[0] == moved[2] == 0
    assert min(moved[1], moved[3]) > 1e-2


def test_dataset_is_labelled():
    W, B, _, T, _ = network(7)
    solved = deep_flow(W, B, T, times=TIMES)
    assert solved.weight_3.dims == ("time", "unit_3", "unit_2")
    assert solved.attrs["source"] == "theory/flow"
    error = T - np.linalg.multi_dot(last(solved)[::-1])
    assert float(solved.loss[-1]) == pytest.approx(0.5 * np.sum(error**2), rel=1e-12)


def test_bad_input_is_refused():
    W, B, F, T, _ = network(8)
    with pytest.raises(ArrayError, match=r"W_2 .* does not fit W_1 .*n_1 is 5 in W_2 and 6 in W_1"):
        deep_flow([W[0], W[2], W[3]], B[:2], T, times=TIMES)
    with pytest.raises(ArrayError, match=r"3 matrices for 4 layers; got 2"):
        deep_flow(W, B[:2], T, times=TIMES)
    with pytest.raises(ArrayError, match=r"B_2 of shape \(6, 3\) does not fit W_2"):
        deep_flow(W, F, T, times=TIMES)
    with pytest.raises(ArrayError, match=r"F_1 of shape \(6, 5\) does not fit"):
        deep_flow(W, B, T, times=TIMES, rule=DIRECT)
    with pytest.raises(ArrayError, match="at least 1 matrices"):
        deep_flow([], [], T, times=TIMES)
    with pytest.raises(RegimeError, match="needs its fixed feedback"):
        deep_flow(W, None, T, times=TIMES)
    with pytest.raises(ArrayError, match=r"F_1 ... F_\{L-1\}.* got 0"):
        deep_flow(W, None, T, times=TIMES, rule=DIRECT)
    with pytest.raises(UnknownNameError, match="did you mean 'backprop'"):
        deep_flow(W, B, T, times=TIMES, rule="backprob")
    with pytest.raises(RegimeError, match=r"F_2 of shape .* has rank 1"):
        layered_from_direct([F[0], np.ones((5, 3))])
