"""Late online learning of a two-layer linear network: rates, typical and mean, and stability."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import covariance_matrix, positive_number, two_layer_arrays
from fatheory.rules import NodePerturbation, Rule, Shallow, as_rule
from fatheory.theory.mean_rule import mean_layered_rule, mean_state
from fatheory.theory.online.frozen import FrozenRows
from fatheory.theory.online.lms_matrix import lms_matrix
from fatheory.theory.online.lms_row import LmsRow, lms_row

RANK_TOLERANCE = 1e-12
"""Variances below this fraction of the largest are taken for directions without input."""


@dataclass(frozen=True, eq=False)
class LateLearning:
    """How the loss changes per step at almost frozen weights.

    Attributes
    ----------
    learning_rate : float
        eta, per step.
    mean_rate : float
        What a step adds to the logarithm of the loss's mean over runs.
    typical_rate : float
        What it adds to the logarithm of a typical run's loss (its median); NaN if not known.
    log_variance : float
        What it adds to the variance of the log loss over runs, along the slowest row; likewise.
    excess : float
        chi, the largest of all rows: the mean square decays exactly where it is below 1. Of
        coupled rows, the learning rate over its limit, with the same meaning.
    rows : tuple of LmsRow
        Row by row in the eigenbasis of M = W V.
    """

    learning_rate: float
    mean_rate: float
    typical_rate: float
    log_variance: float
    excess: float
    rows: tuple[LmsRow, ...]

    @property
    def stable(self) -> bool:
        """Whether the mean of the loss over runs decays."""
        return self.excess < 1


def late_learning(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    Sigma: ArrayLike | None = None,
    *,
    learning_rate: float,
    rule: str | Rule = "feedback_alignment",
) -> LateLearning:
    r"""Compute how fast online learning converges near a solution, in the mean and typically.

    At weights with W W0 = T a small error map E changes in one example x ~ N(0, Sigma), e = E x, by
    -eta (M e x^T + e x^T W0^T W0), M = W V, V what stands in for the transpose of W. In the
    eigenbasis of M every row is a filter of its own (`lms_row`; `lms_matrix` where an eigenvalue is
    complex and the input coloured), with gains

    .. math:: g_{ia} = \text{eigenvalues of } m_i \Sigma
              + \Sigma^{1/2} W_0^\top W_0 \Sigma^{1/2} .

    The mean of the loss over runs is carried by rare runs and grows from chi = 1 on,

    .. math:: \chi = \max_i \sum_a \frac{\eta g_{ia}}{2 (1 - \eta g_{ia})} ,

    while a typical run, whose log loss gains ln A - v/2 per step, still converges a little beyond.
    The logarithm of the mean over that of the median grows in proportion to the steps.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Input weights at a solution, or where learning is expected to end.
    W : array of shape (n_o, n_h)
        Output weights there.
    B : array of shape (n_h, n_o) or None
        Fixed feedback; None for rules that draw none.
    Sigma : array of shape (n_i, n_i), optional
        Covariance of the Gaussian inputs; the identity by default.
    learning_rate : float
        eta, per step.
    rule : str or Rule
        Any rule that `fatheory.theory.flow` knows. Node perturbation is that of small
        perturbations, whose noise couples the rows: its mean rate and the excess are exact, the
        typical rate and the variance are not known (NaN), and there are no separate rows.

    Returns
    -------
    LateLearning

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    RegimeError
        If the learning rate is not positive.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Derived for this project, after the mean-square analysis of LMS by Feuer & Weinstein 1985.

    Examples
    --------
    >>> import numpy as np
    >>> from fatheory import theory
    >>> B = np.eye(4, 2)
    >>> late = theory.late_learning(B @ np.eye(2, 3), B.T, B, learning_rate=0.1)
    >>> late.stable, late.typical_rate < late.mean_rate < 0
    (True, True)
    """
    W0, W, *fixed = two_layer_arrays(W0=W0, W=W, **({} if B is None else {"B": B}))
    B = fixed[0] if fixed else None
    learning_rate = positive_number("learning_rate", learning_rate)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    chosen = as_rule(rule)
    if isinstance(chosen, NodePerturbation):
        return _perturbed(FrozenRows(W0, W, None, Sigma, chosen), learning_rate)
    layered = mean_layered_rule(chosen)
    if isinstance(layered, Shallow):
        modes = np.zeros(1)
    else:
        V = layered.backward_weights(W, mean_state(layered, B, W.shape))
        # W V is not symmetric; LAPACK gives real modes an imaginary part of 0, not of rounding.
        modes = np.linalg.eigvals(W @ V.T)
    rows = tuple(_row(mode, W0, Sigma, learning_rate) for mode in modes)
    slowest = max(rows, key=lambda row: row.typical_log_growth)
    return LateLearning(
        learning_rate,
        mean_rate=float(np.log(max(row.mean_growth for row in rows))),
        typical_rate=slowest.typical_log_growth,
        log_variance=slowest.log_variance,
        excess=max(row.excess for row in rows),
        rows=rows,
    )


def _perturbed(rows: FrozenRows, rate: float) -> LateLearning:
    return LateLearning(
        rate,
        mean_rate=math.log(rows.growth(rate)),
        typical_rate=math.nan,
        log_variance=math.nan,
        excess=rate * rows.gain(),
        rows=(),
    )


def _row(
    mode: complex,
    W0: Float[np.ndarray, "n_h n_i"],
    Sigma: Float[np.ndarray, "n_i n_i"],
    learning_rate: float,
) -> LmsRow:
    """Solve one row: in the eigenbasis of N = m Sigma + Sigma^1/2 W0^T W0 Sigma^1/2, or as it is.

    For a real m, or inputs alike in all directions, N has orthogonal eigenvectors.
    """
    variances, axes = np.linalg.eigh(Sigma)
    variances = np.clip(variances, 0, None)
    hidden = W0 @ (axes * np.sqrt(variances))
    G = hidden.T @ hidden
    if np.imag(mode) == 0:
        return lms_row(np.linalg.eigvalsh(G + np.real(mode) * np.diag(variances)), learning_rate)
    N = G + mode * np.diag(variances)
    seen = variances > RANK_TOLERANCE * variances[-1]
    # With inputs alike in all directions N is G and a multiple of 1, whose eigenvectors are
    # orthogonal.
    if np.allclose(variances[seen], variances[-1], rtol=RANK_TOLERANCE, atol=0):
        return lms_row(np.linalg.eigvals(N), learning_rate)
    row = lms_matrix(N[np.ix_(seen, seen)], learning_rate)
    if seen.all():
        return row
    # A direction that no input moves keeps its second moment for ever.
    return replace(row, mean_growth=max(row.mean_growth, 1.0))
