"""Whether two archives answer one question: the same target, probe, rules, feedback and start."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import with_axes, with_own_axes
from fatheory.comparison.same_schedule import of_frozen_layers, of_rates, of_updates
from fatheory.comparison.same_settings import of_experiments, of_networks, of_records
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment, RuleChoice

_EXAMPLES = (
    labels.TARGET_MAP,
    labels.INPUT_COVARIANCE,
    labels.PROBE_INPUT,
    labels.PROBE_TARGET,
    labels.TARGET_VARIANCE,
)
_FEEDBACK = re.compile(r"^(direct_)?feedback(_kernel)?_\d+$")
_LEARNED = re.compile(r"^(weight|kernel|bias|channel_bias)_\d+$")
_TOLERANCE = 64
"""In units of the coarser precision: products of many entries are stored, as second moments are."""


def require_same_problem(
    theory: xr.Dataset, simulation: xr.Dataset, shared: Mapping[str, list]
) -> None:
    """Refuse archives whose target, probe, rules, feedback, start or learning differ.

    Parameters
    ----------
    theory, simulation : Dataset
        Run archives.
    shared : mapping of str to list
        Labels that are compared, by dimension.

    Raises
    ------
    ArchiveError
        Naming everything that differs, where and by how much.
    """
    differences = [
        *_of_arrays(theory, simulation, shared),
        *of_rates(theory, simulation, shared),
    ]
    sides = (theory, simulation)
    if all(labels.ATTR_EXPERIMENT in archive.attrs for archive in sides):
        ours, theirs = (Experiment.from_json(a.attrs[labels.ATTR_EXPERIMENT]) for a in sides)
        differences += [
            *_of_rules(ours, theirs, shared),
            *_of_tasks(theory, simulation, ours, theirs),
            *_of_starts(theory, simulation, ours, theirs, shared),
            *of_frozen_layers(ours, theirs, shared),
            *of_updates(theory, ours, theirs),
            *of_networks(ours, theirs),
            *of_experiments(ours, theirs),
            *of_records(theory, simulation, ours, theirs),
        ]
    if differences:
        lines = "".join(f"\n  {line}" for line in differences)
        raise ArchiveError(
            f"theory and simulation answer different questions, so their difference would say "
            f"nothing; solve and simulate one experiment, or select what both share:{lines}"
        )


def _of_arrays(
    theory: xr.Dataset, simulation: xr.Dataset, shared: Mapping[str, list]
) -> Iterator[str]:
    drawn = [str(name) for name in simulation.data_vars if _FEEDBACK.match(str(name))]
    for name in (*_EXAMPLES, *drawn):
        if name in theory and name in simulation:
            ours, theirs = (with_own_axes(archive, name) for archive in (theory, simulation))
            yield from _difference(name, ours, theirs, shared)


def _of_rules(ours: Experiment, theirs: Experiment, shared: Mapping[str, list]) -> Iterator[str]:
    """Compare what the labels of rules stand for; learning rates may differ."""
    for label in shared.get(labels.RULE, ()):
        choices = [dict(experiment.rules).get(str(label)) for experiment in (ours, theirs)]
        # A label that was given to an archive later is in no description.
        if any(choice is None for choice in choices):
            continue
        left, right = (
            _what_matters(choice, experiment)
            for choice, experiment in zip(choices, (ours, theirs), strict=True)
            if choice is not None
        )
        if left != right:
            differing = [key for key in left | right if left.get(key) != right.get(key)]
            own = [", ".join(f"{key} {side.get(key)!r}" for key in differing)
                   for side in (left, right)]  # fmt: skip
            yield f"the rule {label!r} is of {own[0]} in theory and of {own[1]} in simulation"


def _what_matters(choice: RuleChoice, experiment: Experiment) -> dict[str, Any]:
    """Return what a rule does in a network, whatever its learning rate."""
    said = choice.model_dump()
    # All slopes of a linear network are 1, however they travel.
    free = () if experiment.network.departures_from_linear() else ("slopes", "derivative")
    return {key: value for key, value in said.items() if key not in ("learning_rate", *free)}


def _of_tasks(
    theory: xr.Dataset, simulation: xr.Dataset, ours: Experiment, theirs: Experiment
) -> Iterator[str]:
    """Compare tasks by their descriptions where archives do not hold what could be compared."""
    drawn = {str(n) for a in (theory, simulation) for n in a.data_vars if _FEEDBACK.match(str(n))}
    lacking = [n for n in (*_EXAMPLES, *sorted(drawn)) if (n in theory) != (n in simulation)]
    # Of stored examples the description says which they are; no archive holds the images.
    stored = any(experiment.task.stored for experiment in (ours, theirs))
    if (stored or lacking) and ours.task != theirs.task:
        yield f"the tasks differ: {ours.task} in theory, {theirs.task} in simulation"
    if lacking and ours.root_seed != theirs.root_seed:
        yield (
            f"one of them has no {', '.join(lacking)}, and the draws differ: root_seed is "
            f"{ours.root_seed} in theory and {theirs.root_seed} in simulation"
        )


def _of_starts(
    theory: xr.Dataset,
    simulation: xr.Dataset,
    ours: Experiment,
    theirs: Experiment,
    shared: Mapping[str, list],
) -> Iterator[str]:
    sides = (theory, simulation)
    learned = [
        str(name) for name in simulation.data_vars if _LEARNED.match(str(name)) and name in theory
    ]
    starts = [0 in np.atleast_1d(archive[labels.STEP].values) for archive in sides]
    if not (learned and all(starts)):
        yield from _of_laws(ours, theirs)
        return
    for name in learned:
        first, other = (
            with_axes(with_own_axes(archive, name), (labels.STEP,)).sel({labels.STEP: 0}, drop=True)
            for archive in sides
        )
        yield from _difference(name, first, other, shared, " at the start")


def _of_laws(ours: Experiment, theirs: Experiment) -> Iterator[str]:
    """Compare what starts follow from, where the starts themselves are not recorded."""
    pairs = {
        "root_seed": (ours.root_seed, theirs.root_seed),
        "network.start": (ours.network.start, theirs.network.start),
        "network.biases": tuple(getattr(a.network, "biases", None) for a in (ours, theirs)),
        "initial": (ours.initial, theirs.initial),
    }
    for key, (left, right) in pairs.items():
        if left != right:
            yield f"starts differ: {key} is {left} in theory and {right} in simulation"


def _difference(
    name: str,
    ours: xr.DataArray,
    theirs: xr.DataArray,
    shared: Mapping[str, list],
    when: str = "",
) -> Iterator[str]:
    """Compare one variable, label by label."""
    ours, theirs = (_selected(values, shared) for values in (ours, theirs))
    for dim in theirs.dims:
        if dim in ours.dims and ours.sizes[dim] != theirs.sizes[dim]:
            yield (
                f"{name}{when} has {ours.sizes[dim]} entries along {dim!r} in theory and "
                f"{theirs.sizes[dim]} in simulation"
            )
            return
        if dim in ours.indexes and dim in theirs.indexes:
            ours = ours.sel({dim: theirs[dim].values})
    coarse = max(np.finfo(values.dtype).eps for values in (ours, theirs))
    ours, theirs = (values.astype(np.float64).reset_coords(drop=True) for values in (ours, theirs))
    # The largest of nothing but NaN is 0: NaN compares as neither more nor less.
    size = max(float(np.nanmax(abs(values.values), initial=0)) for values in (ours, theirs))
    apart = abs(ours - theirs).where(ours.isnull() == theirs.isnull(), np.inf)
    largest = float(apart.max()) if apart.notnull().any() else 0.0
    if np.isinf(largest):
        yield f"{name}{when} is NaN or infinite on one side only"
    elif largest > _TOLERANCE * coarse * size:
        yield f"{name}{when} differs by up to {largest:.3g}, of values up to {size:.3g}"


def _selected(values: xr.DataArray, shared: Mapping[str, list]) -> xr.DataArray:
    own = {dim: labels for dim, labels in shared.items() if dim in values.dims}
    return values.sel(own)
