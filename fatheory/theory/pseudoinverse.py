"""Feedback alignment and the pseudoinverse: where W ends, and what W^+ conveys of the error."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike, FeedbackWeights, InputWeights, OutputWeights
from fatheory.checks import covariance_matrix, matching_shapes, real_array, real_matrix
from fatheory.errors import ArrayError, RegimeError
from fatheory.geometry import angle, cosine
from fatheory.geometry.pseudoinverse import pseudoinverse

REGIME_TOLERANCE = 1e-9
"""Relative deviation up to which B^T B counts as g I, and Sigma as commuting with T^T T."""


class FeedbackAlignmentLimit(NamedTuple):
    """Rest point of feedback alignment.

    Attributes
    ----------
    input_weights : array of shape (n_h, n_i)
        W0 at infinite time.
    output_weights : array of shape (n_o, n_h)
        W at infinite time.
    alignment : float
        Angle between W and B^+, and between W and B^T, in degrees.
    """

    input_weights: InputWeights
    output_weights: OutputWeights
    alignment: float


class TeachingSignalAngles(NamedTuple):
    """Angles between the teaching signals of one error, in degrees; NaN where a signal is zero.

    Attributes
    ----------
    feedback_backprop : array of shape (...)
        Between B e and W^T e.
    feedback_pseudobackprop : array of shape (...)
        Between B e and W^+ e.
    backprop_pseudobackprop : array of shape (...)
        Between W^T e and W^+ e.
    """

    feedback_backprop: Float[np.ndarray, "..."]
    feedback_pseudobackprop: Float[np.ndarray, "..."]
    backprop_pseudobackprop: Float[np.ndarray, "..."]


class ConveyedError(NamedTuple):
    """What a teaching signal delta = V e does to the output, W delta, measured along the error.

    Attributes
    ----------
    power : array of shape (...)
        e^T W V e; positive where a step of the hidden units along delta lowers the loss.
    cosine : array of shape (...)
        Cosine between W V e and e; NaN where W V e is zero.
    """

    power: Float[np.ndarray, "..."]
    cosine: Float[np.ndarray, "..."]


def feedback_alignment_limit(
    T: ArrayLike, B: ArrayLike, Sigma: ArrayLike | None = None
) -> FeedbackAlignmentLimit:
    r"""Compute where feedback alignment ends from zero weights, for B^T B = g I.

    .. math:: W_{0,\infty} = B\, U (2S/g)^{1/3} V^\top,\quad
              W_\infty = \tfrac12 U (2S/g)^{2/3} U^\top B^\top
                       = \tfrac12 U (2S/g)^{2/3} U^\top g B^+,\quad T = U S V^\top

    The angle between W and B^+ is that between the vector of the n_o values s^{2/3} and the
    vector of ones: 0 if and only if all n_o singular values of T agree.

    Parameters
    ----------
    T : array of shape (n_o, n_i)
        Target map.
    B : array of shape (n_h, n_o)
        Feedback with orthogonal columns of equal length sqrt(g), so n_h >= n_o.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment that commutes with T^T T and is positive on the row space of T;
        the identity by default. Within these assumptions it changes the speed, not the limit.

    Returns
    -------
    FeedbackAlignmentLimit
        The limit t -> infinity of `flow` from W0 = 0, W = 0; T is then learned exactly.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If B^T B is not a multiple of I, Sigma does not commute with T^T T or is blind to a part
        of T, or T is zero.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Notes 13-14, for the alignment with B^+; the limit is
    derived for this project (modes x, y = x^2 / 2, s = (g/2) x^3 at rest).
    """
    T, B = real_matrix("T", T), real_matrix("B", B)
    matching_shapes({"T": (T, ("n_o", "n_i")), "B": (B, ("n_h", "n_o"))})
    g = _feedback_gain(B)
    U, s, Vt = np.linalg.svd(T, full_matrices=False)
    if s[0] == 0:
        raise RegimeError("T is zero: nothing is learned, and W = 0 has no angle to B^+")
    _require_common_modes(T, covariance_matrix("Sigma", Sigma, T.shape[1]))
    # From 0 a mode has y = x^2 / 2, and rests where g x y = s.
    x = np.cbrt(2 * s / g)
    n_o = T.shape[0]
    # With fewer inputs than outputs the other values are 0, and count in the angle.
    spectrum = np.zeros(n_o)
    spectrum[: s.size] = x**2 / 2
    return FeedbackAlignmentLimit(
        B @ (U * x) @ Vt,
        (U * (x**2 / 2)) @ U.T @ B.T,
        float(angle(spectrum, np.ones(n_o))),
    )


def row_space_residual(W: ArrayLike, B: ArrayLike) -> float:
    r"""Compute :math:`\|W (I - B B^+)\| / \|W\|`, zero when W lies in the row space of B^+.

    Under feedback alignment from W = 0 and W0 = 0, and under any input covariance and target,
    W = Y B^T at all times, so the residual stays zero.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Output weights.
    B : array of shape (n_h, n_o)
        Feedback weights.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    RegimeError
        If W is zero.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 13.
    """
    W, B = _weights(W, B)
    size = np.linalg.norm(W)
    if size == 0:
        raise RegimeError("W is zero: it has no part inside or outside a row space")
    # W B first: B B^+ would be a matrix of n_h x n_h.
    return float(np.linalg.norm(W - (W @ B) @ pseudoinverse(B)) / size)


def gauss_newton_signal(W: ArrayLike, e: ArrayLike) -> Float[np.ndarray, "... n_h"]:
    r"""Compute pseudobackprop's teaching signal W^+ e.

    It is the Gauss-Newton step for the hidden units: of all dh that minimise
    :math:`|e - W\, dh|`, the one of least norm. The step is that of a linear output
    y = W h, at unit step size.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Output weights.
    e : array of shape (..., n_o)
        Errors y* - y.

    Returns
    -------
    array of shape (..., n_h)
        Teaching signals.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.

    References
    ----------
    Lillicrap et al. 2014 (arXiv 1411.0247), pseudobackprop; Lillicrap et al. 2016,
    Supplementary Note 15.
    """
    W = real_matrix("W", W)
    return _errors(e, W) @ pseudoinverse(W).T


def conveyed_error(W: ArrayLike, V: ArrayLike, e: ArrayLike) -> ConveyedError:
    r"""Measure how well V e, in the place of W^T e, conveys the error e to the hidden units.

    For V = W^+ the power is :math:`e^\top W W^+ e = |\Pi e|^2 \ge 0`, with :math:`\Pi` the
    projector on the range of W, and the cosine :math:`|\Pi e|/|e|` is the largest that any
    hidden step can reach, that along V = W^T included; it is 1 if W has full row rank.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Output weights.
    V : array of shape (n_h, n_o)
        What carries the error: W^T, W^+ or B.
    e : array of shape (..., n_o)
        Errors y* - y.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 15; the bound on the cosine is derived for this
    project (W V e lies in the range of W).
    """
    W, V = _weights(W, V, "V")
    e = _errors(e, W)
    change = e @ (W @ V).T
    return ConveyedError(np.sum(e * change, axis=-1), cosine(change, e))


def teaching_signal_angles(W: ArrayLike, B: ArrayLike, e: ArrayLike) -> TeachingSignalAngles:
    """Compute the angles between B e, W^T e and W^+ e, per error, in degrees.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Output weights.
    B : array of shape (n_h, n_o)
        Feedback weights.
    e : array of shape (..., n_o)
        Errors y* - y.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.

    References
    ----------
    Lillicrap et al. 2014 (arXiv 1411.0247); Lillicrap et al. 2016, Supplementary Fig. 13.
    """
    W, B = _weights(W, B)
    e = _errors(e, W)
    feedback, backprop, pseudo = e @ B.T, e @ W, e @ pseudoinverse(W).T
    return TeachingSignalAngles(
        angle(feedback, backprop), angle(feedback, pseudo), angle(backprop, pseudo)
    )


def _weights(W: ArrayLike, B: ArrayLike, name: str = "B") -> tuple[OutputWeights, FeedbackWeights]:
    W, B = real_matrix("W", W), real_matrix(name, B)
    matching_shapes({"W": (W, ("n_o", "n_h")), name: (B, ("n_h", "n_o"))})
    return W, B


def _errors(e: ArrayLike, W: OutputWeights) -> Float[np.ndarray, "... n_o"]:
    e = np.atleast_1d(real_array("e", e))
    if e.shape[-1] != W.shape[0]:
        raise ArrayError(
            f"the last axis of e must have the n_o = {W.shape[0]} entries of the output; the "
            f"shape of e is {e.shape}, that of W (n_o, n_h) is {W.shape}"
        )
    return e


def _feedback_gain(B: FeedbackWeights) -> float:
    """Return g of B^T B = g I, or refuse."""
    gram = B.T @ B
    g = float(np.trace(gram) / gram.shape[0])
    deviation = float(np.abs(gram - g * np.eye(gram.shape[0])).max())
    if g == 0 or deviation > REGIME_TOLERANCE * g:
        raise RegimeError(
            f"the closed-form limit needs B^T B = g I with g > 0; here g = {g:.6g} and B^T B "
            f"deviates by up to {deviation:.3g}. Orthogonalise the columns of B, or integrate "
            f"the flow"
        )
    return g


def _require_common_modes(T: np.ndarray, Sigma: np.ndarray) -> None:
    """Refuse a Sigma that mixes the modes of T or does not see all of them."""
    S = T.T @ T
    commutator = float(np.linalg.norm(S @ Sigma - Sigma @ S))
    if commutator > REGIME_TOLERANCE * float(np.linalg.norm(S) * np.linalg.norm(Sigma)):
        raise RegimeError(
            f"the closed-form limit needs Sigma to commute with T^T T; the commutator's norm is "
            f"{commutator:.3g}. Use white input, or integrate the flow"
        )
    seen, learned = np.linalg.matrix_rank(T @ Sigma), np.linalg.matrix_rank(T)
    if seen < learned:
        raise RegimeError(
            f"Sigma sees {seen} of the {learned} modes of T; the others are never learned"
        )
