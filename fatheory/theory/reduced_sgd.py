r"""SGD of the linear network under feedback alignment, step by step in the reduced state."""

import math
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from fatheory.checks import covariance_matrix, matching_shapes, real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.gram import HiddenGram, hidden_gram
from fatheory.theory.reduction import ReducedSolution, Start


def reduced_sgd(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike,
    T: ArrayLike,
    inputs: ArrayLike,
    *,
    learning_rate: float,
    noise: ArrayLike | None = None,
    snapshot_steps: ArrayLike,
    Sigma: ArrayLike | None = None,
) -> ReducedSolution:
    r"""Carry out SGD on given examples, exactly, at a cost per step that does not depend on n_h.

    .. math:: \Delta X = \eta \langle e x^\top\rangle,\quad \Delta Y = \Delta X\, X^\top,\quad
              e = T x + \text{noise} - W W_0 x

    with X and W W0 from before the step and the mean over the batch, are the simultaneous updates
    :math:`\Delta W_0 = \eta \langle B e x^\top\rangle,\ \Delta W = \eta \langle e h^\top\rangle`
    in the variables of `reduced`: W0 = A0 + B X, W = Wi + X A0^T + Y B^T.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o)
        Fixed feedback.
    T : array of shape (n_o, n_i)
        Target map.
    inputs : array of shape (step, batch, n_i)
        The examples of each step; batch 1 is online learning.
    learning_rate : float
        eta, per step.
    noise : array of shape (step, batch, n_o), optional
        Added to the targets T x; none by default.
    snapshot_steps : array of int
        Increasing, from 0 (the start) to the number of steps (after the last).
    Sigma : array of shape (n_i, n_i), optional
        Input second moment by which `ReducedSolution.loss` weighs; the identity by default. It
        does not enter the updates.

    Returns
    -------
    ReducedSolution
        At times eta * snapshot_steps; NaN from the first snapshot on that is not finite
        (`diverged_at`).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, Sigma is not a covariance, or snapshot steps are
        not increasing integers of the run.
    RegimeError
        If the learning rate is not positive and finite.

    References
    ----------
    Derived for this project.
    """
    W0, W, B = real_array("W0", W0, 2), real_array("W", W, 2), real_array("B", B, 2)
    T, inputs = real_array("T", T, 2), real_array("inputs", inputs, 3)
    axes = {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "T": (T, ("n_o", "n_i"))}
    axes["inputs"] = (inputs, ("step", "batch", "n_i"))
    if noise is not None:
        noise = real_array("noise", noise, 3)
        axes["noise"] = (noise, ("step", "batch", "n_o"))
    matching_shapes(axes)
    gram = hidden_gram(W0, W, B)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise RegimeError(f"learning_rate must be positive and finite; got {learning_rate}")
    steps = _snapshots(snapshot_steps, len(inputs))
    targets = inputs @ T.T if noise is None else inputs @ T.T + noise
    K = _descend(gram, inputs, targets, learning_rate, steps)
    lost = ~np.isfinite(K).all(axis=(-2, -1))
    return ReducedSolution(
        learning_rate * steps,
        K,
        gram,
        T,
        Sigma,
        "reduced_sgd",
        Start(W0, W, B),
        int(np.argmax(lost)) if lost.any() else -1,
    )


def _snapshots(value: ArrayLike, n_steps: int) -> Int[np.ndarray, " snapshot"]:
    steps = np.atleast_1d(np.asarray(value))
    if steps.ndim != 1 or steps.size == 0 or steps.dtype.kind not in "iu":
        raise ArrayError(f"snapshot_steps must be a non-empty list of integers; got {value!r:.80}")
    if steps[0] < 0 or steps[-1] > n_steps or (np.diff(steps) <= 0).any():
        raise ArrayError(
            f"snapshot_steps must increase from 0 or later to at most the {n_steps} steps of "
            f"inputs; got {value!r:.80}"
        )
    return steps.astype(np.int64)


def _descend(
    gram: HiddenGram,
    inputs: Float[np.ndarray, "step batch n_i"],
    targets: Float[np.ndarray, "step batch n_o"],
    eta: float,
    steps: Int[np.ndarray, " snapshot"],
) -> Float[np.ndarray, "snapshot n_o m"]:
    """Return K = [X, Y] at the snapshots.

    With v = [x, X x], one example moves K by eta e v^T and M = W [A0, B] by eta e (S v)^T, and
    its error is e = y* - M v: two products and one update of K and M side by side.
    """
    n_o, m = gram.M.shape
    batch, n_i = inputs.shape[1:]
    KM = np.concatenate([np.zeros((n_o, m)), gram.M], axis=1)
    X, M = KM[:, :n_i], KM[:, m:]
    vu = np.empty((batch, 2 * m))
    v, x_slot, Xx_slot, Sv_slot = vu[:, :m], vu[:, :n_i], vu[:, n_i:m], vu[:, m:]
    rate = eta / batch
    K = np.full((len(steps), n_o, m), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        for index, (first, last) in enumerate(pairwise((0, *steps))):
            for x, y in zip(inputs[first:last], targets[first:last], strict=True):
                x_slot[:] = x
                Xx_slot[:] = x @ X.T
                Sv_slot[:] = v @ gram.S
                e = y - v @ M.T
                e *= rate
                KM += e.T @ vu
            if not np.isfinite(KM).all():
                break
            K[index] = KM[:, :m]
    return K
