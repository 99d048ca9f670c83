"""What units did at every step so far, and averages over them."""

import numpy as np
from jaxtyping import Float


class Columns:
    """Values of every sample, appended column by column to a block that is allocated at the first.

    Parameters
    ----------
    samples, most : int
        Its largest size.
    """

    def __init__(self, samples: int, most: int) -> None:
        # A column is a row of the block: the part in use is contiguous, so that products with it
        # and appending to it copy nothing twice, and the system hands out no memory for the columns
        # that never come.
        self._most, self._samples = most, samples
        self._block = np.empty((0, samples))
        self.count = 0

    def append(self, values: Float[np.ndarray, "sample column"]) -> None:
        """Add columns at the end."""
        if not len(self._block):
            self._block = np.empty((self._most, self._samples))
        last = self.count + values.shape[1]
        self._block[self.count : last] = values.T
        self.count = last

    def clear(self) -> None:
        """Forget all columns."""
        self.count = 0

    @property
    def values(self) -> Float[np.ndarray, "sample column"]:
        """All columns so far."""
        return self._block[: self.count].T


class History:
    """Values of one field of one layer, step by step.

    Parameters
    ----------
    steps, samples, points : int
        Its largest size.
    kept : bool
        Whether steps before the newest are looked at again; else they are forgotten, and averages
        are with the newest step alone.
    """

    def __init__(self, steps: int, samples: int, points: int, kept: bool = True) -> None:
        # Steps stand side by side, so that an average with all of them and a weighted sum over
        # them are each one matrix product.
        self._columns = Columns(samples, (steps if kept else 1) * points)
        self._points, self._kept = points, kept

    def append(self, values: Float[np.ndarray, "sample point"]) -> None:
        """Add the next step."""
        if not self._kept:
            self._columns.clear()
        self._columns.append(values)

    @property
    def newest(self) -> Float[np.ndarray, "sample point"]:
        """The values of the newest step."""
        return self._columns.values[:, -self._points :]

    def average_with(self, values: Float[np.ndarray, "sample point"]) -> list[np.ndarray]:
        """Return <values history(j)^T>, (point, point), for every step j that is kept."""
        joint = (values.T @ self._columns.values) / len(values)
        return [joint[:, i : i + self._points] for i in range(0, joint.shape[1], self._points)]

    def kernels(self) -> list[np.ndarray]:
        """Return the averages of the newest step k with steps j = 0 ... k, (point, point)."""
        return self.average_with(self.newest)

    def kernel(self) -> Float[np.ndarray, "point point"]:
        """Return the average of the newest step with itself."""
        return (self.newest.T @ self.newest) / len(self.newest)

    def weighted(self, blocks: list[np.ndarray]) -> Float[np.ndarray, "sample point"]:
        """Return sum_j blocks[j] history(j), point by point, over steps 0 ... len(blocks) - 1."""
        joint = np.hstack(blocks)
        # In this order the result, too, has a sample's values far apart, as the block has.
        return (joint @ self._columns.values[:, : joint.shape[1]].T).T
