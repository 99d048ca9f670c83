"""Whether two archives were learned alike: frozen layers in time, and rates where they matter."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import with_axes
from fatheory.experiment import Experiment

_STEPWISE = ("reduced_sgd", "order_parameters", "online", "lazy")
_AT_OWN_RATES = {f"theory/{name}" for name in _STEPWISE}
"""Sources of earlier archives, which do not say whether other rates would be another answer."""
_CLOSE = 1e-9
"""Ends of phases that are nearer than this, relative to all of the time, are one."""

Frozen = tuple[float, frozenset[int]]
"""The end of a stretch of time, and the layers that are frozen in it."""


def of_rates(
    theory: xr.Dataset, simulation: xr.Dataset, shared: Mapping[str, list]
) -> Iterator[str]:
    """Say of which rules the learning rates differ, if theory is an answer at its own ones.

    What follows from a flow is a function of time = learning rate x step, whatever the rate. What
    follows single updates is another function at every rate.
    """
    if not _at_own_rates(theory):
        return
    rates = [_rates(archive, shared) for archive in (theory, simulation)]
    if any(side is None for side in rates):
        return
    for label in shared.get(labels.RULE, ()):
        left, right = (float(side.sel({labels.RULE: label})) for side in rates if side is not None)
        if not np.isclose(left, right, rtol=1e-6, atol=0):
            yield (
                f"the rule {label!r} learns at rate {left:g} in theory and {right:g} in "
                f"simulation, and {theory.attrs.get(labels.ATTR_SOURCE)} answers at its own rate: "
                f"solve once for every rate, or by a method of all rates, such as 'flow'"
            )


def follows_updates(theory: xr.Dataset) -> bool:
    """Whether an archive follows single updates: a run does, and methods of their own rates do.

    The others are functions of time alone, which batches and their noise do not change.
    """
    source = str(theory.attrs.get(labels.ATTR_SOURCE, ""))
    return _at_own_rates(theory) or bool(source and not source.startswith("theory/"))


def of_updates(theory: xr.Dataset, ours: Experiment, theirs: Experiment) -> Iterator[str]:
    """Say how updates differ: their kind and the fall of rates, which change every path.

    Where theory follows single updates, also in batches, and in what of the examples the archives
    do not show.
    """
    both = min(ours.schedule.steps, theirs.schedule.steps)
    left, right = ({"update": a.update, **_schedule(a, both)} for a in (ours, theirs))
    if follows_updates(theory):
        left, right = (
            side | {"schedule.batch_size": a.schedule.batch_size, "task": a.task}
            for side, a in ((left, ours), (right, theirs))
        )
    for key in left | right:
        one, other = left.get(key), right.get(key)
        if one != other:
            yield f"updates differ: {key} is {one} in theory and {other} in simulation"


def _schedule(experiment: Experiment, both: int) -> dict[str, object]:
    """Return all of a schedule but phases, which are compared in time, and batches.

    `both` is the number of steps that both sides have.
    """
    found = {
        f"schedule.{name}": value
        for name, value in experiment.schedule
        if name not in ("phases", "batch_size")
    }
    # Half a cosine ends with the run, whose length so counts.
    if getattr(experiment.schedule.decay, "kind", None) == "cosine":
        found["schedule.steps"] = experiment.schedule.steps
    # A phase begins without memory of earlier updates.
    if experiment.update.memories:
        found["ends of phases"] = [end for end in experiment.schedule.ends if end < both]
    return found


def _at_own_rates(theory: xr.Dataset) -> bool:
    own = theory.attrs.get(labels.ATTR_RATES) == labels.OWN_RATES
    source = str(theory.attrs.get(labels.ATTR_SOURCE))
    # The first version spelled names of methods with hyphens.
    return own or source.replace("-", "_") in _AT_OWN_RATES


def of_frozen_layers(
    ours: Experiment, theirs: Experiment, shared: Mapping[str, list]
) -> Iterator[str]:
    """Say under which rules other layers are frozen at a time that both reach."""
    for label in shared.get(labels.RULE, ()):
        choices = [dict(experiment.rules).get(str(label)) for experiment in (ours, theirs)]
        if any(choice is None for choice in choices):
            continue
        plans = [
            _plan(experiment, choice.learning_rate)
            for experiment, choice in zip((ours, theirs), choices, strict=True)
            if choice is not None
        ]
        for time, (left, right) in _side_by_side(*plans):
            if left != right:
                yield (
                    f"under the rule {label!r} the layers {sorted(left)} are frozen in theory at "
                    f"time {time:.4g} and {sorted(right)} in simulation"
                )
                break


def _rates(archive: xr.Dataset, shared: Mapping[str, list]) -> xr.DataArray | None:
    if labels.LEARNING_RATE not in archive.variables or labels.RULE not in archive.coords:
        return None
    rates = with_axes(archive[labels.LEARNING_RATE], (labels.RULE,))
    return rates.sel({labels.RULE: shared.get(labels.RULE, [])})


def _plan(experiment: Experiment, rate: float) -> list[Frozen]:
    """Return when layers are frozen, in units of time."""
    phases, ends = experiment.schedule.phases, experiment.schedule.ends
    return [(rate * end, frozenset(p.frozen)) for end, p in zip(ends, phases, strict=True)]


def _side_by_side(
    ours: Sequence[Frozen], theirs: Sequence[Frozen]
) -> Iterator[tuple[float, tuple[frozenset[int], frozenset[int]]]]:
    """Yield the middle of every stretch that lies within both plans, and what is frozen there."""
    # One may be longer; both are held to what both did.
    last = min(ours[-1][0], theirs[-1][0])
    cuts = sorted({0.0, *(min(end, last) for plan in (ours, theirs) for end, _ in plan)})
    for begin, end in itertools.pairwise(cuts):
        middle = (begin + end) / 2
        if end - begin > _CLOSE * last:
            at = (next(f for stop, f in plan if stop > middle) for plan in (ours, theirs))
            yield middle, (next(at), next(at))
