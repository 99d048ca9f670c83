"""The limit of feedback alignment behind a bottleneck, beside backprop's optimum."""

from typing import NamedTuple

import numpy as np

from fatheory.arrays import ArrayLike, Covariance, TargetMap
from fatheory.checks import covariance_matrix, matching_shapes, real_matrix
from fatheory.errors import RegimeError

RANK_TOLERANCE = 1e-10
"""Singular values below this multiple of the largest count as zero."""


class BottleneckLimit(NamedTuple):
    """Where feedback alignment and backprop end.

    Attributes
    ----------
    product : array of shape (n_o, n_i)
        W W0 of feedback alignment at rest.
    loss : float
        Its loss.
    backprop_product : array of shape (n_o, n_i)
        The best map of rank n_h, which backprop reaches.
    backprop_loss : float
        Its loss.
    """

    product: TargetMap
    loss: float
    backprop_product: TargetMap
    backprop_loss: float

    @property
    def gap(self) -> float:
        """Loss that feedback alignment leaves behind and backprop would not; >= 0."""
        return self.loss - self.backprop_loss


def bottleneck_limit(T: ArrayLike, B: ArrayLike, Sigma: ArrayLike | None = None) -> BottleneckLimit:
    r"""Compute the limit of linear feedback alignment with n_h < n_o, or with B of low rank.

    At rest B E Sigma = 0 and E Sigma W0^T = 0, E = T - W W0. With
    :math:`\tilde T = T \Sigma^{1/2}` and :math:`\tilde\Pi` the orthogonal projector on the row
    space of :math:`B \tilde T`, these say

    .. math:: W W_0 \Sigma^{1/2} = \tilde T \tilde\Pi,\quad
              L_\infty = \tfrac12 \|\tilde T (I - \tilde\Pi)\|^2

    against :math:`\tfrac12 \sum_{i > n_h} \tilde s_i^2` of backprop, with the singular values of
    :math:`\tilde T`. Feedback alignment keeps those n_h combinations of the targets that B sends
    back, backprop the n_h strongest ones. If B T~ has rank n_h, the product is that of *every*
    rest point, so the start decides only how, and whether, it is reached; else it is that of zero
    start. B E = 0 is reached by every bounded flow from zero start (`convergence_certificate`),
    for the pair (W0, B W) follows feedback alignment towards B T with n_h outputs and B = I.

    Parameters
    ----------
    T : array of shape (n_o, n_i)
        Target map.
    B : array of shape (n_h, n_o)
        Feedback, of any n_h and any rank: with n_h >= n_o and full rank the limit is T. Where B
        has a lower rank than n_h the limit is that of zero start; from other starts the output
        weights alone may learn what B does not send back.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment; the identity by default. In its null directions the products
        are given as zero, as from zero start.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If B T~ has a lower rank than both B and T~ and Sigma mixes its row space with the rest:
        then the limit depends on the start.

    References
    ----------
    Derived for this project; Garg & Vempala 2021 (arXiv 2111.08706) show that feedback alignment
    is not optimal for n_h < n_o; Hanut & Kadmon 2025 (arXiv 2502.20580) study feedback of low rank.
    """
    T, B = real_matrix("T", T), real_matrix("B", B)
    matching_shapes({"T": (T, ("n_o", "n_i")), "B": (B, ("n_h", "n_o"))})
    Sigma = covariance_matrix("Sigma", Sigma, T.shape[1])
    root, inverse_root = _square_roots(Sigma)
    T_white = T @ root
    Pi = _row_projector(B @ T_white)
    _require_determined(T_white, B, Sigma, Pi)
    # Of the whitened target: the loss weighs errors by Sigma, and so does the best map of rank k.
    U, s, Vt = np.linalg.svd(T_white, full_matrices=False)
    k = min(B.shape[0], s.size)
    return BottleneckLimit(
        product=T_white @ Pi @ inverse_root,
        # As a square of what is left; a difference of two squares would cancel near 0.
        loss=0.5 * float(np.sum((T_white - T_white @ Pi) ** 2)),
        backprop_product=(U[:, :k] * s[:k]) @ Vt[:k] @ inverse_root,
        backprop_loss=0.5 * float(np.sum(s[k:] ** 2)),
    )


def _require_determined(
    T_white: TargetMap, B: np.ndarray, Sigma: Covariance, Pi: Covariance
) -> None:
    feedback, target = np.linalg.matrix_rank(B), np.linalg.matrix_rank(T_white)
    # The trace of a projector is its rank.
    sent_back = round(float(np.trace(Pi)))
    mixing = float(np.linalg.norm(Sigma @ Pi - Pi @ Sigma))
    if sent_back < min(feedback, target) and mixing > RANK_TOLERANCE * np.linalg.norm(Sigma):
        raise RegimeError(
            f"B T has rank {sent_back}, below the rank {feedback} of B and {target} of T, and "
            f"Sigma mixes its row space with the rest: the limit depends on the start. Perturb B, "
            f"use white input, or integrate the flow"
        )


def _square_roots(Sigma: Covariance) -> tuple[Covariance, Covariance]:
    """Return Sigma^(1/2) and its pseudoinverse."""
    variance, axes = np.linalg.eigh(Sigma)
    # Directions without input: their variance is rounding, and its inverse root would blow up.
    seen = variance > RANK_TOLERANCE * variance[-1]
    root = np.sqrt(variance[seen])
    return (axes[:, seen] * root) @ axes[:, seen].T, (axes[:, seen] / root) @ axes[:, seen].T


def _row_projector(A: np.ndarray) -> Covariance:
    """Return the orthogonal projector on the row space of A."""
    _, s, Vt = np.linalg.svd(A, full_matrices=False)
    # Strictly above, so that a zero matrix has no rows.
    rows = Vt[s > RANK_TOLERANCE * s[0]]
    return rows.T @ rows
