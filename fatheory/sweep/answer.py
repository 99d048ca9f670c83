"""What answers the cells of a sweep: simulation, or a method of theory."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fatheory import labels
from fatheory.archive import computed_on
from fatheory.errors import FatheoryError, RegimeError, UnknownNameError
from fatheory.experiment import Experiment
from fatheory.theory import find_method
from fatheory.theory.memory import estimate_memory as estimate_of_theory
from fatheory.theory.methods.asked import problems_of
from fatheory.theory.solve import solved
from fatheory.train.answer import SOURCE, Answer, device_name
from fatheory.train.memory import estimate_memory

SIMULATION = SOURCE
THEORY = "theory/"
"""What the source of an archive begins with where a method answered."""


@dataclass(frozen=True)
class Answered:
    """An experiment's answer, of either source.

    Attributes
    ----------
    variables : mapping of str to array
        Those of its archive, without labels.
    wall_time : float
        Seconds that it took.
    origin : mapping of str to str
        Attributes that say on what, and with which packages, it was computed.
    absent : str
        Which recorded quantities a method could not give, and why, as JSON; empty if none.
    """

    variables: Mapping[str, np.ndarray]
    wall_time: float
    origin: Mapping[str, str]
    absent: str = ""

    @classmethod
    def by_simulation(cls, answer: Answer) -> "Answered":
        """Take over what training gave."""
        # Of the process that computed it, which may be on another machine than the archive's.
        return cls(answer.variables, answer.wall_time, computed_on(device_name()))


def source_of(answer: str) -> str:
    """Return the source that archives of an answer name.

    Parameters
    ----------
    answer : str
        ``"simulation"``, or ``"theory/<method>"`` with one of the methods of `fatheory.solve`.

    Raises
    ------
    FatheoryError
        If it is neither.
    UnknownNameError
        If there is no such method.
    """
    if answer == SIMULATION:
        return answer
    if isinstance(answer, str) and answer.startswith(THEORY):
        return f"{THEORY}{find_method(answer.removeprefix(THEORY)).name}"
    raise FatheoryError(
        f"cells are answered by 'simulation' or by 'theory/<method>', such as 'theory/flow'; got "
        f"{answer!r}"
    )


def rates_attribute(source: str) -> dict[str, str]:
    """Say of an answer that it holds at its own learning rates alone, where it does."""
    if source == SIMULATION:
        return {}
    try:
        method = find_method(source.removeprefix(THEORY))
    except UnknownNameError:
        # Of a package that is not here: nothing is known of it, so nothing is taken for granted.
        return {labels.ATTR_RATES: labels.OWN_RATES}
    return {} if method.any_rate else {labels.ATTR_RATES: labels.OWN_RATES}


def refuse_uncovered(experiments: Sequence[Experiment], source: str) -> None:
    """Refuse a sweep of which a method covers no cell, before anything is written.

    Raises
    ------
    RegimeError
        With what is outside of the first cell.
    """
    if source == SIMULATION:
        return
    method = find_method(source.removeprefix(THEORY))
    if any(not problems_of(method, experiment) for experiment in experiments):
        return
    lines = "".join(f"\n  {line}" for line in problems_of(method, experiments[0]))
    raise RegimeError(
        f"theory's method {method.name!r} covers {method.regime}, and no cell of this sweep. Of "
        f"the first,{lines}"
    )


def answered_by_theory(experiment: Experiment, source: str) -> Answered:
    """Solve one experiment; it raises what `fatheory.solve` does, and warns of nothing."""
    began = time.perf_counter()
    archive = solved(experiment, source.removeprefix(THEORY))
    variables = {str(name): values.values for name, values in archive.data_vars.items()}
    origin = {name: archive.attrs[name] for name in (labels.ATTR_DEVICE, labels.ATTR_VERSIONS)}
    absent = archive.attrs.get(labels.ATTR_ABSENT, "")
    return Answered(variables, time.perf_counter() - began, origin, absent)


def precision_of(source: str, experiments: Sequence[Experiment]) -> str:
    """Return the precision in which answers are stored: theory's, or the highest of simulation."""
    if source != SIMULATION:
        return "float64"
    # By name, of which float64 is the later.
    return max(experiment.precision for experiment in experiments)


def memory_of(experiment: Experiment, source: str) -> dict[str, int]:
    """Estimate the bytes, by part, that answering an experiment takes."""
    if source == SIMULATION:
        return estimate_memory(experiment)
    return estimate_of_theory(experiment, find_method(source.removeprefix(THEORY)))
