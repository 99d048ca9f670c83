"""The distributions from which weights and targets are drawn."""

import math
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
        """Draw an array of this distribution."""
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
        """Draw an array of this distribution."""
        return generator.normal(0.0, self.std, shape)


class Scaled(Description):
    """Entries independent, of standard deviation gain / sqrt(fan).

    A matrix (n_out, n_in) has n_in inputs and n_out outputs a unit, a convolution's kernel
    (c_out, c_in, rows, columns) c_in rows columns inputs and c_out rows columns outputs.
    Gain 1 is LeCun's start (Glorot's with the average fan), gain sqrt(2) He's for ReLU units.

    Attributes
    ----------
    gain : float
        Factor; 0 gives zeros.
    fan : str
        ``"in"``: number of inputs of the layer; ``"average"``: mean of inputs and outputs.
    shape : str
        ``"normal"``, or ``"uniform"`` in [-sqrt(3) std, sqrt(3) std).
    """

    law: Literal["scaled"] = "scaled"
    gain: NonNegative = 1.0
    fan: Literal["in", "average"] = "in"
    shape: Literal["normal", "uniform"] = "normal"

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw weights of shape (n_out, n_in), or kernels (c_out, c_in, rows, columns)."""
        fan: float = math.prod(shape[1:])
        if self.fan == "average":
            fan = (fan + shape[0] * math.prod(shape[2:])) / 2
        std = self.gain / math.sqrt(fan)
        if self.shape == "normal":
            return generator.normal(0.0, std, shape)
        # The uniform law on [-b, b) has the deviation b / sqrt 3.
        return generator.uniform(-math.sqrt(3) * std, math.sqrt(3) * std, shape)


Distribution = Annotated[Uniform | Normal | Scaled, Field(discriminator="law")]
EntryDistribution = Annotated[Uniform | Normal, Field(discriminator="law")]
"""A distribution of single numbers, which needs no layer to be scaled by."""
