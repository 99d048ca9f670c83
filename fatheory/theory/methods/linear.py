"""Methods about linear networks: they give its path, and what is recorded follows from that."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fatheory import labels
from fatheory.errors import RegimeError
from fatheory.experiment import Experiment, RuleChoice
from fatheory.initial import InitialState
from fatheory.rules.direct import is_direct_feedback
from fatheory.theory.mean_rule import mean_layered_rule
from fatheory.theory.measurement import measure, not_offered
from fatheory.theory.methods.method import Method
from fatheory.theory.methods.scope import LINEAR, Scope
from fatheory.theory.phase import FlowPhase

_MEASURED_AT_A_TIME = 2**24
"""Bytes of weights and signals that are looked at side by side: bounds what measuring takes."""

Weights = tuple[Float[np.ndarray, "step _ _"], ...]


@dataclass(frozen=True, eq=False)
class LinearPath:
    """A linear network at the recorded steps.

    Attributes
    ----------
    start : InitialState
        Whose it is: its T, probe, and states of the rules.
    error_map : array of shape (step, n_o, n_i)
        E = T - W_L ... W_1 with relative accuracy, however small it is; losses, teaching signals
        and their angles come from it.
    weights : callable
        From a slice of the recorded steps to W_1 ... W_L there. It is called for steps and
        quantities that need weights, and only for those.
    """

    start: InitialState
    error_map: Float[np.ndarray, "step n_o n_i"]
    weights: Callable[[slice], Weights]

    @classmethod
    def of(
        cls, start: InitialState, weights: Sequence[np.ndarray], error_map: np.ndarray
    ) -> "LinearPath":
        """Return the path of weights that are there already."""
        return cls(start, error_map, lambda steps: tuple(W[steps] for W in weights))


class LinearMethod(Method):
    """A method that follows the weights of linear networks, or what determines them.

    Subclasses say in `refusals` what they ask beyond linearity, and give `paths`.
    """

    regime = (
        "linear networks, fully connected and without biases, on linear tasks and given examples"
    )
    scope: ClassVar[Scope] = LINEAR
    direct_feedback: ClassVar[bool] = False
    """Whether it knows direct feedback alignment beside layered rules."""
    any_rate = True

    def covers(self, experiment: Experiment) -> list[str]:
        """Say what is outside; see `Method.covers`."""
        problems = list(self.scope.problems(experiment))
        for label, choice in experiment.rules:
            rule = choice.make()
            if self.direct_feedback and is_direct_feedback(rule):
                continue
            try:
                mean_layered_rule(rule)
            except RegimeError as error:
                problems.append(f"rules.{label}: {error}")
        # What a method refuses beyond presupposes a linear network, so it is asked last.
        return problems or list(self.refusals(experiment))

    def refusals(self, experiment: Experiment) -> Iterator[str]:
        """Yield what the method refuses of an experiment of linear networks."""
        del experiment
        yield from ()

    def paths(
        self, experiment: Experiment, starts: Sequence[InitialState], label: str, choice: RuleChoice
    ) -> Sequence[LinearPath]:
        """Follow the networks of all seeds under one rule.

        Raises
        ------
        RegimeError
            If an assumption fails that only the drawn arrays can show.
        """
        raise NotImplementedError("a method about linear networks gives paths")

    def answer(
        self, experiment: Experiment, starts: Sequence[InitialState]
    ) -> dict[str, np.ndarray]:
        """Follow the networks and measure what is recorded."""
        rows = []
        for label, choice in experiment.rules:
            own = [start.of_rule(label) for start in starts]
            paths = self.paths(experiment, own, label, choice)
            rows.append([self._measured(experiment, path, label, choice) for path in paths])
        return {name: np.array([[run[name] for run in row] for row in rows]) for name in rows[0][0]}

    def absent(self, experiment: Experiment) -> dict[str, str]:
        """Name recorded quantities that do not follow from the weights of linear networks."""
        return not_offered(experiment)

    def memory(self, experiment: Experiment) -> Mapping[str, int]:
        """Estimate the trajectories of all seeds under one rule, as whole weights."""
        return {"trajectories": 8 * len(experiment.seeds) * _weights_and_errors(experiment)}

    def _measured(
        self, experiment: Experiment, path: LinearPath, label: str, choice: RuleChoice
    ) -> dict[str, np.ndarray]:
        """Measure part after part, so that weights of all steps need not be there at once."""
        steps = experiment.snapshot_steps
        units = sum(experiment.sizes[1:])
        numbers = sum(math.prod(s) for s in experiment.weight_shapes)
        shown = len(path.start.probe) * units + len(path.start.evaluation) * experiment.sizes[-1]
        row = 8 * 4 * (numbers + shown)
        length = max(1, _MEASURED_AT_A_TIME // row)
        absent = self.absent(experiment)
        parts = [
            measure(path, slice(first, first + length), label, choice, experiment, absent)
            for first in range(0, len(steps), length)
        ]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return whole | _lost(whole, steps)


def times_of(experiment: Experiment, choice: RuleChoice) -> Float[np.ndarray, " step"]:
    """Return learning rate x step at the recorded steps."""
    return choice.learning_rate * np.asarray(experiment.snapshot_steps)


def phases_of(experiment: Experiment, choice: RuleChoice) -> list[FlowPhase]:
    """Return the experiment's phases in units of time."""
    rate = choice.learning_rate
    return [FlowPhase(rate * p.steps, frozenset(p.frozen)) for p in experiment.schedule.phases]


def _lost(measured: dict[str, np.ndarray], steps: Sequence[int]) -> dict[str, np.ndarray]:
    """Blank everything from the first step without a finite loss on, and say which it is."""
    lost = np.flatnonzero(~np.isfinite(measured[labels.LOSS]))
    if not lost.size:
        return {labels.DIVERGED_AT: np.asarray(-1, dtype=np.int64)}
    # Floats, as NaN is no integer.
    blanked = {name: values.astype(np.float64) for name, values in measured.items()}
    for values in blanked.values():
        values[lost[0] :] = np.nan
    return blanked | {labels.DIVERGED_AT: np.asarray(steps[lost[0]], dtype=np.int64)}


def _weights_and_errors(experiment: Experiment) -> int:
    """Count the numbers of one run's weights and error maps at all recorded steps."""
    weights = sum(math.prod(shape) for shape in experiment.weight_shapes)
    errors = experiment.sizes[0] * experiment.sizes[-1]
    return len(experiment.snapshot_steps) * (weights + errors)
