"""Whether two archives answer one question: the same target, probe, feedback and start."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive.axes import with_axes, with_own_axes
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment, ImageTask

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
    """Refuse archives whose target, probe, feedback or start differ.

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
    differences = [*_of_arrays(theory, simulation, shared), *_of_starts(theory, simulation, shared)]
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


def _of_starts(
    theory: xr.Dataset, simulation: xr.Dataset, shared: Mapping[str, list]
) -> Iterator[str]:
    sides = (theory, simulation)
    if any(labels.ATTR_EXPERIMENT not in archive.attrs for archive in sides):
        return
    asked = [Experiment.from_json(archive.attrs[labels.ATTR_EXPERIMENT]) for archive in sides]
    yield from _of_images(*asked)
    learned = [
        str(name) for name in simulation.data_vars if _LEARNED.match(str(name)) and name in theory
    ]
    starts = [0 in np.atleast_1d(archive[labels.STEP].values) for archive in sides]
    if not (learned and all(starts)):
        yield from _of_laws(*asked)
        return
    for name in learned:
        ours, theirs = (
            with_axes(with_own_axes(archive, name), (labels.STEP,)).sel({labels.STEP: 0}, drop=True)
            for archive in sides
        )
        yield from _difference(name, ours, theirs, shared, " at the start")


def _of_images(ours: Experiment, theirs: Experiment) -> Iterator[str]:
    """Compare image tasks by their descriptions: archives do not hold the images."""
    if any(isinstance(asked.task, ImageTask) for asked in (ours, theirs)) and (
        ours.task != theirs.task
    ):
        yield f"the tasks differ: {ours.task} in theory, {theirs.task} in simulation"


def _of_laws(ours: Experiment, theirs: Experiment) -> Iterator[str]:
    """Compare what starts follow from, where the starts themselves are not recorded."""
    pairs = {
        "root_seed": (ours.root_seed, theirs.root_seed),
        "network.start": (ours.network.start, theirs.network.start),
        "network.biases": (ours.network.biases, theirs.network.biases),
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
    size = max(float(abs(values).max()) for values in (ours, theirs))
    apart = abs(ours - theirs).where(ours.isnull() == theirs.isnull(), np.inf)
    largest = float(apart.max()) if apart.notnull().any() else 0.0
    if largest > _TOLERANCE * coarse * size:
        yield f"{name}{when} differs by up to {largest:.3g}, of values up to {size:.3g}"


def _selected(values: xr.DataArray, shared: Mapping[str, list]) -> xr.DataArray:
    own = {dim: labels for dim, labels in shared.items() if dim in values.dims}
    return values.sel(own)
