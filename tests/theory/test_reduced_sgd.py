"""SGD in the reduced state against a literal loop over the full weights."""

import numpy as np
import pytest

from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.reduced_sgd import reduced_sgd
from fatheory.theory.reduction import reduced


def problem(rng, n_i=5, n_h=40, n_o=3):
    A0 = 0.5 * rng.normal(size=(n_h, n_i)) / np.sqrt(n_h)
    Wi = 0.5 * rng.normal(size=(n_o, n_h)) / np.sqrt(n_h)
    B = rng.normal(size=(n_h, n_o)) / np.sqrt(n_h)
    T = rng.normal(size=(n_o, n_i)) / np.sqrt(n_i)
    return A0, Wi, B, T


def literal_sgd(W0, W, B, T, inputs, noise, eta):
    """Example by example, as the rule is written; yields the weights after every step."""
    W0, W = W0.copy(), W.copy()
    yield W0.copy(), W.copy()
    for batch, shift in zip(inputs, noise, strict=True):
        dW0, dW = np.zeros_like(W0), np.zeros_like(W)
        for x, xi in zip(batch, shift, strict=True):
            h = W0 @ x
            e = T @ x + xi - W @ h
            dW0 += np.outer(B @ e, x)
            dW += np.outer(e, h)
        W0 += eta * dW0 / len(batch)
        W += eta * dW / len(batch)
        yield W0.copy(), W.copy()


def relative(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


@pytest.mark.catalogue("reduction.sgd")
@pytest.mark.parametrize(("batch", "steps"), [(1, 3000), (4, 800), (9, 300)])
def test_reduced_sgd_is_sgd(batch, steps, residual):
    rng = np.random.default_rng(batch)
    A0, Wi, B, T = problem(rng)
    colour = rng.normal(size=(5, 5)) / np.sqrt(5)
    inputs = rng.normal(size=(steps, batch, 5)) @ colour
    noise = 0.3 * rng.normal(size=(steps, batch, 3))
    literal = list(literal_sgd(A0, Wi, B, T, inputs, noise, 0.02))
    snapshots = [0, 1, steps // 2, steps]
    solution = reduced_sgd(
        A0, Wi, B, T, inputs, learning_rate=0.02, noise=noise, snapshot_steps=snapshots
    )
    W0, W = solution.weights()
    for k, step in enumerate(snapshots):
        residual(relative(W0[k], literal[step][0]), 1e-12)
        residual(relative(W[k], literal[step][1]), 1e-12)
    assert relative(W0[-1], A0) > 0.1  # it learned
    np.testing.assert_allclose(solution.times, 0.02 * np.array(snapshots))


@pytest.mark.catalogue("reduction.invariant")
def test_symmetric_part_of_y_follows_its_discrete_law(residual):
    rng = np.random.default_rng(1)
    A0, Wi, B, T = problem(rng)
    inputs = rng.normal(size=(200, 2, 5))
    solution = reduced_sgd(A0, Wi, B, T, inputs, learning_rate=0.1, snapshot_steps=np.arange(201))
    X, Y = solution.X, solution.Y
    dX = np.diff(X, axis=0)
    drift = np.concatenate([np.zeros((1, 3, 3)), np.cumsum(dX @ dX.mT, axis=0)])
    assert relative(Y + Y.mT, X @ X.mT) > 1e-3
    residual(relative(Y + Y.mT, X @ X.mT - drift), 1e-12)


def test_it_approaches_the_flow_at_slope_one():
    """Full-batch steps are Euler steps of the flow with the batch's second moment."""
    rng = np.random.default_rng(2)
    A0, Wi, B, T = problem(rng)
    batch = rng.normal(size=(8, 5))
    Sigma = batch.T @ batch / 8
    exact = reduced(A0, Wi, B, T, Sigma, times=[1.0]).K[-1]
    rates = np.array([0.02, 0.01, 0.005, 0.0025])
    errors = []
    for eta in rates:
        steps = round(1 / eta)
        inputs = np.broadcast_to(batch, (steps, 8, 5))
        end = reduced_sgd(
            A0, Wi, B, T, inputs, learning_rate=eta, snapshot_steps=[steps], Sigma=Sigma
        )
        errors.append(np.linalg.norm(end.K[-1] - exact))
    assert abs(np.polyfit(np.log(rates), np.log(errors), 1)[0] - 1) < 0.1


def test_snapshots_do_not_change_the_run():
    rng = np.random.default_rng(3)
    A0, Wi, B, T = problem(rng)
    inputs = rng.normal(size=(50, 1, 5))
    often = reduced_sgd(A0, Wi, B, T, inputs, learning_rate=0.1, snapshot_steps=np.arange(51))
    seldom = reduced_sgd(A0, Wi, B, T, inputs, learning_rate=0.1, snapshot_steps=[7, 50])
    np.testing.assert_array_equal(seldom.K, often.K[[7, 50]])


def test_divergence_is_nan_and_said():
    rng = np.random.default_rng(4)
    A0, Wi, B, T = problem(rng)
    inputs = 10 * rng.normal(size=(400, 1, 5))
    solution = reduced_sgd(A0, Wi, B, T, inputs, learning_rate=1.0, snapshot_steps=[0, 1, 300, 400])
    assert solution.diverged_at == 2
    np.testing.assert_array_equal(np.isnan(solution.loss()), [False, False, True, True])


def test_bad_input_is_named():
    rng = np.random.default_rng(5)
    A0, Wi, B, T = problem(rng)
    inputs = rng.normal(size=(10, 1, 5))
    good = {"learning_rate": 0.1, "snapshot_steps": [10]}
    with pytest.raises(ArrayError, match="inputs must have 3 dimensions"):
        reduced_sgd(A0, Wi, B, T, inputs[0], **good)
    with pytest.raises(ArrayError, match=r"inputs of shape \(10, 1, 4\) does not fit W0"):
        reduced_sgd(A0, Wi, B, T, inputs[..., :4], **good)
    with pytest.raises(ArrayError, match="noise of shape"):
        reduced_sgd(A0, Wi, B, T, inputs, noise=np.zeros((9, 1, 3)), **good)
    with pytest.raises(RegimeError, match=r"learning_rate must be positive and finite; got -0\.1"):
        reduced_sgd(A0, Wi, B, T, inputs, learning_rate=-0.1, snapshot_steps=[1])
    with pytest.raises(ArrayError, match=r"inputs must hold examples; its shape is \(10, 0, 5\)"):
        reduced_sgd(A0, Wi, B, T, inputs[:, :0], **good)
    for steps in ([11], [-1], [3, 3], [5, 2], np.array([5, 2], dtype=np.uint8)):
        with pytest.raises(ArrayError, match="at most the 10 steps"):
            reduced_sgd(A0, Wi, B, T, inputs, learning_rate=0.1, snapshot_steps=steps)
    for steps in ([], [0.5]):
        with pytest.raises(ArrayError, match="non-empty list of integers"):
            reduced_sgd(A0, Wi, B, T, inputs, learning_rate=0.1, snapshot_steps=steps)
