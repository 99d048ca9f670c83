"""Examples that are held in memory as a whole: a training set, a probe, an evaluation set."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Covariance, TargetMap


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs with their targets.

    Attributes
    ----------
    inputs : array of shape (sample, n_i)
        x.
    targets : array of shape (sample, n_o)
        y*.
    """

    inputs: Float[np.ndarray, "sample n_i"]
    targets: Float[np.ndarray, "sample n_o"]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.inputs)

    @cached_property
    def second_moment(self) -> Covariance:
        """Sigma = X^T X / n in float64, (n_i, n_i); by it full batches weigh an error map."""
        X = self.inputs.astype(np.float64, copy=False)
        return X.T @ X / len(X)

    @cached_property
    def linear_fit(self) -> TargetMap:
        """The linear map of least squares in float64, (n_o, n_i); learning moves towards it.

        Where many fit alike, the smallest of them: gradient descent leaves what no sample shows
        alone, as it does. Directions below rounding count as not shown, so that constant or
        repeated inputs do not blow the map up.
        """
        X, Y = (a.astype(np.float64, copy=False) for a in (self.inputs, self.targets))
        # `rcond=None` cuts singular values off at rounding times the larger side of X.
        return np.linalg.lstsq(X, Y, rcond=None)[0].T

    def first(self, count: int) -> "Samples":
        """Return the first `count` of them, or all if they are fewer."""
        if count >= len(self):
            return self
        return Samples(self.inputs[:count], self.targets[:count])
