"""Examples that are held in memory as a whole: a training set, a probe, an evaluation set."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


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

    def first(self, count: int) -> "Samples":
        """Return the first `count` of them, or all if they are fewer."""
        return Samples(self.inputs[:count], self.targets[:count])
