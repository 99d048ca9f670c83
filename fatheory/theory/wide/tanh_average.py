"""Gaussian averages of tanh units and of what is made of them, at every variance."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from fatheory.theory.wide.hermite import hermite_average
from fatheory.theory.wide.scale_mixture import mixture_average

_SERIES = 2.0
"""Up to this variance an expansion in Hermite polynomials is exact to rounding, and faster than
the mixture; beyond, its coefficients fall off ever more slowly."""
_BLOCK = 2**18
"""Pairs that are looked at together."""

Values = Float[np.ndarray, "..."]


def tanh_slope(x: Values) -> Values:
    """Return the slope of tanh."""
    # Beyond 300 it is below 1e-259, and the square would overflow.
    return 1 / np.cosh(np.clip(x, -300, 300)) ** 2


def tanh_activity_average(a: Values, b: Values, c: Values) -> tuple[Values, float]:
    """Return E[tanh(u) tanh(v)] from variances and covariance, and a bound of its error."""
    return _average(np.tanh, a, b, c, slope=False)


def tanh_slope_average(a: Values, b: Values, c: Values) -> tuple[Values, float]:
    """Return E[tanh'(u) tanh'(v)] from variances and covariance, and a bound of its error."""
    return _average(tanh_slope, a, b, c, slope=True)


def _average(
    function: Callable[[np.ndarray], np.ndarray], a: Values, b: Values, c: Values, *, slope: bool
) -> tuple[Values, float]:
    if max(a.max(), b.max()) <= _SERIES:
        return hermite_average(function, a, b, c)
    found, error = np.empty(c.shape), 0.0
    if min(a.min(), b.min()) <= _SERIES:
        # Pairs beyond are overwritten.
        shorter = np.minimum(a, _SERIES), np.minimum(b, _SERIES)
        found, error = hermite_average(function, *shorter, c)
    a, b = (np.broadcast_to(v, c.shape) for v in (a, b))
    # By blocks: of the pairs that are picked out, copies are made.
    rows = max(1, _BLOCK // max(1, c[:1].size))
    for first in range(0, len(c), rows):
        block = slice(first, first + rows)
        wide = np.maximum(a[block], b[block]) > _SERIES
        if wide.any():
            pairs = (v[block][wide] for v in (a, b, c))
            found[block][wide], told = mixture_average(*pairs, slope=slope)
            error = max(error, told)
    return found, error
