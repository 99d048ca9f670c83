"""Weak alignment: the form that deep linear weights take under direct feedback."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.theory.layers import direct_feedback, network_weights


class WeakAlignment(NamedTuple):
    """Alignment matrices and what they leave unexplained.

    Attributes
    ----------
    matrices : tuple of arrays
        A_1 of shape (n_L, n_0), A_2 ... A_L of shape (n_L, n_L).
    residuals : array of shape (L,)
        Norm of what weak alignment leaves of W_l, relative to that of W_l; 0 for a zero matrix.
    """

    matrices: tuple[Float[np.ndarray, "_ _"], ...]
    residuals: Float[np.ndarray, " layer"]


def weak_alignment(weights: Sequence[ArrayLike], feedback: Sequence[ArrayLike]) -> WeakAlignment:
    r"""Fit weights by the form that direct feedback alignment gives them from a zero start.

    .. math:: W_1 = F_1 A_1,\quad W_l = F_l A_l F_{l-1}^\top,\quad W_L = A_L F_{L-1}^\top

    Exact at all times of the flow and of online SGD from zero weights, as
    :math:`\Delta W_l = F_l\, e\,(W_{l-1} \cdots W_1 x)^\top` and :math:`W_{l-1}` maps into the
    range of :math:`F_{l-1}`; from weights of size epsilon, to O(epsilon). Feedback
    alignment does the same with F_l = B_{l+1} ... B_L. The fit is the one of least squares,
    :math:`A_l = F_l^+ W_l (F_{l-1}^+)^\top`.

    Parameters
    ----------
    weights : sequence of arrays
        W_1 ... W_L, W_l of shape (n_l, n_{l-1}).
    feedback : sequence of arrays
        F_1 ... F_{L-1}, F_l of shape (n_l, n_L).

    Returns
    -------
    WeakAlignment

    Raises
    ------
    ArrayError
        If there is no hidden layer, or arrays are not finite or do not fit.

    References
    ----------
    Refinetti, d'Ascoli, Ohana & Goldt 2021, arXiv 2011.12428, section 3.
    """
    W = network_weights(weights, at_least=2)
    F = direct_feedback(feedback, W)
    left = [*F, np.eye(len(W[-1]))]
    right = [np.eye(W[0].shape[1]), *F]
    matrices = tuple(
        np.linalg.pinv(above) @ w @ np.linalg.pinv(below).T
        for w, above, below in zip(W, left, right, strict=True)
    )
    unexplained = [
        np.linalg.norm(w - above @ A @ below.T)
        for w, A, above, below in zip(W, matrices, left, right, strict=True)
    ]
    sizes = np.array([np.linalg.norm(w) for w in W])
    # Zero weights leave nothing unexplained.
    return WeakAlignment(matrices, np.array(unexplained) / np.where(sizes > 0, sizes, 1.0))
