"""The distributions from which weights and targets are drawn."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from warnings import warn

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from fatheory.experiment.description import Description, NonNegative

_FORMER = "law"
"""What descriptions before version 4 called ``distribution``, and content hashes still do."""


def _of_now(data: Any) -> Any:
    """Read the former name, and say so."""
    if not isinstance(data, Mapping) or _FORMER not in data:
        return data
    what = f"the key {_FORMER!r} of a distribution is called 'distribution'"
    warn(f"{what}; the former name will go with version 0.2", DeprecationWarning, stacklevel=2)
    rest = {key: value for key, value in data.items() if key not in (_FORMER, "distribution")}
    return rest | {"distribution": data[_FORMER]}


class _Drawn(Description):
    """What all distributions have in common."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, data: Any) -> Any:
        return _of_now(data)

    def canonical(self) -> dict[str, Any]:
        """Return what differs from the defaults, as runs know it that were stored before."""
        own = super().canonical()
        # Under the former name, or every stored run would have another hash than its description.
        return own | {_FORMER: own.pop("distribution")}


class Uniform(_Drawn):
    """Entries independent and uniform in [-bound, bound).

    Attributes
    ----------
    bound : float
        Half-width; 0 gives zeros.
    """

    distribution: Literal["uniform"] = "uniform"
    bound: NonNegative

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array of this distribution."""
        return generator.uniform(-self.bound, self.bound, shape)


class Normal(_Drawn):
    """Entries independent and normal of mean zero.

    Attributes
    ----------
    std : float
        Standard deviation; 0 gives zeros.
    """

    distribution: Literal["normal"] = "normal"
    std: NonNegative

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array of this distribution."""
        # In double precision whatever the run has, so that both precisions start from the same
        # draws.
        return generator.normal(0.0, self.std, shape)


class Scaled(_Drawn):
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

    distribution: Literal["scaled"] = "scaled"
    gain: NonNegative = 1.0
    fan: Literal["in", "average"] = "in"
    shape: Literal["normal", "uniform"] = "normal"

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw weights of shape (n_out, n_in), or kernels (c_out, c_in, rows, columns)."""
        # All axes but the first: of a kernel, channels below times its window.
        fan: float = math.prod(shape[1:])
        if self.fan == "average":
            fan = (fan + shape[0] * math.prod(shape[2:])) / 2
        std = self.gain / math.sqrt(fan)
        if self.shape == "normal":
            return generator.normal(0.0, std, shape)
        # The uniform distribution on [-b, b) has the deviation b / sqrt 3.
        return generator.uniform(-math.sqrt(3) * std, math.sqrt(3) * std, shape)


# The former name is read before pydantic looks for the tag.
Distribution = Annotated[
    Annotated[Uniform | Normal | Scaled, Field(discriminator="distribution")],
    BeforeValidator(_of_now),
]
EntryDistribution = Annotated[
    Annotated[Uniform | Normal, Field(discriminator="distribution")], BeforeValidator(_of_now)
]
"""A distribution of single numbers, which needs no layer to be scaled by."""
