r"""SGD of a deep linear network under feedback alignment, step by step in the reduced state."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, not_negative_number, positive_number, real_array
from fatheory.errors import ArrayError
from fatheory.theory.deep_reduction.flow import deep_problem, require_snapshots
from fatheory.theory.deep_reduction.grams import DeepGrams, deep_grams
from fatheory.theory.deep_reduction.solution import DeepReducedSolution, DeepStart
from fatheory.theory.deep_reduction.state import layer_products
from fatheory.theory.reduced_sgd import LOOK_EVERY, SMALL_ERROR, snapshots


def deep_reduced_sgd(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike],
    T: ArrayLike,
    inputs: ArrayLike,
    *,
    learning_rate: float,
    snapshot_steps: ArrayLike,
    rule: str = "feedback_alignment",
    noise: ArrayLike | None = None,
    weight_decay: float = 0.0,
    Sigma: ArrayLike | None = None,
) -> DeepReducedSolution:
    r"""Carry out SGD on given examples, exactly, at a cost that knows no hidden width.

    .. math:: \Xi_l \leftarrow (1 - \eta\lambda)\,\Xi_l + \eta\,\langle e\,(Y_{l-1} x)^\top\rangle,
              \qquad e = T x + \text{noise} - W_L \cdots W_1 x,

    with everything on the right from before the step and the mean over the batch, are the
    simultaneous updates :math:`\Delta W_l = \eta\,\langle F_l e\, h_{l-1}^\top\rangle
    - \eta \lambda W_l` in the variables of `deep_reduced`, where
    :math:`a \leftarrow (1 - \eta\lambda)\, a`.

    Parameters
    ----------
    weights, feedback, T, rule
        As of `deep_reduced`.
    inputs : array of shape (step, batch, n_i)
        The examples of each step; batch 1 is online learning.
    learning_rate : float
        eta, per step.
    snapshot_steps : array of int
        Increasing, from 0 (the start) to the number of steps (after the last).
    noise : array of shape (step, batch, n_o), optional
        Added to the targets T x; none by default.
    weight_decay : float
        lambda: every step subtracts eta lambda W.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment by which `DeepReducedSolution.loss` weighs; the identity by default.
        It does not enter the updates.

    Returns
    -------
    DeepReducedSolution
        At times eta * snapshot_steps; NaN from the first snapshot on that is not finite. E keeps
        its relative accuracy where it is far below the rounding of T.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or snapshot steps are not increasing integers.
    RegimeError
        If the learning rate is not positive, or the weight decay is negative.
    UnknownNameError
        If the rule is neither of the two.

    References
    ----------
    Derived for this project.
    """
    A, F, T, Sigma = deep_problem(weights, feedback, T, Sigma, rule)
    inputs = real_array("inputs", inputs, 3)
    shift = (
        np.zeros((*inputs.shape[:2], len(T))) if noise is None else real_array("noise", noise, 3)
    )
    lengths = matching_shapes(
        {
            "T": (T, ("n_o", "n_i")),
            "inputs": (inputs, ("step", "batch", "n_i")),
            "noise": (shift, ("step", "batch", "n_o")),
        }
    )
    if lengths["batch"] == 0:
        raise ArrayError(f"inputs must hold examples; its shape is {inputs.shape}")
    learning_rate = positive_number("learning_rate", learning_rate)
    weight_decay = not_negative_number("weight_decay", weight_decay)
    steps = snapshots(snapshot_steps, len(inputs))
    grams = deep_grams(A, F)
    require_snapshots(grams, T, len(steps), "snapshot_steps")
    # Of steps and not of the flow's time: this is SGD.
    shrink = _powers(learning_rate * weight_decay, steps)
    Xi, E = _descend(grams, T, inputs, shift, learning_rate, weight_decay, steps)
    lost = ~np.isfinite(E).all(axis=(-2, -1))
    return DeepReducedSolution(
        learning_rate * steps, tuple(Xi), E, shrink, grams, T, Sigma, "deep_reduced_sgd", rule,
        DeepStart(tuple(A), tuple(F)), int(np.argmax(lost)) if lost.any() else -1,
    )  # fmt: skip


def _powers(loss: float, steps: np.ndarray) -> np.ndarray:
    """Return (1 - loss)^steps, with the digits of a small loss, which 1 - loss has not."""
    if loss >= 1:  # the base is not positive
        return (1 - loss) ** steps
    return np.exp(steps * np.log1p(-loss))


class _State(NamedTuple):
    """What a step changes: Xi_1 ... Xi_L, E, and a, what decay has left of the start weights."""

    Xi: list[np.ndarray]
    E: np.ndarray
    a: float

    @property
    def finite(self) -> bool:
        """Whether all of it is."""
        return all(np.isfinite(part).all() for part in (*self.Xi, self.E))


def _descend(
    grams: DeepGrams,
    T: np.ndarray,
    inputs: np.ndarray,
    noise: np.ndarray,
    eta: float,
    decay: float,
    steps: np.ndarray,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return Xi_1 ... Xi_L and E = T - W_L ... W_1 at the snapshots.

    E is computed from Xi until it is small against T; from there on it is carried itself, as by
    `fatheory.theory.reduced_sgd`, which costs more a step and keeps its relative accuracy.
    """
    Xi = [np.zeros((grams.n_o, len(M))) for M in grams.M]
    now = _State(Xi, T - layer_products(grams, Xi).product, 1.0)
    kept = [np.full((len(steps), *X.shape), np.nan) for X in Xi]
    errors = np.full((len(steps), *T.shape), np.nan)
    small = SMALL_ERROR * max(float(np.abs(T).max(initial=0.0)), float(np.abs(now.E).max()))
    # Where E is looked at must not depend on the snapshots, or the run would.
    looks = range(0, len(inputs), LOOK_EVERY)
    step, done = _computed, 0
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for end in sorted({*steps.tolist(), *looks}):
            if end > steps[-1]:
                break
            for x, shift in zip(inputs[done:end], noise[done:end], strict=True):
                now = step(grams, now, T, x, shift, eta, eta * decay)
            if step is _computed:
                now = now._replace(E=T - layer_products(grams, now.Xi, now.a).product)
            # What follows is NaN, as in simulation, and steps of it would cost as much as others.
            if not now.finite:
                break
            for place in np.flatnonzero(steps == end):
                errors[place] = now.E
                for array, X in zip(kept, now.Xi, strict=True):
                    array[place] = X
            if end in looks and np.abs(now.E).max() <= small:
                step = _carried
            done = end
    return kept, errors


