r"""Gaussian averages of products by Mehler's expansion in Hermite polynomials.

.. math:: \mathbb E[f(u) f(v)] = \sum_k \alpha_k(a)\, \alpha_k(b)\, \rho^k,\qquad
          \alpha_k(a) = \mathbb E[f(\sqrt a\, z)\, he_k(z)],

with he_k the normalised polynomials, z standard normal and rho the correlation of u and v. The
tail is bounded by Cauchy-Schwarz, :math:`|\rho|^K \sqrt{r(a)\, r(b)}` with
:math:`r(a) = \mathbb E f^2 - \sum_{k<K} \alpha_k^2`, so that an error is known beside the value.
A two-dimensional quadrature would cost its number of nodes for every pair of points; this costs
one matrix product, however many points there are.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float

_REACH, _SPACING = 13.0, 0.02
"""The trapezoidal rule on [-13, 13]: the weight's tail is below 1e-18, and for functions that are
analytic in a strip of half-width d the error is exp(-2 pi d / spacing)."""
_TERMS = 300
_ENOUGH = 8e-15
"""Relative size of the tail at which the expansion stops: 1,300 squares are not known better."""
_CACHED = 2**16
"""Entries of the result that are summed up at a time: they stay in the cache for all terms."""


def hermite_average(
    function: Callable[[np.ndarray], np.ndarray],
    a: Float[np.ndarray, "..."],
    b: Float[np.ndarray, "..."],
    c: Float[np.ndarray, "..."],
) -> tuple[Float[np.ndarray, "..."], float]:
    """Average f(u) f(v) over Gaussian pairs with variances a, b and covariance c.

    Parameters
    ----------
    function : callable
        f, entry by entry; analytic near the real axis, and smooth on the scale of u and v: of
        tanh and its slope, variances up to 2 are exact to rounding.
    a, b, c : arrays that broadcast
        Variances and covariances: (point, 1), (1, other) and (point, other), or all of one shape.

    Returns
    -------
    average : array
        Of the broadcast shape.
    error : float
        Bound of the largest error of the truncation.
    """
    rho = np.clip(c / (np.sqrt(a) * np.sqrt(b)), -1.0, 1.0)
    left, left_tail = _coefficients(function, a)
    right, right_tail = _coefficients(function, b)
    # With |rho| taken for 1: one bound, for all pairs of points.
    bounds = np.sqrt(left_tail * right_tail)
    size = np.sqrt(np.max(np.sum(left**2, axis=0)) * np.max(np.sum(right**2, axis=0)))
    small = np.flatnonzero(bounds <= _ENOUGH * size)
    terms = int(small[0]) + 1 if len(small) else _TERMS
    total = np.zeros(rho.shape)
    rows = max(1, _CACHED // max(1, rho[:1].size))
    for first in range(0, len(rho), rows):
        block = slice(first, first + rows)
        power, sums = rho[block], total[block]
        ours = left[:, block] if len(a) == len(rho) else left
        theirs = right[:, block] if len(b) == len(rho) else right
        for k in range(terms - 1, -1, -1):  # Horner's scheme: no powers of rho
            sums *= power
            sums += ours[k] * theirs[k]
    return total, float(bounds[terms - 1])


def _coefficients(
    function: Callable[[np.ndarray], np.ndarray], variance: Float[np.ndarray, "..."]
) -> tuple[Float[np.ndarray, "term ..."], Float[np.ndarray, " term"]]:
    """Return alpha_0, alpha_1, ... at every variance, and the largest r after each of them."""
    # Inputs of one length share their coefficients.
    sizes, where = np.unique(np.sqrt(variance), return_inverse=True)
    z, polynomials = _polynomials()
    # Half of the weight goes to each factor: the polynomials alone grow as e^{z^2/4}.
    values = function(sizes[:, None] * z) * np.exp(-(z**2) / 4)
    spacing = _SPACING / np.sqrt(2 * np.pi)
    alpha = (values @ polynomials.T).T * spacing
    mean_square = (values**2).sum(axis=1) * spacing
    tail = mean_square - np.cumsum(alpha**2, axis=0)
    # A difference of large numbers is not known better than to their rounding. Taken for zero, it
    # would hide what the other factor of the bound still has.
    tail = np.maximum(tail, np.finfo(float).eps * mean_square).max(axis=1)
    return alpha[:, where.reshape(variance.shape)], tail


@lru_cache(maxsize=1)
def _polynomials() -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and he_k exp(-z^2/4) on them, (term, node).

    The weight's square root goes with the polynomials, so that none overflows in the tails.
    """
    # Whole numbers of steps: `arange` with a fraction adds up a step that is off by 2e-14.
    half = round(_REACH / _SPACING)
    z = _SPACING * np.arange(-half, half + 1)
    rows = [np.exp(-(z**2) / 4)]
    before = np.zeros_like(z)
    for k in range(_TERMS - 1):
        # The recursion of normalised polynomials: their factorials would overflow from 171 on.
        above = (z * rows[-1] - np.sqrt(k) * before) / np.sqrt(k + 1)
        before = rows[-1]
        rows.append(above)
    return z, np.array(rows)
