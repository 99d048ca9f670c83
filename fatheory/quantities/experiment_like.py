"""An experiment, as far as a quantity looks at it."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class ExperimentParts(Protocol):
    """The parts of an experiment, which need not fit together yet."""

    @property
    def task(self) -> Any:
        """What is learned; ``of_classes`` says whether targets are classes."""

    @property
    def network(self) -> Any:
        """What learns: ``kind``, ``convolutions``, ``biases``, ``normalization``."""

    @property
    def record(self) -> Any:
        """What is recorded: ``receptive_units``."""

    @property
    def layers(self) -> int:
        """Number of weight layers L."""


@runtime_checkable
class ExperimentLike(ExperimentParts, Protocol):
    """What `fatheory.Experiment` tells a quantity. Quantities stand below experiments."""

    @property
    def sizes(self) -> Sequence[int]:
        """Numbers of units of layers 0 to L."""

    @property
    def weight_shapes(self) -> Sequence[Sequence[int]]:
        """Shapes of W_1 ... W_L: (unit, unit below), or (channel, channel below, row, column)."""

    @property
    def probe_samples(self) -> int:
        """Number of samples of the probe."""
