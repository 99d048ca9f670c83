r"""A Gaussian process over (step, point), sampled step by step.

The covariance with the past is known when a step is reached, so a step's values are drawn given
those before: :math:`\chi(k) = A_k z`, z standard normal, with one block of new columns per step.
New columns whose variance is rounding are dropped. Otherwise processes that have stopped moving
would divide by their rounding errors.
"""

import numpy as np
from jaxtyping import Float

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
    """

    def __init__(self, generator: np.random.Generator, samples: int) -> None:
        self._generator, self._samples = generator, samples
        self._rows: list[np.ndarray] = []  # A_j, (point, column)
        self._directions: list[np.ndarray] = []  # of new columns, (point, new), unit length
        self._scales: list[np.ndarray] = []  # square roots of their variances
        self.noise = np.zeros((samples, 0))
        """z, (sample, column)."""

    def draw(self, covariances: list[Float[np.ndarray, "point point"]]) -> np.ndarray:
        """Draw the next step, (sample, point), given all before.

        Parameters
        ----------
        covariances : list of arrays
            Of the new step with steps 0, 1, ... and itself, (new point, old point).
        """
        row = np.zeros((len(covariances[-1]), 0))
        for j, block in enumerate(covariances[:-1]):
            # The part of the covariance that older columns do not explain lies on step j's own.
            rest = block - row @ self._rows[j][:, : row.shape[1]].T
            row = np.hstack([row, rest @ self._directions[j] / self._scales[j]])
        row, kept = self._extend(row, covariances[-1])
        fresh = self._generator.standard_normal((self._samples, kept))
        self.noise = np.hstack([self.noise, fresh])
        return self.noise @ row.T

    def begin(self, values: Float[np.ndarray, "sample point"], covariance: np.ndarray) -> None:
        """Take the first step's values as given; those after it are drawn given them."""
        self._extend(np.zeros((len(covariance), 0)), covariance)
        self.noise = values @ (self._directions[0] / self._scales[0])

    def _extend(
        self, row: Float[np.ndarray, "point column"], covariance: np.ndarray
    ) -> tuple[Float[np.ndarray, "point more"], int]:
        """Add the columns that explain the rest of a step's covariance; return row and number."""
        new = covariance - row @ row.T
        # Not Cholesky's factor: what is new in a step has a lower rank where little moves.
        values, vectors = np.linalg.eigh((new + new.T) / 2)
        kept = values > _NEGLIGIBLE * max(float(np.trace(covariance)), 1e-300)
        scales, directions = np.sqrt(values[kept]), vectors[:, kept]
        row = np.hstack([row, directions * scales])
        self._rows.append(row)
        self._directions.append(directions)
        self._scales.append(scales)
        return row, int(kept.sum())

    def whitened(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Return the newest columns of A^+ applied to another process of the same covariance.

        Parameters
        ----------
        values : array of shape (sample, point)
            The other process at the newest step.
        known : array of shape (sample, older columns)
            What this function returned at the older steps, side by side.
        """
        row = self._rows[-1][:, : known.shape[1]]
        rest = values - known @ row.T
        return rest @ (self._directions[-1] / self._scales[-1])

    @property
    def newest(self) -> Float[np.ndarray, "point column"]:
        """A_k of the newest step."""
        return self._rows[-1]
