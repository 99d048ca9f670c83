import numpy as np
import pytest

from fatheory.errors import ArrayError
from fatheory.theory.flow import flow, invariant

TIMES = np.linspace(0, 2, 5)
SIZES = {"n_i": 4, "n_h": 6, "n_o": 3}


def problem(seed=0, scale=0.4):
    rng = np.random.default_rng(seed)
    n_i, n_h, n_o = SIZES.values()
    W0, W = scale * rng.normal(size=(n_h, n_i)), scale * rng.normal(size=(n_o, n_h))
    B, T = 0.5 * rng.normal(size=(n_h, n_o)), 0.5 * rng.normal(size=(n_o, n_i))
    A = rng.normal(size=(n_i, 8))
    return W0, W, B, T, A @ A.T / 8


def change(rule, W0, W, B, T, Sigma):
    """The table of vector fields, each row typed out."""
    E = T - W @ W0
    back = {
        "backprop": W.T,
        "feedback_alignment": B,
        "shallow": 0 * B,
        "pseudobackprop": np.linalg.pinv(W),
        "frsf": (B.T * np.sign(W)).T,
    }[rule]
    return back @ E @ Sigma, E @ Sigma @ W0.T


def stepped(rule, W0, W, B, T, Sigma, steps, order):
    """Euler (order 1) or Runge-Kutta (order 4) steps of the literal field up to the last time."""
    h = TIMES[-1] / steps
    for _ in range(steps):
        a0, a = change(rule, W0, W, B, T, Sigma)
        if order == 1:
            W0, W = W0 + h * a0, W + h * a
            continue
        b0, b = change(rule, W0 + h / 2 * a0, W + h / 2 * a, B, T, Sigma)
        c0, c = change(rule, W0 + h / 2 * b0, W + h / 2 * b, B, T, Sigma)
        d0, d = change(rule, W0 + h * c0, W + h * c, B, T, Sigma)
        W0 = W0 + h / 6 * (a0 + 2 * b0 + 2 * c0 + d0)
        W = W + h / 6 * (a + 2 * b + 2 * c + d)
    return W0, W


def distance(dataset, weights):
    ends = dataset.weight_1.values[-1], dataset.weight_2.values[-1]
    return max(float(np.abs(a - b).max()) for a, b in zip(ends, weights, strict=True))


def solved(rule, W0, W, B, T, Sigma):
    feedback = None if rule in ("backprop", "shallow", "pseudobackprop") else B
    return flow(W0, W, feedback, T, Sigma, times=TIMES, rule=rule)


@pytest.mark.catalogue("flow")
@pytest.mark.parametrize(
    "rule", ["backprop", "feedback_alignment", "shallow", "pseudobackprop", "frsf"]
)
def test_flow_is_the_literal_field(rule, residual):
    W0, W, B, T, Sigma = problem()
    if rule == "frsf":
        W, B = np.abs(W) + 0.5, 0.2 * np.abs(B)  # no sign changes on the way
    dataset = solved(rule, W0, W, B, T, Sigma)
    residual(distance(dataset, stepped(rule, W0, W, B, T, Sigma, 1000, 4)), 1e-9)


@pytest.mark.parametrize("rule", ["backprop", "feedback_alignment", "pseudobackprop"])
def test_sgd_approaches_the_flow_at_slope_one(rule):
    start = problem(1)
    dataset, steps = solved(rule, *start), np.array([200, 400, 800, 1600])
    gaps = [distance(dataset, stepped(rule, *start, n, 1)) for n in steps]
    slope = np.polyfit(np.log(1 / steps), np.log(gaps), 1)[0]
    assert abs(slope - 1) < 0.1


@pytest.mark.catalogue("invariant.flow")
@pytest.mark.parametrize("seed", range(3))
def test_flow_conserves_the_invariant(seed, residual):
    W0, W, B, T, Sigma = problem(seed, scale=1.0)
    path = flow(W0, W, B, T, Sigma, times=np.linspace(0, 20, 9), rtol=1e-12, atol=1e-13)
    start = invariant(W0, W, B)
    assert np.abs(path.weight_1[-1] - W0).max() > 0.1
    for moment in range(9):
        C = invariant(path.weight_1[moment], path.weight_2[moment], B)
        residual(np.abs(C - start).max() / np.abs(start).max(), 1e-9)


def test_drift_of_sgd_has_slope_one():
    W0, W, B, T, Sigma = problem(3)
    steps = np.array([200, 400, 800, 1600])
    drifts = [
        np.abs(
            invariant(*stepped("feedback_alignment", W0, W, B, T, Sigma, n, 1), B)
            - invariant(W0, W, B)
        ).max()
        for n in steps
    ]
    slope = np.polyfit(np.log(1 / steps), np.log(drifts), 1)[0]
    assert abs(slope - 1) < 0.1


@pytest.mark.catalogue("invariant.discrete")
@pytest.mark.parametrize("readout", ["linear", "softmax"])
def test_online_sgd_obeys_the_discrete_law(readout, residual):
    W0, W, B, T, _ = problem(4, scale=1.0)
    rng = np.random.default_rng(5)
    start, total = invariant(W0, W, B), np.zeros((SIZES["n_h"],) * 2)
    for _ in range(1000):
        x = rng.normal(size=SIZES["n_i"])
        h = W0 @ x
        y = W @ h
        if readout == "softmax":
            y = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        e = T @ x + 0.3 * rng.normal(size=SIZES["n_o"]) - y
        dW0, dW = 0.005 * np.outer(B @ e, x), 0.005 * np.outer(e, h)
        W0, W, total = W0 + dW0, W + dW, total - dW0 @ dW0.T
    moved = invariant(W0, W, B) - start
    assert np.abs(moved).max() > 1e-3 * np.abs(start).max()
    residual(np.abs(moved - total).max() / np.abs(start).max(), 1e-12)


def test_invariant_of_backprop_is_another():
    W0, W, _, T, Sigma = problem(6)
    path = flow(W0, W, None, T, Sigma, times=[0.0, 2.0], rule="backprop", rtol=1e-12)
    ends = [(path.weight_1.values[k], path.weight_2.values[k]) for k in (0, 1)]
    conserved = [W.T @ W - W0 @ W0.T for W0, W in ends]
    np.testing.assert_allclose(conserved[1], conserved[0], atol=1e-10)
    feedback_form = [invariant(W0, W, W.T) for W0, W in ends]
    assert np.abs(feedback_form[1] - feedback_form[0]).max() > 1e-2


def test_bad_input_is_refused():
    W0, W, B, _, _ = problem()
    with pytest.raises(ArrayError, match=r"B of shape \(3, 6\) does not fit"):
        invariant(W0, W, B.T)
    with pytest.raises(ArrayError, match="W0 must be finite; 1 of its 24 entries"):
        invariant(np.where(np.arange(24).reshape(6, 4) == 3, np.nan, W0), W, B)
