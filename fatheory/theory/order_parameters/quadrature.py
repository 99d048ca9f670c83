r"""Tanh and logistic units as mixtures of error functions, by Gaussian quadrature.

The logistic law is a scale mixture of normal laws (Andrews & Mallows 1974), hence exactly

.. math:: \tanh u = \int \mathrm{erf}\!\left(\frac{u}{\sqrt2\,\tau}\right) f(\tau)\,d\tau,\qquad
          f(\tau) = 8\tau \sum_{j\ge1} (-1)^{j-1} j^2 e^{-2 j^2 \tau^2},

f the density of Kolmogorov's law, and a logistic unit is 1/2 + tanh(u/2)/2. With the m-point Gauss
rule of log tau every average of up to four units is a sum of m^4 closed forms. The largest error
of tanh itself falls by about five a point: 3e-6 with m = 6, 2e-7 with m = 8.

Andrews & Mallows, J. R. Stat. Soc. B 36:99 (1974).
"""

from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh_tridiagonal

from fatheory.theory.order_parameters.erf import ErfMixture

POINTS = 6
"""Of the rule by default: the averages have errors near 1e-7."""
FINER_POINTS = 8
"""Of the rule beside which the error of `POINTS` is estimated."""


def tanh_mixture(points: int = POINTS) -> ErfMixture:
    """Return tanh units as a mixture of error functions.

    Parameters
    ----------
    points : int
        Number of components.
    """
    scales, weights = kolmogorov_rule(points)
    return ErfMixture("tanh", weights, scales)


def sigmoid_mixture(points: int = POINTS) -> ErfMixture:
    """Return logistic units, 1 / (1 + exp(-u)), as a mixture of error functions.

    Parameters
    ----------
    points : int
        Number of components.
    """
    scales, weights = kolmogorov_rule(points)
    return ErfMixture("sigmoid", weights / 2, 2 * scales, offset=0.5)


@cache
def kolmogorov_rule(points: int) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Compute nodes tau and weights of the Gauss rule in log tau under Kolmogorov's law.

    By Stieltjes' recurrence on a fine discretisation (Gautschi 2004, section 2.2).

    Parameters
    ----------
    points : int
        Number m of nodes.
    """
    x, dx = np.polynomial.legendre.leggauss(600)
    low, high = 0.08, 5.0  # beyond them the law has less than 1e-20
    tau = low + (high - low) * (x + 1) / 2
    mass = dx * _density(tau)
    mass /= mass.sum()
    t = np.log(tau)
    diagonal, off = np.empty(points), np.empty(points)
    before, now, norm_before = np.zeros_like(t), np.ones_like(t), 1.0
    for m in range(points):
        norm = mass @ now**2
        diagonal[m], off[m] = mass @ (t * now**2) / norm, norm / norm_before
        before, now, norm_before = (
            now,
            (t - diagonal[m]) * now - off[m] * before,
            norm,
        )
    nodes, vectors = eigh_tridiagonal(diagonal, np.sqrt(off[1:]))
    # Golub & Welsch: of a law of mass 1 the weights are squares of the first components.
    return np.exp(nodes), vectors[0] ** 2


def _density(tau: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Return f, by the series that converges fast: of theta functions, one for each side."""
    j = np.arange(1, 60)[:, None]
    wide = 8 * tau * np.sum((-1.0) ** (j - 1) * j**2 * np.exp(-2 * j**2 * tau**2), axis=0)
    a = (2 * j - 1) ** 2 * np.pi**2 / 8
    narrow = np.sqrt(2 * np.pi) * np.sum(
        np.exp(-a / tau**2) * (2 * a / tau**4 - 1 / tau**2), axis=0
    )
    return np.where(tau < 1, narrow, wide)
