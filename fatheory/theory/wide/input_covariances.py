"""Covariances of the first layer's preactivations, exact where points are parallel."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

_NEARLY = 1e-9
"""Pairs whose correlation is this near to 1 or -1 are looked at again."""
_PAIRS = 2**20
"""Numbers of such pairs' points that are held at a time."""

Kernel = Float[np.ndarray, "point other"]


class Covariances(NamedTuple):
    """Covariances between two sets of points, with the variances of both.

    Attributes
    ----------
    between : array of shape (point, other)
    left, right : arrays of shape (point,) and (other,)
        Variances.
    same : pair of arrays of int
        Places of the pairs of equal points.
    """

    between: Kernel
    left: Float[np.ndarray, " point"]
    right: Float[np.ndarray, " other"]
    same: tuple[np.ndarray, np.ndarray]

    def next(
        self,
        between: Kernel,
        left: Float[np.ndarray, " point"],
        right: Float[np.ndarray, " other"],
    ) -> "Covariances":
        """Return those of the layer above, in which equal points are equal to the last digit."""
        rows, columns = self.same
        between[rows, columns] = np.sqrt(left[rows]) * np.sqrt(right[columns])
        return Covariances(between, left, right, self.same)


def input_covariances(
    X: Float[np.ndarray, "point n_i"],
    other: Float[np.ndarray, "other n_i"] | None,
    factor: float,
    shift: float = 0.0,
) -> Covariances:
    """Return ``factor X other^T + shift``, X with itself if `other` is None.

    Angles between points are what kernels are made of. An angle near 0 is the root of 1 - rho, and
    loses half of the digits that rounding leaves of a sum of products; there it is taken from the
    difference of the two directions.
    """
    points, others = (None if v is None else _with_shift(v, factor, shift) for v in (X, other))
    assert points is not None
    Z = points if others is None else others
    left, right = (np.einsum("pi,pi->p", v, v) for v in (points, Z))
    between = points @ Z.T
    sizes = np.sqrt(left)[:, None] * np.sqrt(right)
    near: Bool[np.ndarray, "point other"] = np.abs(between) >= (1 - _NEARLY) * sizes
    if others is None:
        np.fill_diagonal(near, False)
    rows, columns = np.nonzero(near)
    equal = np.zeros(len(rows), dtype=bool)
    size = max(1, _PAIRS // points.shape[1])
    for first in range(0, len(rows), size):
        i, j = (v[first : first + size] for v in (rows, columns))
        sign = np.sign(between[i, j])
        here, there = points[i] / np.sqrt(left[i, None]), Z[j] / np.sqrt(right[j, None])
        apart = np.sum((here - sign[:, None] * there) ** 2, axis=1) / 2
        between[i, j] = sign * (1 - apart) * sizes[i, j]
        equal[first : first + size] = (points[i] == Z[j]).all(axis=1)
    same = rows[equal], columns[equal]
    if others is None:
        # Every point with itself, beside repeated ones, which an experiment's examples may hold.
        own = np.arange(len(points))
        same = np.concatenate([own, same[0]]), np.concatenate([own, same[1]])
    return Covariances(between, left, right, same).next(between, left, right)


def _with_shift(
    X: Float[np.ndarray, "point n_i"], factor: float, shift: float
) -> Float[np.ndarray, "point _"]:
    """Return points of which plain products are covariances: a bias is one more input."""
    scaled = np.sqrt(factor) * X
    return np.hstack([scaled, np.full((len(X), 1), np.sqrt(shift))]) if shift else scaled
