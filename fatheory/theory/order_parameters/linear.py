"""Gaussian averages of linear units, g(u) = u."""

import numpy as np
from jaxtyping import Float

from fatheory.theory.order_parameters.integrals import FieldCovariance


class LinearIntegrals:
    """I2 = I4 = C_ab, J2 = 1, K2 = 0."""

    name = "linear"

    def value(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return u."""
        return u

    def slope(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return 1."""
        return np.ones_like(u)

    def products(self, C: FieldCovariance) -> Float[np.ndarray, "*batch n n"]:
        """Return E u_a u_b."""
        return C

    def slopes(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return 1."""
        return np.ones_like(C[..., :K, :])

    def curvatures(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return 0."""
        return np.zeros_like(C[..., :K, :])

    def quadruples(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K K n n"]:
        """Return E u_a u_b, the same for all i and k."""
        *batch, n, _ = C.shape
        return np.broadcast_to(C[..., None, None, :, :], (*batch, K, K, n, n))
