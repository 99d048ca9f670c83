"""What becomes of a cell, wherever it is computed."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.answer import SIMULATION, Answered, answered_by_theory
from fatheory.train.many import train_many
from fatheory.train.sinks import StopRequest


@dataclass(frozen=True)
class Result:
    """What became of an experiment.

    Attributes
    ----------
    status : int
        One of `sweep_labels.DONE`, `sweep_labels.DIVERGED`, `sweep_labels.FAILED`.
    error : str
        What went wrong; empty if nothing.
    wall_time : float
        Seconds that it took.
    values : mapping of str to array
        Variables of its archive; none if it failed.
    origin : mapping of str to str
        Attributes that say on what, and with which packages, it was computed; none if it failed.
    absent : str
        Which recorded quantities a method could not give, and why, as JSON; empty if none.
    """

    status: int
    error: str
    wall_time: float
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    absent: str = ""

    @classmethod
    def of(cls, answer: Answered, wanted: Collection[str]) -> "Result":
        """Return the result of an experiment that was carried out, with some variables.

        What a method cannot give is not among them.
        """
        error = _divergence(answer.variables[labels.DIVERGED_AT])
        status = sweep_labels.DIVERGED if error else sweep_labels.DONE
        values = {name: answer.variables[name] for name in wanted if name in answer.variables}
        return cls(status, error, answer.wall_time, values, answer.origin, answer.absent)

    @classmethod
    def failed(cls, error: BaseException | str, wall_time: float = 0.0) -> "Result":
        """Return the result of an experiment that could not be carried out."""
        kind = "" if isinstance(error, str) else f"{type(error).__name__}: "
        return cls(sweep_labels.FAILED, f"{kind}{error}", wall_time)

    @property
    def of_cell(self) -> dict[str, np.ndarray]:
        """The values of the variables that every cell has."""
        values = (self.status, self.error, self.wall_time, self.absent)
        return {
            name: np.asarray(value, dtype)
            for (name, dtype), value in zip(sweep_labels.DTYPES.items(), values, strict=True)
        }


def carry_out(
    experiments: Sequence[Experiment],
    wanted: Sequence[Sequence[str]],
    stop: StopRequest | None = None,
    source: str = SIMULATION,
) -> list[Result]:
    """Answer experiments: train them together, or solve one after another.

    If training fails they are trained one by one, so that one of them does not spoil the others.

    Parameters
    ----------
    experiments : sequence of Experiment
        What is asked.
    wanted : sequence of sequence of str
        For each, the variables that its result is to have.
    stop : StopRequest, optional
        By which another thread can ask for a stop.
    source : str
        What answers; see `fatheory.sweep.answer`.

    Raises
    ------
    KeyboardInterrupt
        If it was asked to stop.
    """
    if source != SIMULATION:
        pairs = zip(experiments, wanted, strict=True)
        # One by one: solutions share no program, and one that is refused spoils none.
        return [_solved(experiment, own, stop, source) for experiment, own in pairs]
    began = time.perf_counter()
    try:
        trained = train_many(experiments, progress=False, stop=stop)
        found = {i: Result.of(Answered.by_simulation(answer), wanted[i]) for i, answer in trained}
    except Exception as error:
        # Interrupts are no `Exception`: they end the sweep, and no cell is blamed for them.
        if len(experiments) == 1:
            return [Result.failed(error, time.perf_counter() - began)]
        pairs = zip(experiments, wanted, strict=True)
        return [carry_out([experiment], [own], stop)[0] for experiment, own in pairs]
    return [found[i] for i in range(len(experiments))]


def _solved(
    experiment: Experiment, wanted: Sequence[str], stop: StopRequest | None, source: str
) -> Result:
    if stop is not None and stop.asked:
        raise KeyboardInterrupt
    began = time.perf_counter()
    try:
        return Result.of(answered_by_theory(experiment, source), wanted)
    except Exception as error:  # what a method, of whomever, raises is the cell's own failure
        return Result.failed(error, time.perf_counter() - began)


def _divergence(since: np.ndarray) -> str:
    lost = since[since >= 0]
    if not lost.size:
        return ""
    return f"{lost.size} of {since.size} runs diverged, the first at step {lost.min()}"
