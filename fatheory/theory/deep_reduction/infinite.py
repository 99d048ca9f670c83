"""Deep linear feedback alignment at infinite hidden widths: the rich regime as an ODE."""

import numpy as np

from fatheory.arrays import ArrayLike
from fatheory.checks import covariance_matrix, increasing_times, not_negative_number, real_matrix
from fatheory.errors import ArrayError
from fatheory.theory.deep_reduction.flow import ATOL, RTOL, solve_deep_grams
from fatheory.theory.deep_reduction.grams import DeepGrams
from fatheory.theory.deep_reduction.solution import DeepReducedSolution


def deep_infinite_width(
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    weight_variances: ArrayLike,
    feedback_variances: ArrayLike,
    times: ArrayLike,
    weight_decay: float = 0.0,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> DeepReducedSolution:
    r"""Solve deep linear direct feedback alignment with infinitely wide hidden layers.

    Entries are independent with mean 0: those of A_l have variance a_l / n_l, l = 1 ... L - 1,
    and those of F_l variance g_l / n_l, so that

    .. math:: M_l = \mathrm{diag}(a_l M_{l-1},\; g_l I),\qquad A_L U_{L-1} \to 0.

    All networks follow one path, which is reached with a spread of order n^{-1/2} over draws.
    Layered feedback has the same limit with g_l = b_{l+1} g_{l+1} and g_L = 1, where the entries
    of B_{l+1} have variance b_{l+1} / n_l.

    Parameters
    ----------
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment; the identity by default.
    weight_variances, feedback_variances : sequences of float
        a_1 ... a_{L-1} and g_1 ... g_{L-1}; zeros are a vanishing start.
    times : array
        Increasing, from 0 on, in units t = eta * step.
    weight_decay, rtol, atol
        As of `deep_reduced`.

    Returns
    -------
    DeepReducedSolution
        Without `weights`: they have no limit.

    Raises
    ------
    ArrayError
        If arrays are not finite, or the sequences are none or differ in length.
    RegimeError
        If a variance is negative or not finite.

    References
    ----------
    Derived for this project.
    """
    T = real_matrix("T", T)
    n_o, n_i = T.shape
    a_l, g_l = _variances("weight", weight_variances), _variances("feedback", feedback_variances)
    if len(a_l) != len(g_l):
        raise ArrayError(
            f"weight_variances and feedback_variances list the hidden layers; got {len(a_l)} and "
            f"{len(g_l)}"
        )
    M = [np.eye(n_i)]
    for a, g in zip(a_l, g_l, strict=True):
        # Sums over many independent entries are their means: A^T A is a multiple of 1, and A^T F is
        # 0.
        grown = np.zeros((len(M[-1]) + n_o,) * 2)
        grown[:-n_o, :-n_o] = a * M[-1]
        grown[-n_o:, -n_o:] = g * np.eye(n_o)
        M.append(grown)
    return solve_deep_grams(
        DeepGrams(tuple(M), np.zeros((n_o, len(M[-1])))),
        T,
        covariance_matrix("Sigma", Sigma, n_i),
        times=increasing_times(times),
        weight_decay=weight_decay,
        rtol=rtol,
        atol=atol,
        start=None,
        method="deep_infinite_width",
        rule="direct_feedback_alignment",
    )


def _variances(what: str, values: ArrayLike) -> list[float]:
    """Return one variance for each hidden layer."""
    if np.ndim(values) != 1:
        raise ArrayError(
            f"{what}_variances must list one number for each hidden layer, such as [1.0, 1.0]; "
            f"got {values!r:.80}"
        )
    return [
        not_negative_number(f"the {what} variance of layer {layer}", value)
        for layer, value in enumerate(np.asarray(values), start=1)
    ]
