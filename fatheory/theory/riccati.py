"""Backprop from balanced starts: the matrix Riccati solution."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import increasing_times, positive_number, two_layer_start
from fatheory.errors import RegimeError

BALANCE_TOLERANCE = 1e-9
"""Largest departure from balance, relative to the largest entry of W0 W0^T and W^T W."""
LARGEST_EXPONENT = 4.0
"""Growth exponent of one substep: the matrix that it inverts has a condition below e^8."""
MAX_SUBSTEPS = 50_000
"""Bound on the composed substeps, some seconds of work."""


class RiccatiSolution(NamedTuple):
    """What the Riccati equation determines: the weights up to a rotation of the hidden units.

    Attributes
    ----------
    times : array of shape (time,)
        In units t = eta * step.
    product : array of shape (time, n_o, n_i)
        W W0.
    input_gram : array of shape (time, n_i, n_i)
        W0^T W0, the similarity of the hidden representations of the inputs.
    output_gram : array of shape (time, n_o, n_o)
        W W^T.
    loss : array of shape (time,)
        L = 1/2 tr(E Sigma E^T).
    """

    times: Float[np.ndarray, " time"]
    product: Float[np.ndarray, "time n_o n_i"]
    input_gram: Float[np.ndarray, "time n_i n_i"]
    output_gram: Float[np.ndarray, "time n_o n_o"]
    loss: Float[np.ndarray, " time"]


def riccati_flow(
    W0: ArrayLike, W: ArrayLike, T: ArrayLike, *, times: ArrayLike, input_variance: float = 1.0
) -> RiccatiSolution:
    r"""Compute backprop's gradient flow from a balanced start, for white input, exactly.

    If W0 W0^T - W^T W = l I, which backprop's flow conserves, then Q = [W0^T; W] obeys
    dQ/dt = F Q - Q Q^T Q / 2 and R = Q Q^T the Riccati equation

    .. math::
        \dot R = F R + R F - R^2,\qquad
        F = \begin{pmatrix} \tfrac{l}{2} I & T^\top\\ T & -\tfrac{l}{2} I\end{pmatrix},\qquad
        R(t) = Z (I + Q_0^\top K Q_0)^{-1} Z^\top,\quad Z = e^{Ft} Q_0,\quad
        K = \int_0^t e^{2F\tau} d\tau .

    Its blocks are W0^T W0, W W0 and W W^T. The solution is a semigroup, so a long time is composed
    of substeps whose exponents stay below `LARGEST_EXPONENT`: exact up to rounding, and modes of
    any smallness and any number of hidden units are followed without an overflow.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    T : array of shape (n_o, n_i)
        Target map.
    times : array of shape (time,)
        Increasing, from 0 on, in units t = eta * step.
    input_variance : float
        Sigma = input_variance * I.

    Returns
    -------
    RiccatiSolution
        For t to infinity the product tends to T, or, with n_h below its rank, to the best map of
        rank n_h, unless the start misses a direction.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or the times do not increase.
    RegimeError
        If the start is not balanced, the input variance is not positive, or the last time is more
        than `MAX_SUBSTEPS` substeps away.

    References
    ----------
    Fukumizu 1998 (ICONIP); Braun, Domine, Fitzgerald & Saxe 2022 (NeurIPS) for l = 0;
    Domine et al. 2024, arXiv 2409.14623, for l not 0. The substeps are derived for this project.
    """
    # However small, a start is followed: the smaller, the later it learns.
    W0, W, T = two_layer_start({"W0": W0, "W": W, "T": T}, smallest=0)
    moments = increasing_times(times)
    input_variance = positive_number("input_variance", input_variance)
    imbalance = _imbalance(W0, W)
    n_o, n_i = T.shape
    F = np.block([[imbalance / 2 * np.eye(n_i), T.T], [T, -imbalance / 2 * np.eye(n_o)]])
    # F is symmetric. In its basis exponentials and integrals are entrywise.
    growth, modes = np.linalg.eigh(F)
    factors = _follow(modes.T @ np.vstack([W0.T, W]), growth, moments * input_variance)
    Q = modes @ factors
    # The start as it was given, without the rounding of the way into the basis and back.
    Q[moments == 0] = np.vstack([W0.T, W])
    top, bottom = Q[:, :n_i], Q[:, n_i:]
    product = bottom @ np.swapaxes(top, 1, 2)
    loss = 0.5 * input_variance * np.sum((T - product) ** 2, axis=(1, 2))
    return RiccatiSolution(
        moments,
        product,
        top @ np.swapaxes(top, 1, 2),
        bottom @ np.swapaxes(bottom, 1, 2),
        loss,
    )


def _imbalance(W0: Float[np.ndarray, "n_h n_i"], W: Float[np.ndarray, "n_o n_h"]) -> float:
    """Return l of W0 W0^T - W^T W = l I; refuse other starts."""
    hidden = W0 @ W0.T
    difference = hidden - W.T @ W
    value = float(np.trace(difference)) / len(hidden)
    departure = float(np.abs(difference - value * np.eye(len(hidden))).max())
    scale = max(float(np.abs(hidden).max()), float(np.abs(W.T @ W).max()))
    if departure > BALANCE_TOLERANCE * scale:
        raise RegimeError(
            f"the Riccati solution needs a balanced start, W0 W0^T - W^T W = l I; it departs from "
            f"that by {departure:.3g} (largest entry {scale:.3g}): use flow, or "
            f"backprop_aligned_weights if the start is aligned"
        )
    return 0.0 if abs(value) <= BALANCE_TOLERANCE * scale else value


def _follow(
    factor: Float[np.ndarray, "n n_h"],
    growth: Float[np.ndarray, " n"],
    times: Float[np.ndarray, " time"],
) -> Float[np.ndarray, "time n n_h"]:
    """Return factors C with R = C C^T in the eigenbasis of F; rotations of columns are free."""
    fastest = float(np.abs(growth).max(initial=0.0))
    gaps = np.diff(times, prepend=0.0)
    substeps = np.maximum(np.ceil(gaps * fastest / LARGEST_EXPONENT), 1)
    if substeps.sum() > MAX_SUBSTEPS:
        raise RegimeError(
            f"times reach {times[-1] * fastest:.3g} times the fastest time constant; more than "
            f"{MAX_SUBSTEPS * LARGEST_EXPONENT:.3g} are refused: shorten the times, the flow has "
            f"long converged"
        )
    out = np.empty((len(times), *factor.shape))
    for index, (gap, count) in enumerate(zip(gaps, substeps.astype(int), strict=True)):
        h = gap / count
        exponential = np.exp(growth * h)
        rate = np.where(growth == 0, 1.0, growth)
        # By expm1: slow modes would lose the difference to 1.
        K = np.where(growth == 0, h, np.expm1(2 * rate * h) / (2 * rate))
        for _ in range(count):
            factor = _substep(factor, exponential, K)
        out[index] = factor
    return out


def _substep(
    C: Float[np.ndarray, "n n_h"], exponential: Float[np.ndarray, " n"], K: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n n_h"]:
    """Return e^{Dh} C M^{-1/2}, M = I + C^T K C; by a Cholesky factor each row keeps its digits."""
    M = np.eye(C.shape[1]) + (C.T * K) @ C
    lower = np.linalg.cholesky(M)
    return exponential[:, None] * np.linalg.solve(lower, C.T).T
