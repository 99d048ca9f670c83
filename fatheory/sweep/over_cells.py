"""What is computed from single runs, computed of every cell of sweeps."""

import itertools
from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import joined_origin
from fatheory.errors import ArchiveError
from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.description import SweepDescription
from fatheory.sweep.selection import cell, described

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)
_CELL = "fatheory_cell"
_OF_RUNS = (labels.TIME, labels.LEARNING_RATE, labels.WEIGHTED_STEP)


def over_cells(function: Callable[..., Labelled], *sweeps: xr.Dataset) -> Labelled:
    """Apply a metric, `fatheory.compare`, or a function of yours to every cell of sweeps.

    Parameters
    ----------
    function : callable
        Of as many run archives as there are sweeps, such as `fatheory.metrics.angle` of one, or
        `fatheory.compare` of one of theory and one of simulation; it returns labelled values.
    *sweeps : Dataset
        Archives of one sweep, by different sources, or of one source; or one that `side_by_side`
        returned, of whose sources the results get the axis.

    Returns
    -------
    DataArray or Dataset
        The results with the sweep's axes in front. Where a cell failed or is still to come, and
        for labels that a cell does not have, there is NaN.

    Raises
    ------
    ArchiveError
        If the sweeps have other axes, or no cell is done in all of them.

    Examples
    --------
    >>> fa.sweep.over_cells(fa.metrics.angle, stored)  # doctest: +SKIP
    >>> fa.sweep.over_cells(fa.compare, theory, simulation)  # doctest: +SKIP
    """
    if len(sweeps) == 1 and labels.SOURCE in sweeps[0].dims:
        return _over_sources(function, sweeps[0])
    asked = _of_one_sweep(sweeps)
    places = list(itertools.product(*map(range, asked.shape)))
    coordinates = {name: axis.coordinate for name, axis in asked.axes}
    found: dict[int, Labelled] = {}
    for i, place in enumerate(places):
        points = {name: coordinates[name][at] for name, at in zip(asked.dims, place, strict=True)}
        if all(_is_done(stored, points) for stored in sweeps):
            found[i] = function(*(cell(stored, points) for stored in sweeps))
    if not found:
        raise ArchiveError("no cell is done in all of the sweeps; run them first")
    first = next(iter(found.values()))
    gap = _without_values(first)
    parts = [_bare(found.get(i, gap), first) for i in range(len(places))]
    return _folded(_joined(parts, _CELL), asked)


def side_by_side(*sweeps: xr.Dataset) -> xr.Dataset:
    """Put archives of one sweep by different sources together, along ``source``.

    Parameters
    ----------
    *sweeps : Dataset
        Such as one of simulation and one of theory.

    Returns
    -------
    Dataset
        Their variables with the dimension ``source`` in front, labelled by ``"simulation"`` and
        ``"theory/<method>"``; NaN where one of them has no such variable or label.

    Raises
    ------
    ArchiveError
        If they answer other sweeps, or two are of one source.
    """
    _of_one_sweep(sweeps)
    sources = [str(stored.attrs[labels.ATTR_SOURCE]) for stored in sweeps]
    if len(set(sources)) < len(sources):
        raise ArchiveError(f"the sweeps must be of different sources; got {', '.join(sources)}")
    joined = _joined([_with_absent(stored) for stored in sweeps], labels.SOURCE)
    joined = joined.assign_coords({labels.SOURCE: sources})
    kept = dict(sweeps[0].attrs)
    del kept[labels.ATTR_SOURCE]
    kept |= joined_origin(
        (stored.attrs[labels.ATTR_DEVICE] for stored in sweeps),
        (stored.attrs[labels.ATTR_VERSIONS] for stored in sweeps),
    )
    return joined.assign_attrs(kept)


def _with_absent(stored: xr.Dataset) -> xr.Dataset:
    """Say of simulation, too, that it gave all; texts have no NaN."""
    if sweep_labels.ABSENT in stored:
        return stored
    nothing = xr.Variable(
        stored[sweep_labels.STATUS].dims, np.full(stored[sweep_labels.STATUS].shape, "")
    )
    return stored.assign({sweep_labels.ABSENT: nothing})


def _of_one_sweep(sweeps: tuple[xr.Dataset, ...]) -> SweepDescription:
    if not sweeps:
        raise ArchiveError("pass the archive of a sweep at least")
    first, *others = (described(stored) for stored in sweeps)
    for other in others:
        if other != first:
            raise ArchiveError(
                f"the sweeps are of different descriptions ({first.content_hash} and "
                f"{other.content_hash}); carry out one of them by both sources"
            )
    return first


def _is_done(stored: xr.Dataset, points: dict[str, object]) -> bool:
    there = {dim: label for dim, label in points.items() if dim in stored.dims}
    status = int(stored[sweep_labels.STATUS].sel(there))
    return status in (sweep_labels.DONE, sweep_labels.DIVERGED)


def _over_sources(function: Callable[..., Labelled], joined: xr.Dataset) -> Labelled:
    sources = [str(source) for source in joined[labels.SOURCE].values]
    parts = []
    for source in sources:
        one = joined.sel({labels.SOURCE: source}).drop_vars(labels.SOURCE)
        parts.append(over_cells(function, one.assign_attrs({labels.ATTR_SOURCE: source})))
    return _joined(parts, labels.SOURCE).assign_coords({labels.SOURCE: sources})


def _without_values(first: Labelled) -> Labelled:
    """Make the gap that a cell leaves: its labels, and NaN also for its times."""
    gap = first.where(False)
    beside = [name for name in gap.coords if name not in gap.dims and name in _OF_RUNS]
    return gap.assign_coords({name: gap[name].where(False) for name in beside})


def _bare(part: Labelled, first: Labelled) -> Labelled:
    """Leave out coordinates that not all cells have, such as weighted steps."""
    return part.drop_vars([name for name in part.coords if name not in first.coords])


def _joined(parts: list[Labelled], dim: Hashable) -> Labelled:
    """Join along a new dimension by label; of times, which may differ, each part's own are kept."""
    return xr.concat(
        parts,
        dim,
        data_vars="all",
        coords=_beside(parts),
        compat="override",
        join="outer",
        combine_attrs="override",
    )


def _beside(parts: list[Labelled]) -> list[Hashable]:
    """Name the coordinates that are no labels and not the same in all parts."""
    return [
        name
        for name, first in parts[0].coords.items()
        if name not in parts[0].dims
        and not all(name in part.coords and part.coords[name].equals(first) for part in parts)
    ]


def _folded(joined: Labelled, asked: SweepDescription) -> Labelled:
    """Give the one dimension of all cells the form of the axes."""
    beside = {key: (name, own) for name, axis in asked.axes for key, own in axis.beside.items()}
    if len(asked.axes) == 1:
        name, axis = asked.axes[0]
        return joined.rename({_CELL: name}).assign_coords({name: axis.coordinate} | beside)
    places = list(itertools.product(*map(range, asked.shape)))
    along = {name: (_CELL, [place[i] for place in places]) for i, name in enumerate(asked.dims)}
    folded = joined.assign_coords(along).set_index({_CELL: asked.dims}).unstack(_CELL)
    axes = {name: axis.coordinate for name, axis in asked.axes}
    folded = folded.assign_coords(axes | beside)
    return folded.transpose(*asked.dims, ...)
