"""What a method knows of an experiment, part by part; everything else is refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fatheory.experiment import Experiment, ImageTask

_CURES = {
    "update.manhattan": "updates are those of Batch Manhattan: set update.manhattan to 0",
    "update.optimizer": "updates are scaled by their past: set update.optimizer to 'sgd'",
    "schedule.decay": "learning rates decay: set schedule.decay to null",
}
_LINEAR_TASK = frozenset(
    {"kind", "inputs", "outputs", "target", "spectrum_decay", "samples", "noise"}
)
GIVEN = {
    "arrays": frozenset({"kind", "contents"}),
    "images": frozenset(ImageTask.model_fields),
}
"""Tasks that list their examples: all that their fields say is which."""


@dataclass(frozen=True)
class Scope:
    """The features that a method knows. What is not named is a problem, whatever it will be.

    Attributes
    ----------
    networks : set of str
        Kinds of networks.
    features : set of str
        Departures from a linear network, by `fatheory.experiment.Departure.feature`, that the
        method takes into account.
    tasks : mapping of str to set of str
        Kinds of tasks, and the fields of each whose values the method takes into account.
    update, schedule, phase, choice, experiment : set of str
        Fields of those parts that it takes into account; others must have their defaults.
    """

    networks: frozenset[str] = frozenset({"dense"})
    features: frozenset[str] = frozenset()
    tasks: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"linear": _LINEAR_TASK})
    update: frozenset[str] = frozenset()
    schedule: frozenset[str] = frozenset({"phases", "batch_size"})
    phase: frozenset[str] = frozenset({"steps", "frozen"})
    choice: frozenset[str] = frozenset(
        {"rule", "parameters", "learning_rate", "initial_concordance"}
    )
    experiment: frozenset[str] = frozenset(
        {
            "name",
            "task",
            "network",
            "rules",
            "schedule",
            "update",
            "record",
            "seeds",
            "root_seed",
            "precision",
        }
    )

    def problems(self, experiment: Experiment) -> Iterator[str]:
        """Yield what the experiment has beyond this, one line each, with the cure."""
        yield from self._of_network(experiment.network)
        yield from self._of_task(experiment.task)
        yield from unknown_settings("", experiment, self.experiment)
        yield from self._of_update(experiment.update)
        yield from unknown_settings("schedule.", experiment.schedule, self.schedule)
        for number, phase in enumerate(experiment.schedule.phases):
            yield from unknown_settings(f"schedule.phases.{number}.", phase, self.phase)
        for label, choice in experiment.rules:
            if choice.layers and "layers" not in self.choice:
                yield (
                    f"rules.{label}: layers differ in their rule: set rules.{label}.layers to {{}}"
                )
            yield from unknown_settings(f"rules.{label}.", choice, self.choice | {"layers"})

    def _of_network(self, network: Any) -> Iterator[str]:
        departures = [
            departure
            for departure in network.departures_from_linear()
            if departure.feature not in self.features
        ]
        yield from (f"{departure.what}: {departure.cure}" for departure in departures)
        # Departures say more than the kind, and come with their cures.
        if not departures and network.kind not in self.networks:
            yield (
                f"the network is of kind {network.kind!r}: set network.kind to "
                f"{' or '.join(map(repr, sorted(self.networks)))}"
            )

    def _of_task(self, task: Any) -> Iterator[str]:
        if task.kind in self.tasks:
            yield from unknown_settings("task.", task, self.tasks[task.kind])
            return
        known = ", ".join(map(repr, sorted(self.tasks)))
        means = "y* = T x, " if self.tasks.keys() - GIVEN == {"linear"} else ""
        yield f"the task is of kind {task.kind!r}: theory knows {means}task.kind {known}"

    def _of_update(self, update: Any) -> Iterator[str]:
        memory = {"momentum", "weight_decay"} - self.update
        if any(getattr(update, name, 0) for name in memory):
            yield (
                f"it knows neither momentum nor weight decay; the experiment has momentum "
                f"{update.momentum} and weight decay {update.weight_decay}: set both to 0"
                if len(memory) == 2
                else f"it knows no {memory.pop().replace('_', ' ')}: set update to {{}}"
            )
        # Momentum and decay are told in one sentence above, and not again.
        yield from unknown_settings("update.", update, self.update | memory)


def unknown_settings(where: str, part: Any, known: frozenset[str] | set[str]) -> Iterator[str]:
    """Yield the fields of a description that are not known and differ from their defaults."""
    for name, described in type(part).model_fields.items():
        if name in known:
            continue
        value = getattr(part, name)
        # At its default a feature does nothing; so one of next year is refused where it is used.
        if not described.is_required():
            default = described.get_default(call_default_factory=True)
            if value == default:
                continue
        yield _CURES.get(
            f"{where}{name}",
            f"{where}{name} is {value!r:.60}, of which it knows nothing: leave {where}{name} out",
        )


LINEAR = Scope(
    experiment=Scope().experiment | {"initial"},
    tasks={"linear": _LINEAR_TASK, "arrays": GIVEN["arrays"]},
)
"""Linear networks of any depth on linear tasks, under SGD at constant learning rates.

Of given examples they learn the linear map of least squares, by the examples' own second moment.
"""
