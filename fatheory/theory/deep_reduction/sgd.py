r"""SGD of a deep linear network under feedback alignment, step by step in the reduced state."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from fatheory.checks import matching_shapes, one_number, real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.theory.deep_reduction.flow import deep_problem
from fatheory.theory.deep_reduction.grams import DeepGrams, deep_grams
from fatheory.theory.deep_reduction.solution import DeepReducedSolution, DeepStart
from fatheory.theory.deep_reduction.state import layer_products
from fatheory.theory.reduced_sgd import snapshots


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
        At times eta * snapshot_steps; NaN from the first snapshot on that is not finite.

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
    learning_rate = one_number("learning_rate", learning_rate)
    weight_decay = one_number("weight_decay", weight_decay)
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise RegimeError(f"learning_rate must be positive and finite; got {learning_rate}")
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise RegimeError(f"weight_decay must be finite and not negative; got {weight_decay}")
    steps = snapshots(snapshot_steps, len(inputs))
    grams = deep_grams(A, F)
    shrink = (1 - learning_rate * weight_decay) ** steps
    Xi = _descend(grams, T, inputs, shift, learning_rate, weight_decay, steps)
    E = T - layer_products(grams, Xi, shrink[:, None, None]).product
    lost = ~np.isfinite(E).all(axis=(-2, -1))
    return DeepReducedSolution(
        learning_rate * steps, tuple(Xi), E, shrink, grams, T, Sigma, "deep_reduced_sgd", rule,
        DeepStart(tuple(A), tuple(F)), int(np.argmax(lost)) if lost.any() else -1,
    )  # fmt: skip


def _descend(
    grams: DeepGrams,
    T: np.ndarray,
    inputs: np.ndarray,
    noise: np.ndarray,
    eta: float,
    decay: float,
    steps: np.ndarray,
) -> list[np.ndarray]:
    """Return Xi_1 ... Xi_L at the snapshots."""
    Xi = [np.zeros((grams.n_o, len(M))) for M in grams.M]
    kept = [np.full((len(steps), *X.shape), np.nan) for X in Xi]
    a, keep = 1.0, 1 - eta * decay
    with np.errstate(over="ignore", invalid="ignore"):
        for index, (first, last) in enumerate(pairwise((0, *steps))):
            for x, shift in zip(inputs[first:last], noise[first:last], strict=True):
                # Coordinates of the activities, one row per example of the batch.
                h = [x]
                for M, X in zip(grams.M[:-1], Xi[:-1], strict=True):
                    h.append(np.hstack([a * h[-1], h[-1] @ M.T @ X.T]))
                y = a * (h[-1] @ grams.N.T) + h[-1] @ grams.M[-1].T @ Xi[-1].T
                e = (x @ T.T + shift - y) * (eta / len(x))
                Xi = [keep * X + e.T @ below for X, below in zip(Xi, h, strict=True)]
                a *= keep
            if not all(np.isfinite(X).all() for X in Xi):
                break
            for place, X in zip(kept, Xi, strict=True):
                place[index] = X
    return kept
