"""When the network learns: steps, batches, phases with frozen layers, and the update."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from fatheory.experiment.decay import Decay
from fatheory.experiment.description import (
    AS_SET,
    MAX_COUNT,
    NOT_EMPTY,
    Description,
    Fraction,
    NonNegative,
    Size,
    Whole,
)


class Phase(Description):
    """A stretch of learning.

    Attributes
    ----------
    steps : int
        Number of updates.
    frozen : tuple of int
        Layers, counted from 1 (the one next to the input), that keep their weights.
    """

    steps: Size
    frozen: Annotated[tuple[Size, ...], AS_SET] = ()


class Schedule(Description):
    """The phases, one after another, and the batch size.

    ``Schedule(steps=2000)`` is of a single phase, in which all layers learn.

    Attributes
    ----------
    phases : tuple of Phase
        At least one; or, in their place, ``steps`` of the only one.
    batch_size : int
        Examples per update; 1 is online learning.
    decay : StepDecay, ExponentialDecay or CosineDecay, optional
        How the learning rates of all rules fall; None keeps them.
    """

    spellings: ClassVar[Mapping[str, str]] = {"steps": "phases"}

    phases: Annotated[tuple[Phase, ...], NOT_EMPTY]
    batch_size: Size = 1
    decay: Decay | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_one_phase(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "steps" not in data:
            return data
        if "phases" in data:
            raise ValueError(
                "steps are those of the only phase: give steps or phases; of several, set "
                "schedule.phases.0.steps"
            )
        rest = {key: value for key, value in data.items() if key != "steps"}
        return rest | {"phases": ({"steps": data["steps"]},)}

    @model_validator(mode="after")
    def _countable(self) -> "Schedule":
        # Each phase may be within the bound and their sum beyond it.
        if self.steps > MAX_COUNT:
            raise ValueError(f"phases have at most {MAX_COUNT} steps together; got {self.steps}")
        return self

    @property
    def steps(self) -> int:
        """Total number of updates."""
        return sum(phase.steps for phase in self.phases)

    @property
    def ends(self) -> tuple[int, ...]:
        """The step at which each phase ends."""
        total, ends = 0, []
        for phase in self.phases:
            total += phase.steps
            ends.append(total)
        return tuple(ends)


_MEMORIES = {
    "adam": 2,
    "nadam": 2,
    "adabelief": 2,
    "amsgrad": 3,
    "rmsprop": 1,
    "adagrad": 1,
    "lion": 1,
}
"""Moments that optax's optimisers keep of every weight; counts of steps are no room to speak of."""


class Update(Description):
    """How gradients change the weights: W <- W + learning_rate tau (Liao, Leibo & Poggio 2016).

    With g the gradient, m the momentum and d the weight decay, ``manhattan`` chooses

    0. SGD: tau_k = -g + m tau_{k-1} - d W,
    1. tau_k = -sign(g) + m tau_{k-1} - d W, their "Batch Manhattan",
    2. tau_k = sign(-sign(g) + m tau_{k-1} - d W),
    3. tau_k = sign(kappa_k) with kappa_k = -sign(g) + m kappa_{k-1} - d W.

    Attributes
    ----------
    momentum : float
        In [0, 1).
    weight_decay : float
        Decay per unit of time.
    manhattan : int
        The setting, 0 to 3.
    optimizer : str
        ``"sgd"``, as above; or ``"adam"``, ``"nadam"``, ``"amsgrad"``, ``"adabelief"``,
        ``"rmsprop"``, ``"adagrad"`` or ``"lion"``: tau = -a(g) - d W, with the scaled gradient a
        of optax's optimiser of that name at its own settings, for every rule's g alike.
    """

    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0
    manhattan: Annotated[Whole, Field(ge=0, le=3)] = 0
    optimizer: Literal[
        "sgd", "adam", "nadam", "amsgrad", "adabelief", "rmsprop", "adagrad", "lion"
    ] = "sgd"

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Update":
        # They have moments of their own; a second momentum behind them is nobody's optimiser.
        if self.optimizer != "sgd" and (self.manhattan or self.momentum):
            raise ValueError(
                f"momentum and manhattan are settings of 'sgd'; with the optimizer "
                f"{self.optimizer!r} leave them out"
            )
        return self

    @property
    def memories(self) -> int:
        """How many numbers the update remembers for every weight."""
        # Counted for estimates of memory, and to know whether a run can go on from its weights
        # alone.
        return 1 if self.momentum else _MEMORIES.get(self.optimizer, 0)
