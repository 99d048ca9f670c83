"""What a layer's units did at every step so far, and averages over them."""

import numpy as np
from jaxtyping import Float


class History:
    """Values of one field of one layer, (step, sample, point), in a block allocated once.

    Parameters
    ----------
    steps, samples, points : int
        Its largest size.
    """

    def __init__(self, steps: int, samples: int, points: int) -> None:
        # Samples lead and (step, point) are one axis, so that an average with all steps and a
        # weighted sum over them are each one matrix product.
        self._values = np.empty((samples, steps * points))
        self._points, self.count = points, 0

    def append(self, values: Float[np.ndarray, "sample point"]) -> None:
        """Add the next step."""
        first = self.count * self._points
        self._values[:, first : first + self._points] = values
        self.count += 1

    @property
    def flat(self) -> Float[np.ndarray, "sample step_point"]:
        """All steps so far side by side."""
        return self._values[:, : self.count * self._points]

    def average_with(self, values: Float[np.ndarray, "sample point"]) -> list[np.ndarray]:
        """Return <values history(j)^T>, (point, point), for every step j so far."""
        joint = (values.T @ self.flat) / len(values)
        return [joint[:, i : i + self._points] for i in range(0, joint.shape[1], self._points)]

    def weighted(self, blocks: list[np.ndarray]) -> Float[np.ndarray, "sample point"]:
        """Return sum_j blocks[j] history(j), point by point, over steps 0 ... len(blocks) - 1."""
        joint = np.hstack(blocks)
        return self._values[:, : joint.shape[1]] @ joint.T
