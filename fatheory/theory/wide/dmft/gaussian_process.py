r"""A Gaussian process over (step, point), sampled step by step.

The covariance with the past is known when a step is reached, so a step's values are drawn given
those before: :math:`\chi(k) = A_k z`, z standard normal, with one block of new columns per step.
New columns whose variance is rounding are dropped. Otherwise processes that have stopped moving
would divide by their rounding errors.

The new columns of a step, :math:`A_j = [\ldots, D_j S_j]` with orthonormal D_j and positive
diagonal S_j, say :math:`S_j^{-1} D_j^\top A_j = [\ldots, I]`. These rows, all steps' below each
other, are a lower triangular matrix R with a unit diagonal, to which a step appends; the columns by
which a new step hangs on the past are one solution with it, and no factor is found anew.
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

from fatheory.theory.wide.dmft.history import Columns

_NEGLIGIBLE = 1e-9
"""Innovations below this share of a step's trace are rounding, not motion. Kernels must be averages
in double precision: their rounding is divided by the square root of this."""


class GaussianProcess:
    """Samples of a process, and the inverse of the map that made them.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws z.
    samples : int
        Independent copies.
    most : int
        Steps times points, more columns than which there cannot be.
    """

    def __init__(self, generator: np.random.Generator, samples: int, most: int) -> None:
        self._generator = generator
        self._noise = Columns(samples, most)
        self._whitenings: list[np.ndarray] = []  # D_j / S_j, (point, new)
        self._triangle = np.empty((0, 0))  # R, and room for more; above its diagonal never read
        self._row = np.empty((0, 0))  # A_k of the newest step, (point, column)

    @property
    def noise(self) -> Float[np.ndarray, "sample column"]:
        """Return z."""
        return self._noise.values

    def draw(self, covariances: list[Float[np.ndarray, "point point"]]) -> np.ndarray:
        """Draw the next step, (sample, point), given all before.

        Parameters
        ----------
        covariances : list of arrays
            Of the new step with steps 0, 1, ... and itself, (new point, old point).
        """
        *past, own = covariances
        self._extend(self._explained(past, len(own)), own)
        fresh = self._whitenings[-1].shape[1]
        self._noise.append(self._generator.standard_normal((len(self.noise), fresh)))
        return (self._row @ self.noise.T).T  # laid out as the noise is

    def begin(self, values: Float[np.ndarray, "sample point"], covariance: np.ndarray) -> None:
        """Take the first step's values as given; those after it are drawn given them."""
        self._extend(np.zeros((len(covariance), 0)), covariance)
        self._noise.append(values @ self._whitenings[0])

    def _explained(self, past: list[np.ndarray], points: int) -> Float[np.ndarray, "point column"]:
        """Return the columns that earlier steps explain."""
        count = self._noise.count
        if not count:
            return np.zeros((points, 0))
        whitened = np.hstack([b @ w for b, w in zip(past, self._whitenings, strict=True)])
        R = self._triangle[:count, :count]
        return solve_triangular(R, whitened.T, lower=True, unit_diagonal=True, check_finite=False).T

    def _extend(self, explained: np.ndarray, covariance: np.ndarray) -> None:
        """Add the columns that explain the rest of a step's covariance."""
        new = covariance - explained @ explained.T
        # Not Cholesky's factor: what is new in a step has a lower rank where little moves.
        values, vectors = np.linalg.eigh((new + new.T) / 2)
        kept = values > _NEGLIGIBLE * max(float(np.trace(covariance)), 1e-300)
        scales, directions = np.sqrt(values[kept]), vectors[:, kept]
        self._row = np.hstack([explained, directions * scales])
        self._whitenings.append(directions / scales)
        first, last = explained.shape[1], self._row.shape[1]
        if last > len(self._triangle):
            # Twice the size, so that all copies together cost no more than the last.
            larger = np.empty((2 * last, 2 * last))
            larger[:first, :first] = self._triangle[:first, :first]
            self._triangle = larger
        self._triangle[first:last, :first] = self._whitenings[-1].T @ explained
        self._triangle[first:last, first:last] = np.eye(last - first)

    def whitened(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the newest columns of A^+ applied to another process of the same covariance.

        Parameters
        ----------
        values : array of shape (sample, point)
            The other process at the newest step.
        known : array of shape (sample, older columns)
            What this function returned at the older steps, side by side.
        """
        rest = values - known @ self._row[:, : known.shape[1]].T
        return rest @ self._whitenings[-1]
