r"""Gaussian averages of tanh units at any variance: tanh is a mixture of error functions.

The logistic distribution is a normal one of random size, twice Kolmogorov's K (Andrews & Mallows
1974, J. R. Stat. Soc. B 36:99), so that

.. math:: \tanh x = \mathbb E_K\big[\mathrm{erf}(x / \sqrt 2 K)\big],

and averages over Gaussian pairs are those of erf units (Williams 1998), averaged over two
independent copies of K:

.. math:: \mathbb E[\tanh u \tanh v] = \tfrac{2}{\pi}\, \mathbb E \arctan\frac{c}{\sqrt d},\qquad
          \mathbb E[\tanh' u \tanh' v] = \tfrac{2}{\pi}\, \mathbb E \frac{1}{\sqrt d},\qquad
          d = (K^2 + a)(K'^2 + b) - c^2.

Both are smooth in K, and K has tails that fall like exp(-2 K^2) and exp(-pi^2 / 8 K^2), so that
Gauss's rule for K converges fast at every variance and correlation, where functions of u and v
themselves become steps.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

_NODES, _MORE, _FEWER = 16, 24, 4
"""Nodes of the rule: 16 are exact to rounding if all variances are at least 1, 24 from 0.1 on. Its
error is told from one of 4 nodes less."""
_BLOCK = 2**15
"""Pairs that are summed up at a time: they stay in the cache for all nodes."""

Values = Float[np.ndarray, " pair"]


def mixture_average(a: Values, b: Values, c: Values, *, slope: bool) -> tuple[Values, float]:
    """Average tanh(u) tanh(v), or the slopes' product, over Gaussian pairs.

    Parameters
    ----------
    a, b, c : arrays of shape (pair,)
        Variances and covariances.
    slope : bool
        Whether the average is of slopes.

    Returns
    -------
    average : array of shape (pair,)
    error : float
        What fewer nodes change where it is hardest: at correlation 1, by the extreme variances.
    """
    nodes = _NODES if min(a.min(), b.min()) >= 1 else _MORE
    total = np.empty_like(c)
    for first in range(0, len(c), _BLOCK):
        part = slice(first, first + _BLOCK)
        total[part] = _average(a[part], b[part], c[part], slope, nodes)
    left, right = np.meshgrid([a.min(), a.max()], [b.min(), b.max()])
    hardest = left.ravel(), right.ravel(), (np.sqrt(left) * np.sqrt(right)).ravel()
    whole, fewer = (_average(*hardest, slope, n) for n in (nodes, nodes - _FEWER))
    rounding = 8 * np.finfo(np.float64).eps * float(whole.max())
    return total, float(np.abs(whole - fewer).max()) + rounding


def _average(a: Values, b: Values, c: Values, slope: bool, nodes: int) -> Values:
    squares, weights = _kolmogorov_rule(nodes)
    # The difference of two large numbers, which is exactly 0 of a point with itself. Below 0 it is
    # rounding.
    size = np.sqrt(a) * np.sqrt(b)
    apart = np.maximum((size - c) * (size + c), 0.0)
    total, d = np.zeros_like(c), np.empty_like(c)
    for left, weight in zip(squares, weights, strict=True):
        rest = apart + left * b
        for right, other in zip(squares, weights, strict=True):
            np.multiply(a + left, right, out=d)
            d += rest
            np.sqrt(d, out=d)
            if slope:
                np.divide(weight * other, d, out=d)
            else:
                np.arctan2(c, d, out=d)
                d *= weight * other
            total += d
    return total * (2 / np.pi)


@lru_cache(maxsize=4)
def _kolmogorov_rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return squares of the nodes and the weights of Gauss's rule for the distribution of K."""
    # Its moments as sums: the trapezoidal rule in log K, of steps that make it exact to rounding.
    k = np.exp(0.02 * np.arange(-100, 81))
    mass = _kolmogorov_density(k) * k
    mass /= mass.sum()
    # Lanczos' recursion of orthogonal polynomials; Gauss's nodes are eigenvalues of its matrix.
    basis = [np.ones_like(k)]
    diagonal, beside = [], []
    for _ in range(nodes):
        newest = basis[-1]
        diagonal.append(np.sum(mass * k * newest**2))
        above = k * newest
        for one in basis * 2:  # twice: once leaves rounding behind
            above = above - np.sum(mass * above * one) * one
        beside.append(np.sqrt(np.sum(mass * above**2)))
        basis.append(above / beside[-1])
    matrix = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    places, vectors = np.linalg.eigh(matrix)
    return places**2, vectors[0] ** 2


def _kolmogorov_density(k: np.ndarray) -> np.ndarray:
    """Return the density of the limit of sqrt(n) times Kolmogorov's statistic."""
    j = np.arange(1, 9)[:, None]
    steep = ((2 * j - 1) * np.pi) ** 2 / 8
    # Two series of one function, each fast on its side of 1.
    small = np.sqrt(2 * np.pi) * np.exp(-steep / k**2) * (2 * steep / k**4 - 1 / k**2)
    large = 8 * k * (-1.0) ** (j - 1) * j**2 * np.exp(-2 * (j * k) ** 2)
    return np.where(k < 1, small.sum(axis=0), large.sum(axis=0))
