"""When the network learns: steps, batches, phases with frozen layers, and the update."""

from typing import Annotated

from fatheory.experiment.description import NOT_EMPTY, Description, Fraction, NonNegative, Size


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
    frozen: tuple[Size, ...] = ()


class Schedule(Description):
    """The phases, one after another, and the batch size.

    Attributes
    ----------
    phases : tuple of Phase
        At least one.
    batch_size : int
        Examples per update; 1 is online learning.
    """

    phases: Annotated[tuple[Phase, ...], NOT_EMPTY]
    batch_size: Size = 1

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


class Update(Description):
    """How a teaching signal's gradient changes the weights: SGD, W <- W + learning_rate tau.

    tau_k = -g + momentum tau_{k-1} - weight_decay W (Liao, Leibo & Poggio 2016, setting 0).

    Attributes
    ----------
    momentum : float
        In [0, 1).
    weight_decay : float
        Decay per unit of time.
    """

    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0
