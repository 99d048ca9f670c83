r"""The threshold of sign concordance, below which lazy learning moves away from its targets."""

from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from fatheory.arrays import ArrayLike
from fatheory.theory.wide.lazy_kernel import kernel_terms, weighted
from fatheory.theory.wide.rule_coefficients import require_concordance, rule_coefficients

_GRID = 65
"""Concordances from 1 down at which the sign of the smallest eigenvalue is looked at first."""


def concordance_threshold(
    X: ArrayLike,
    *,
    activation: str,
    hidden_layers: int,
    rule: str = "usf",
    bias_scale: float = 0.0,
) -> float:
    r"""Compute the concordance p_c below which the lazy kernel is no longer positive definite.

    .. math:: \lambda_{\min}\Big(\sum_k ((2 p_c - 1)\, c)^k M_k\Big) = 0

    with c = sqrt(2 / pi) for usf and sqrt(3 / 2 pi) for frsf and brsf. Below p_c the error grows in
    some direction at the rate -lambda_min. The series alternates for p < 1/2, so that depth helps
    discordant feedback. p_c depends on the data.

    Parameters
    ----------
    X : array of shape (point, n_i)
        Inputs.
    activation, hidden_layers, bias_scale
        As of `lazy_kernel`.
    rule : str
        ``"usf"``, ``"frsf"`` or ``"brsf"``.

    Returns
    -------
    float
        The largest p in [0, 1] at which the smallest eigenvalue changes its sign; 0 if it is
        positive at every concordance, and NaN if it is not positive at p = 1.

    Raises
    ------
    ArrayError, RegimeError, UnknownNameError
        As `lazy_kernel`.

    References
    ----------
    Derived for this project.
    """
    # What has no concordance is refused before kernels are computed.
    require_concordance(rule)
    terms, _ = kernel_terms(X, None, activation, hidden_layers, bias_scale)

    def smallest(p: float) -> float:
        K = weighted(terms, rule_coefficients(rule, hidden_layers, concordance=p))
        values = np.linalg.eigvalsh(K)
        # Of a singular kernel the smallest one is rounding, of either sign.
        rounding = len(K) * np.finfo(np.float64).eps * np.abs(values).max()
        return float(values[0]) if abs(values[0]) > rounding else 0.0

    # From 1 down: the powers of 2 p - 1 alternate below 1/2, so the sign may change again, and a
    # bracket of all of [0, 1] could hold several changes or hide two.
    grid = np.linspace(1.0, 0.0, _GRID)
    above = smallest(1.0)
    if above <= 0:
        return np.nan
    for upper, lower in pairwise(grid):
        if smallest(lower) <= 0:
            return float(brentq(smallest, lower, upper, xtol=1e-12))
    return 0.0
