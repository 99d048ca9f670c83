"""An experiment, as far as its parts look at it to see whether they fit together."""

from typing import Any, Protocol, runtime_checkable

from fatheory.experiment.record import Record
from fatheory.experiment.rule_choice import RuleChoice
from fatheory.experiment.schedule import Schedule, Update

Problem = tuple[str, str]
"""Where, by dotted key, and what."""


@runtime_checkable
# A protocol, as experiments import their parts, and parts cannot import experiments in turn.
class Whole(Protocol):
    """What `fatheory.Experiment` tells its parts, which know nothing of experiments."""

    @property
    def task(self) -> Any:
        """What is learned."""

    @property
    def network(self) -> Any:
        """What learns."""

    @property
    def rules(self) -> tuple[tuple[str, RuleChoice], ...]:
        """Labels and rules."""

    @property
    def schedule(self) -> Schedule:
        """When it learns."""

    @property
    def update(self) -> Update:
        """How gradients change the weights."""

    @property
    def record(self) -> Record:
        """What is recorded."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Numbers of the seeds."""

    @property
    def initial(self) -> Any:
        """From what networks start, where it is given."""

    @property
    def layers(self) -> int:
        """Number of weight layers L."""
