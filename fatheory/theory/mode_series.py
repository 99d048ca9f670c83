r"""Many modes at many times: the flow of `mode_time` by Taylor series along each mode.

:math:`\lambda' = a + p w + q w^2` and :math:`w' = -w \lambda'` with :math:`w = e^{-\lambda}` are
polynomial, so their Taylor coefficients follow from products of series. A mode is covered by some
tens of expansions, each as long as its last coefficients allow, and a time costs one polynomial;
inverting `mode_time.elapsed` point by point costs several logarithms and arc tangents. On its own
length an expansion is economised: its Chebyshev series needs two thirds of the terms.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

DEGREE = 18
"""Expansions of a higher degree reach farther, and cost more to find."""
ECONOMISED = 10
"""Degree after leaving out Chebyshev terms. Singularities lie some nine lengths away, so that each
term is a thirtieth of the one before it: those left out are near 1e-16."""
TOLERANCE = 2e-17
"""Size of the terms that are left out, relative to lambda where that is large."""
MAX_NODES = 400
"""Expansions of one mode. Flows that end at a double root approach it as 1/t, and some would take
more: they are left to `mode_time`."""
_CHUNK = 1024
"""Modes that are worked on side by side: keeps their expansions in the processor's cache."""

Modes = Float[np.ndarray, " modes"]


def log_remaining_along(
    times: Float[np.ndarray, " time"], clock: Modes, a: Modes, p: Modes, q: Modes
) -> Float[np.ndarray, "time modes"]:
    """Return lambda at the times clock x t; NaN for modes that would take too many expansions.

    Parameters
    ----------
    times : array
        Increasing, finite, from 0 on.
    clock : array
        How fast the time of each mode runs.
    a, p, q : array
        Shape of each mode's flow, a + p w + q w^2.
    """
    lam = np.empty((len(times), len(a)))
    for first in range(0, len(a), _CHUNK):
        part = slice(first, first + _CHUNK)
        series, begins = _expansions(times[-1] * clock[part], a[part], p[part], q[part])
        _evaluate(times, clock[part], series, begins, lam[:, part])
    return lam


def _expansions(
    last: Modes, a: Modes, p: Modes, q: Modes
) -> tuple[Float[np.ndarray, "node economised modes"], Float[np.ndarray, "node_1 modes"]]:
    """Expand until `last` is reached; return coefficients, and where each expansion begins.

    There is one more beginning than expansions: where the last one ends, NaN if it is not enough.
    """
    lam, begin = np.zeros_like(a), np.zeros_like(a)
    series: list[np.ndarray] = []
    begins = [begin]
    # Some modes need thrice the expansions of most: those that have arrived are left out.
    moving = np.arange(len(a))
    while len(series) < MAX_NODES:
        coefficients = _taylor(lam, *(part[moving] for part in (a, p, q)))
        length = _length(coefficients)
        series.append(np.zeros((ECONOMISED + 1, len(a))))
        series[-1][:, moving] = _economised(coefficients, length)
        begin = begin.copy()
        begin[moving] += length
        begins.append(begin)
        ahead = begin[moving] < last[moving]
        if not ahead.any():
            break
        lam = _horner(coefficients[:, ahead], length[ahead])
        moving = moving[ahead]
    begins[-1] = np.where(begin >= last, begin, np.nan)
    return np.stack(series), np.stack(begins)


def _taylor(lam: Modes, a: Modes, p: Modes, q: Modes) -> Float[np.ndarray, "degree modes"]:
    """Return the Taylor coefficients of lambda, from lambda itself on."""
    w, rate = np.empty((DEGREE + 1, len(lam))), np.empty((DEGREE, len(lam)))
    w[0] = np.exp(-lam)
    for k in range(DEGREE):
        square = np.einsum("im,im->m", w[: k + 1], w[k::-1])
        # In place: at a thousand modes each temporary array costs as much as the product.
        np.multiply(p, w[k], out=rate[k])
        square *= q
        rate[k] += square
        if k == 0:
            rate[0] += a
        np.einsum("im,im->m", w[: k + 1], rate[k::-1], out=w[k + 1])
        w[k + 1] /= -(k + 1)
    return np.concatenate([lam[None], rate / np.arange(1, DEGREE + 1)[:, None]])


def _length(series: Float[np.ndarray, "degree modes"]) -> Modes:
    """Return how far an expansion reaches, judged by its last two terms."""
    with np.errstate(divide="ignore", over="ignore"):
        allowed = TOLERANCE * np.maximum(series[0], 1.0)
        reach = [(allowed / np.abs(series[k])) ** (1 / k) for k in (DEGREE - 1, DEGREE)]
    # Two terms, since one of them may happen to be small, and a margin for those after them.
    return 0.9 * np.minimum(*reach)


def _economised(
    series: Float[np.ndarray, "degree modes"], length: Modes
) -> Float[np.ndarray, "economised modes"]:
    """Return an expansion of a lower degree that is as good on its own length."""
    # An exact polynomial has no length: all that would be left out is zero.
    length = np.where(np.isfinite(length), length, 1.0)
    scale = np.ones((DEGREE, len(length)))
    np.multiply.accumulate(np.broadcast_to(length, (DEGREE - 1, len(length))), out=scale[1:])
    slope = _economisation() @ (series[1:] * scale)
    return np.concatenate([series[:1], slope / scale[:ECONOMISED]])


@cache
def _economisation() -> Float[np.ndarray, "economised degree"]:
    """Return the powers 0, 1, ... that stand for each power on [0, 1], as columns.

    It is of the slope (lambda - lambda_0) / t, so that lambda keeps its relative accuracy near 0.
    """
    columns = np.zeros((ECONOMISED, DEGREE))
    for k in range(DEGREE):
        power = np.polynomial.Polynomial.basis(k, domain=[0, 1], window=[0, 1])
        terms = power.convert(kind=np.polynomial.Chebyshev, domain=[0, 1]).truncate(ECONOMISED)
        kept = terms.convert(kind=np.polynomial.Polynomial, domain=[0, 1], window=[0, 1]).coef
        columns[: len(kept), k] = kept
    columns[:, :ECONOMISED] = np.eye(ECONOMISED)  # exactly
    return columns


def _horner(series: Float[np.ndarray, "degree modes"], at: Modes) -> Modes:
    value = series[-1].copy()
    for coefficients in series[-2::-1]:
        value *= at
        value += coefficients
    return value


def _evaluate(
    times: Float[np.ndarray, " time"],
    clock: Modes,
    series: Float[np.ndarray, "node economised modes"],
    begins: Float[np.ndarray, "node_1 modes"],
    out: Float[np.ndarray, "time modes"],
) -> None:
    """Evaluate time after time; few modes change their expansion between two of them."""
    node = np.zeros(len(clock), dtype=np.intp)
    current, begin, end = series[0].copy(), begins[0].copy(), begins[1].copy()
    last = len(series) - 1
    for row, t in zip(out, times, strict=True):
        tau = t * clock
        behind = np.flatnonzero(tau > end)
        while behind.size:
            node[behind] += 1
            at = node[behind]
            # NumPy puts the axis of two index arrays with a slice between them first.
            current[:, behind] = series[at, :, behind].T
            begin[behind], end[behind] = begins[at, behind], begins[at + 1, behind]
            behind = behind[(tau[behind] > end[behind]) & (at < last)]
        # In place from here on: with many modes, making arrays takes longer than the arithmetic.
        np.subtract(tau, begin, out=tau)
        row[:] = current[-1]
        for coefficients in current[-2::-1]:
            row *= tau
            row += coefficients
    out[:, np.isnan(begins[-1])] = np.nan
