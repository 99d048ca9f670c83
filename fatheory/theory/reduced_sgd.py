r"""SGD of the linear network under feedback alignment, step by step in the reduced state."""

import math
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from scipy.linalg.blas import dgemm

from fatheory.arrays import TargetMap
from fatheory.checks import covariance_matrix, matching_shapes, one_number, real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.gram import HiddenGram, hidden_gram
from fatheory.theory.reduction import FullStart, ReducedSolution


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
    if noise is None:
        shift = np.broadcast_to(0.0, (*inputs.shape[:2], len(T)))
    else:
        shift = real_array("noise", noise, 3)
    axes: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
        "W0": (W0, ("n_h", "n_i")),
        "W": (W, ("n_o", "n_h")),
        "T": (T, ("n_o", "n_i")),
        "inputs": (inputs, ("step", "batch", "n_i")),
        "noise": (shift, ("step", "batch", "n_o")),
    }
    if matching_shapes(axes)["batch"] == 0:
        raise ArrayError(f"inputs must hold examples; its shape is {inputs.shape}")
    gram = hidden_gram(W0, W, B)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    learning_rate = one_number("learning_rate", learning_rate)
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise RegimeError(f"learning_rate must be positive and finite; got {learning_rate}")
    steps = _snapshots(snapshot_steps, len(inputs))
    K = _descend(gram, T, inputs, shift, learning_rate, steps)
    lost = ~np.isfinite(K).all(axis=(-2, -1))
    return ReducedSolution(
        learning_rate * steps,
        K,
        gram,
        T,
        Sigma,
        "reduced_sgd",
        FullStart(W0, W, B),
        int(np.argmax(lost)) if lost.any() else -1,
    )


def _snapshots(value: ArrayLike, n_steps: int) -> Int[np.ndarray, " snapshot"]:
    steps = np.atleast_1d(np.asarray(value))
    if steps.ndim != 1 or steps.size == 0 or steps.dtype.kind not in "iu":
        raise ArrayError(f"snapshot_steps must be a non-empty list of integers; got {value!r:.80}")
    steps = steps.astype(np.int64)  # differences of unsigned integers would wrap around
    if steps[0] < 0 or steps[-1] > n_steps or (np.diff(steps) <= 0).any():
        raise ArrayError(
            f"snapshot_steps must increase from 0 or later to at most the {n_steps} steps of "
            f"inputs; got {value!r:.80}"
        )
    return steps


def _descend(
    gram: HiddenGram,
    T: TargetMap,
    inputs: Float[np.ndarray, "step batch n_i"],
    noise: Float[np.ndarray, "step batch n_o"],
    eta: float,
    steps: Int[np.ndarray, " snapshot"],
) -> Float[np.ndarray, "snapshot n_o m"]:
    """Return K = [X, Y] at the snapshots.

    With v = [x, X x] and D = W [A0, B] - [T, 0], an example has the error e = noise - D v; it
    moves K by eta e v^T and D by eta e (S v)^T. The table holds [0, K^T] above [S, D^T], so that
    v and one product give S v and D v, and one call of BLAS updates K and D in place: a step of
    these sizes costs as much as it has calls.
    """
    n_o, m = gram.M.shape
    batch, n_i = inputs.shape[1:]
    table = np.zeros((2 * m, m + n_o), order="F")
    KD, XT, SD = table[:, m:], table[:n_i, m:], table[m:]
    SD[:, :m], SD[:, m:] = gram.S, gram.M.T
    SD[:n_i, m:] -= T.T
    row = np.empty((batch, 2 * m + n_o))  # [x, X x, S v, -e]
    x_slot, Xx, v, products = row[:, :n_i], row[:, n_i:m], row[:, :m], row[:, m:]
    moves, error, rate = row[:, : 2 * m].T, row[:, 2 * m :], -eta / batch
    errorT = error.T
    K = np.full((len(steps), n_o, m), np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        for index, (first, last) in enumerate(pairwise((0, *steps))):
            for x, shift in zip(inputs[first:last], noise[first:last], strict=True):
                x_slot[:] = x
                np.matmul(x, XT, out=Xx)
                np.matmul(v, SD, out=products)
                np.subtract(error, shift, out=error)
                dgemm(rate, moves, errorT, 1.0, KD, trans_b=True, overwrite_c=True)
            if not np.isfinite(KD).all():
                break
            K[index] = KD[:m].T
    return K
