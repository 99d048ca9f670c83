"""The Gaussian averages of an activation that the dynamics of order parameters need."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

FieldCovariance = Float[np.ndarray, "*batch n n"]
"""Covariance C of the fields: K students first, then the teachers."""


@runtime_checkable
class Integrals(Protocol):
    """Averages over jointly Gaussian fields u ~ N(0, C) of an activation g.

    Every method takes C of shape (..., n, n), the students first, and the number K of students.
    Indices i, k run over the students and a, b over all n fields; fields may coincide or be
    linearly dependent.
    """

    @property
    def name(self) -> str:
        """The activation's name."""

    def value(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return g(u)."""

    def slope(self, u: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return g'(u)."""

    def products(self, C: FieldCovariance) -> Float[np.ndarray, "*batch n n"]:
        """Return I2(a, b) = E g(a) g(b)."""

    def slopes(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return J2(i, a) = E g'(i) g'(a)."""

    def curvatures(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n"]:
        """Return K2(i, a) = E g''(i) g(a), a distribution's average where g has kinks."""

    def quadruples(self, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K K n n"]:
        """Return I4(i, k, a, b) = E g'(i) g'(k) g(a) g(b)."""


def triples(integrals: Integrals, C: FieldCovariance, K: int) -> Float[np.ndarray, "*batch K n n"]:
    """Compute I3(i, n, a) = E g'(i) u_n g(a) = C_na J2(i, a) + C_ni K2(i, a), by parts in u_n.

    Parameters
    ----------
    integrals : Integrals
        Of the activation.
    C : array of shape (..., n, n)
        Covariance of the fields, students first.
    K : int
        Number of students.
    """
    J2, K2 = integrals.slopes(C, K), integrals.curvatures(C, K)
    return C[..., None, :, :] * J2[..., :, None, :] + C[..., :K, :, None] * K2[..., :, None, :]
