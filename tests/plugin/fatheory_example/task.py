"""A task: waves of random directions."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fatheory.experiment import DrawnTask


@dataclass(frozen=True)
class Waves:
    """y*_k = sin(frequency d_k x), x uniform in [-1, 1)."""

    directions: np.ndarray
    frequency: float

    def inputs(self, generator, count):
        """Draw inputs."""
        return generator.uniform(-1, 1, (count, self.directions.shape[1]))

    probe_inputs = inputs

    def targets(self, x):
        """Return y* without noise."""
        return np.sin(self.frequency * x @ self.directions.T)


class WavesTask(DrawnTask):
    """Learn waves whose directions every seed draws."""

    kind: Literal["waves"] = "waves"
    frequency: float = 1.0

    def draw(self, generator):
        """Draw the directions."""
        return Waves(generator.normal(size=(self.outputs, self.inputs)), self.frequency)