def _computed(
    grams: DeepGrams,
    now: _State,
    T: np.ndarray,
    x: np.ndarray,
    shift: np.ndarray,
    eta: float,
    loss: float,
) -> _State:
    """Carry out a step; E is left as it was, as the examples' errors follow from Xi."""
    h = _activities(grams, now, x)
    y = now.a * (h[-1] @ grams.N.T) + h[-1] @ grams.M[-1].T @ now.Xi[-1].T
    # The rate here, on the smallest array, and not on each of the L products.
    e = (x @ T.T + shift - y) * (eta / len(x))
    # 1 - loss is rounded, the same way at every step, so that thousands of products with it are off
    # by thousands of roundings; what is taken away is exact.
    Xi = [X + (e.T @ below - loss * X) for X, below in zip(now.Xi, h, strict=True)]
    return _State(Xi, now.E, now.a - loss * now.a)


def _carried(
    grams: DeepGrams,
    now: _State,
    T: np.ndarray,
    x: np.ndarray,
    shift: np.ndarray,
    eta: float,
    loss: float,
) -> _State:
    """Carry out a step that changes E by what the product of the layers changes.

    All of that is proportional to e where nothing decays, so that nothing cancels.
    """
    # Behind the switch the target enters through E alone.
    del T
    e = (x @ now.E.T + shift) * (eta / len(x))
    moves = [
        e.T @ below - loss * X for X, below in zip(now.Xi, _activities(grams, now, x), strict=True)
    ]
    Xi, a = [X + dX for X, dX in zip(now.Xi, moves, strict=True)], now.a - loss * now.a
    da = -loss * now.a
    # Y_l and its change, from layer to layer as in `layer_products`.
    Y, dY = np.eye(grams.n_i), np.zeros((grams.n_i, grams.n_i))
    for M, X, dX, X_now in zip(grams.M[:-1], Xi[:-1], moves[:-1], now.Xi[:-1], strict=True):
        dY = np.concatenate([a * dY + da * Y, X @ (M @ dY) + dX @ (M @ Y)])
        Y = np.concatenate([now.a * Y, X_now @ (M @ Y)])
    M = grams.M[-1]
    change = grams.N @ (a * dY + da * Y) + Xi[-1] @ (M @ dY) + moves[-1] @ (M @ Y)
    return _State(Xi, now.E - change, a)


def _activities(grams: DeepGrams, now: _State, x: np.ndarray) -> list[np.ndarray]:
    """Return the coordinates of the activities h_0 ... h_{L-1}, one row per example."""
    h = [x]
    for M, X in zip(grams.M[:-1], now.Xi[:-1], strict=True):
        h.append(np.hstack([now.a * h[-1], h[-1] @ M.T @ X.T]))
    return h
