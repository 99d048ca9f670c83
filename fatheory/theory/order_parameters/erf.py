r"""Gaussian averages of error functions and of mixtures of them.

With :math:`g(u) = \mathrm{erf}(u/\sqrt2)` and :math:`g'(u) = \sqrt{2/\pi}\,e^{-u^2/2}` a slope is a
Gaussian factor, so that every average with slopes is one without them under another covariance.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Int
from scipy.special import erf

from fatheory.theory.order_parameters.integrals import FieldCovariance

_SLOPE = np.sqrt(2 / np.pi)


class ErfMixture:
    r"""g(u) = offset + sum_m weight_m erf(u / (sqrt 2 scale_m)).

    Parameters
    ----------
    name : str
        What it is called.
    weights, scales : sequence of float
        Of the components; the activation of Saad & Solla has one, of weight and scale 1.
    offset : float
        g(0).

    References
    ----------
    Saad & Solla 1995, Phys. Rev. E 52:4225, appendix, for one component.
    """

    def __init__(
        self,
        name: str,
        weights: Sequence[float] | Float[np.ndarray, " m"] = (1.0,),
        scales: Sequence[float] | Float[np.ndarray, " m"] = (1.0,),
        offset: float = 0.0,
    ) -> None:
        self.name = name
        self.weights = np.asarray(weights, dtype=float)
        self.scales = np.asarray(scales, dtype=float)
        self.offset = offset

    def value(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return g(u)."""
        parts = erf(u[..., None] / (np.sqrt(2) * self.scales))
        return self.offset + parts @ self.weights

    def slope(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return g'(u)."""
        parts = np.exp(-0.5 * (u[..., None] / self.scales) ** 2)
        return _SLOPE * (parts @ (self.weights / self.scales))

    def products(self, C: FieldCovariance) -> Float[np.ndarray, "*batch n n"]:
        """Return offset^2 + (2/pi) asin[C_ab / sqrt((1 + C_aa)(1 + C_bb))], mixed."""
        X = self._expanded(C)
        return self.offset**2 + self._mixed(_arcsines(X), self.weights, self.weights)

    def slopes(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return (2/pi) / sqrt((1 + C_ii)(1 + C_aa) - C_ia^2), mixed."""
        X, K_all = self._expanded(C), K * len(self.scales)
        steep = self.weights / self.scales
        return self._mixed((2 / np.pi) / np.sqrt(_determinants(X, K_all)), steep, steep)

    def curvatures(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return -(2/pi) C_ia / ((1 + C_ii) sqrt((1 + C_ii)(1 + C_aa) - C_ia^2)), mixed."""
        X, K_all = self._expanded(C), K * len(self.scales)
        own = 1 + np.diagonal(X, axis1=-2, axis2=-1)[..., :K_all, None]
        bent = (-2 / np.pi) * X[..., :K_all, :] / (own * np.sqrt(_determinants(X, K_all)))
        return self._mixed(bent, self.weights / self.scales**2, self.weights)

    def quadruples(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K K n n"]:
        """Return (4/pi^2) asin[...] / sqrt(Lambda_4), mixed.

        The slopes of i and k change C to C - C_{.I} (1 + C_II)^{-1} C_{I.}, I = (i, k), under
        which g(a) g(b) has the average of `products`.
        """
        X, m = self._expanded(C), len(self.scales)
        K_all, n_all = K * m, X.shape[-1]
        # Half of the pairs, as i and k may be exchanged; the table is the dearest of all averages.
        first, second, place = _pairs(K_all)
        own = 1 + np.diagonal(X, axis1=-2, axis2=-1)[..., :K_all]
        # The two steps of a Cholesky factor of 1 + C_II, applied to the rows of C.
        one = np.sqrt(own[..., first])
        v1 = X[..., first, :] / one[..., None]
        cross = v1[..., np.arange(len(first)), second]
        # In products of pivots, not their difference: i may be k.
        two = np.sqrt(own[..., second] - cross**2)
        v2 = (X[..., second, :] - cross[..., None] * v1) / two[..., None]
        V = np.stack([v1, v2], axis=-1)
        tilted = X[..., None, :, :] - V @ V.mT
        damping = (2 / np.pi) / (one * two)
        table = damping[..., None, None] * _arcsines(tilted)
        batch = table.shape[:-3]
        if m == 1:
            table *= self.weights[0] ** 4 / self.scales[0] ** 2
            full = table[..., place, :, :]
        else:
            steep = np.tile(self.weights / self.scales, K)
            mixed = self._mixed(table, self.weights, self.weights)
            mixed *= (steep[first] * steep[second])[:, None, None]
            n = n_all // m
            full = mixed[..., place, :, :].reshape(*batch, K, m, K, m, n, n).sum(axis=(-5, -3))
        if self.offset:
            # Terms with one offset vanish: g without it is odd, and slopes are even.
            students = self.slopes(C, K)[..., :K]
            full = full + self.offset**2 * students[..., None, None]
        return full

    def _expanded(self, C: FieldCovariance) -> Float[np.ndarray, "*batch nm nm"]:
        """Return the covariance of the arguments u_a / scale_m, m the faster index."""
        if len(self.scales) == 1:
            return C if self.scales[0] == 1 else C / self.scales[0] ** 2
        inverse = np.tile(1 / self.scales, C.shape[-1])
        return np.repeat(np.repeat(C, len(self.scales), -1), len(self.scales), -2) * (
            inverse[:, None] * inverse
        )

    def _mixed(
        self,
        table: Float[np.ndarray, "*batch p q"],
        left: Float[np.ndarray, " m"],
        right: Float[np.ndarray, " m"],
    ) -> Float[np.ndarray, "*batch r s"]:
        """Sum over the components with these weights."""
        m = len(left)
        if m == 1:
            return table * (left[0] * right[0])
        *batch, p, q = table.shape
        parted = table.reshape(*batch, p // m, m, q // m, m)
        return np.einsum("...ambn,m,n->...ab", parted, left, right, optimize=True)


@cache
def _pairs(K: int) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"], Int[np.ndarray, "K K"]]:
    """Return the pairs i <= k, and where each (i, k) finds its pair."""
    first, second = np.triu_indices(K)
    place = np.empty((K, K), dtype=int)
    place[first, second] = place[second, first] = np.arange(len(first))
    return first, second, place


def _arcsines(C: FieldCovariance) -> FieldCovariance:
    root = 1 / np.sqrt(1 + np.diagonal(C, axis1=-2, axis2=-1))
    return (2 / np.pi) * np.arcsin(C * root[..., :, None] * root[..., None, :])


def _determinants(C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
    """Return (1 + C_ii)(1 + C_aa) - C_ia^2."""
    own = 1 + np.diagonal(C, axis1=-2, axis2=-1)
    return own[..., :K, None] * own[..., None, :] - C[..., :K, :] ** 2
