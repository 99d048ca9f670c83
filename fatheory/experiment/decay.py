"""How learning rates fall during a run, as factors of their first value."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fatheory.experiment.description import (
    AS_BAG,
    NOT_EMPTY,
    Count,
    Description,
    Fraction,
    Positive,
    Size,
    of_its_kind,
)


class StepDecay(Description):
    """Learning rates fall at given steps.

    Attributes
    ----------
    at : tuple of int
        Steps; update k and those after it are smaller by `factor` for every entry up to k.
    factor : float
        In (0, 1].
    warmup : int
        Over so many updates at the beginning the rate rises linearly.
    """

    kind: Literal["steps"] = "steps"
    at: Annotated[tuple[Size, ...], NOT_EMPTY, AS_BAG]
    factor: Annotated[Positive, Field(le=1)] = 0.1
    warmup: Count = 0


class ExponentialDecay(Description):
    """Learning rates fall by `factor` over `every` updates, a little at each.

    Attributes
    ----------
    factor : float
        In (0, 1].
    every : int
        Number of updates.
    warmup : int
        As of `StepDecay`.
    """

    kind: Literal["exponential"] = "exponential"
    factor: Annotated[Positive, Field(le=1)]
    every: Size
    warmup: Count = 0


class CosineDecay(Description):
    """Learning rates fall along half a cosine, from the first update to the last.

    Attributes
    ----------
    floor : float
        The factor at the end, in [0, 1).
    warmup : int
        As of `StepDecay`.
    """

    kind: Literal["cosine"] = "cosine"
    floor: Fraction = 0.0
    warmup: Count = 0


Decay = Annotated[
    StepDecay | ExponentialDecay | CosineDecay,
    BeforeValidator(
        of_its_kind(
            "decay",
            {"steps": StepDecay, "exponential": ExponentialDecay, "cosine": CosineDecay},
            "steps",
        )
    ),
]
