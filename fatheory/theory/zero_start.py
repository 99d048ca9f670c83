r"""The one learning curve of all modes that start at zero.

In units of time x*/s every mode of the closed form has the same u = x/x*, with du/dtau = 1 - u^3.
:math:`\lambda = -\ln(1 - u)` runs from 0 at a slope :math:`1 + u + u^2` between 1 and 3, so a
table of its Taylor polynomials gives it to rounding at the price of a table look-up.
"""

from functools import cache

import numpy as np
from jaxtyping import Float
from numpy.polynomial import Polynomial

from fatheory.theory.mode_time import log_remaining

A, B, Q = 3.0, 3.0, 1.0
"""Shape of the flow in the terms of `mode_time`."""

_PER_UNIT = 256  # grid points per unit of tau; the sixth-order remainder is then below 1e-16
_DEGREE = 5
_LINEAR_FROM = 14.0  # 1 - u < 1e-17: lambda grows at its final rate 3
_FAR = 1e3  # 1 - u underflows long before
_CHUNK = 16384  # keeps the temporaries in the processor's cache


def log_remaining_from_zero(tau: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """Return lambda(tau) = -log(1 - u(tau)) for tau >= 0, infinite tau meaning `_FAR`."""
    table = _taylor_table()
    last = table.shape[1] - 1
    lam = np.empty_like(tau)
    for begin in range(0, tau.size, _CHUNK):
        part = np.minimum(tau[begin : begin + _CHUNK], _FAR)
        # The nearest node, which halves the distance that the polynomials have to reach.
        node = np.minimum((part * _PER_UNIT + 0.5).astype(np.intp), last)
        offset = part - node * (1 / _PER_UNIT)
        value = table[_DEGREE].take(node)
        for coefficients in table[_DEGREE - 1 :: -1]:
            value *= offset
            value += coefficients.take(node)
        lam[begin : begin + _CHUNK] = value
    return lam


@cache
def _taylor_table() -> Float[np.ndarray, "degree node"]:
    """Tabulate the Taylor coefficients of lambda(tau) at the nodes k / _PER_UNIT."""
    tau = np.arange(int(_LINEAR_FROM * _PER_UNIT) + 1) / _PER_UNIT
    shape = np.full_like(tau, A), np.full_like(tau, B), np.full_like(tau, Q)
    lam = log_remaining(tau, *shape)
    u = -np.expm1(-lam)
    rows = [lam]
    speed = Polynomial([1.0, 0.0, 0.0, -1.0])
    derivative, factorial = Polynomial([1.0, 1.0, 1.0]), 1.0
    for order in range(1, _DEGREE + 1):
        factorial *= order
        rows.append(derivative(u) / factorial)
        derivative = derivative.deriv() * speed
    table = np.stack(rows)
    # Behind the last node lambda is followed as a straight line, however far.
    table[2:, -1] = 0.0
    return table
