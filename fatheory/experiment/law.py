"""The laws from which weights and targets are drawn."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from fatheory.experiment.description import Description, NonNegative


class Uniform(Description):
    """Entries independent and uniform in [-bound, bound).

    Attributes
    ----------
    bound : float
        Half-width; 0 gives zeros.
    """

    law: Literal["uniform"] = "uniform"
    bound: NonNegative

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array of this law."""
        return generator.uniform(-self.bound, self.bound, shape)


class Normal(Description):
    """Entries independent and normal of mean zero.

    Attributes
    ----------
    std : float
        Standard deviation; 0 gives zeros.
    """

    law: Literal["normal"] = "normal"
    std: NonNegative

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array of this law."""
        return generator.normal(0.0, self.std, shape)


Law = Annotated[Uniform | Normal, Field(discriminator="law")]
