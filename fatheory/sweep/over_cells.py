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
from fatheory.sweep.selection import (
    cell,
    described,
    of_one_source,
    place_of,
    points_of,
    require_sweep,
)

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)
# A name that no axis of somebody's has.
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
        returned, of whose sources the results get the axis. Of a selection along the axes its own
        cells are taken.

    Returns
    -------
    DataArray or Dataset
        The results with the sweep's axes in front; axes of which a selection has left one point
        without a dimension are labels alone. Where a cell failed or is still to come, and for
        labels that a cell does not have, there is NaN.

    Raises
    ------
    ArchiveError
        If the sweeps, or the selections of them, have other axes or points, or no cell is done in
        all of them.

    Examples
    --------
    >>> fa.sweep.over_cells(fa.metrics.angle, stored)  # doctest: +SKIP
    >>> fa.sweep.over_cells(fa.compare, theory, simulation)  # doctest: +SKIP
    """
    for stored in sweeps:
        require_sweep(stored)
    if len(sweeps) == 1 and labels.SOURCE in sweeps[0].dims:
        return _over_sources(function, sweeps[0])
    description = _of_one_sweep(sweeps)
    axes = _common_points(description, sweeps)
    cells = list(itertools.product(*axes.values()))
    found: dict[int, Labelled] = {}
    for i, own in enumerate(cells):
        points = dict(zip(axes, own, strict=True))
        if all(_is_done(stored, points) for stored in sweeps):
            found[i] = function(*(cell(stored, points) for stored in sweeps))
    if not found:
        raise ArchiveError("no cell is done in all of the sweeps; run them first")
    # Any cell that is done says what the others would have looked like.
    first = next(iter(found.values()))
    gap = _without_values(first)
    joined = _joined([found.get(i, gap) for i in range(len(cells))], _CELL)
    kept = [dim for dim in axes if any(dim in stored.dims for stored in sweeps)]
    return _folded(joined, description, axes, kept)


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
        If they answer other sweeps, two are of one source, or one is of several.
    """
    _of_one_sweep(sweeps)
    each = [of_one_source(stored, {}) for stored in sweeps]
    sources = [str(stored.attrs[labels.ATTR_SOURCE]) for stored in each]
    if len(set(sources)) < len(sources):
        raise ArchiveError(f"the sweeps must be of different sources; got {', '.join(sources)}")
    parts = [_with_absent(stored.drop_vars(labels.SOURCE, errors="ignore")) for stored in each]
    joined = _joined(parts, labels.SOURCE)
    joined = joined.assign_coords({labels.SOURCE: sources})
    # These differ by source. A cell has its own, by the label that the source left it.
    own = (labels.ATTR_SOURCE, labels.ATTR_PRECISION)
    joined.attrs = {name: value for name, value in joined.attrs.items() if name not in own}
    return joined.assign_attrs(
        joined_origin(
            (stored.attrs[labels.ATTR_DEVICE] for stored in sweeps),
            (stored.attrs[labels.ATTR_VERSIONS] for stored in sweeps),
        )
    )


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


def _common_points(
    description: SweepDescription, sweeps: tuple[xr.Dataset, ...]
) -> dict[str, np.ndarray]:
    """Return the labels along every axis that all of the sweeps, or selections, have.

    Raises
    ------
    ArchiveError
        If they have other ones, or one has several sources.
    """
    if any(labels.SOURCE in stored.dims for stored in sweeps):
        raise ArchiveError(
            "of several sweeps each is of one source; select it by label, as in "
            "joined.sel(source='simulation')"
        )
    axes = {dim: points_of(sweeps[0], dim) for dim in description.dims}
    for dim, first in axes.items():
        for stored in sweeps:
            own = points_of(stored, dim)
            if own.size != first.size:
                raise ArchiveError(
                    f"the sweeps have other points of {dim!r}, {first.size} and {own.size}; "
                    f"select the same of each"
                )
            for label in first:
                place_of(dim, own, label)
    return axes


def _is_done(stored: xr.Dataset, points: dict[str, object]) -> bool:
    status = stored[sweep_labels.STATUS]
    there = {
        dim: place_of(dim, stored[dim].values, label)
        for dim, label in points.items()
        if dim in status.dims
    }
    return int(status[there]) in (sweep_labels.DONE, sweep_labels.DIVERGED)


def _over_sources(function: Callable[..., Labelled], joined: xr.Dataset) -> Labelled:
    sources = [str(source) for source in joined[labels.SOURCE].values]
    parts = []
    for source in sources:
        parts.append(over_cells(function, joined.sel({labels.SOURCE: source})))
    return _joined(parts, labels.SOURCE).assign_coords({labels.SOURCE: sources})


def _without_values(first: Labelled) -> Labelled:
    """Make the gap that a cell leaves: its labels, and NaN also for its times."""
    gap = first.where(False)
    beside = [name for name in gap.coords if name not in gap.dims and name in _OF_RUNS]
    return gap.assign_coords({name: gap[name].where(False) for name in beside})


def _with_alike_coordinates(parts: list[Labelled]) -> list[Labelled]:
    """Give all parts what some have beside labels: NaN for times of a run; all else is left out.

    Cells whose learning rates decay, for one, have weighted steps, and others have none.
    """
    beside: dict[Hashable, xr.DataArray] = {}
    for part in parts:
        for name in set(part.coords) - set(part.dims):
            beside.setdefault(name, part.coords[name])
    for name, one in beside.items():
        lacking = [name not in part.coords for part in parts]
        if not any(lacking):
            continue
        if name in _OF_RUNS and all(set(one.dims) <= set(part.dims) for part in parts):
            parts = [_with_nan(part, name, one) for part in parts]
        else:
            parts = [part.drop_vars([name], errors="ignore") for part in parts]
    return parts


def _with_nan(part: Labelled, name: Hashable, one: xr.DataArray) -> Labelled:
    if name in part.coords:
        return part
    gap = np.full([part.sizes[dim] for dim in one.dims], np.nan)
    return part.assign_coords({name: (one.dims, gap, one.attrs)})


def _joined(parts: list[Labelled], dim: Hashable) -> Labelled:
    """Join along a new dimension by label; of times, which may differ, each part's own are kept."""
    parts = _with_alike_coordinates(parts)
    # What differs is named in `coords`; all else is the first part's, without another comparison.
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


def _folded(
    joined: Labelled, description: SweepDescription, axes: dict[str, np.ndarray], kept: list[str]
) -> Labelled:
    """Give the one dimension of all cells the form of the axes, and of the rest of them labels."""
    coords: dict[Hashable, object] = {}
    for name, axis in description.axes:
        places = [place_of(name, axis.coordinate, label) for label in axes[name]]
        for key, own in {name: axis.coordinate, **axis.beside}.items():
            coords[key] = (name, own[places]) if name in kept else own[places[0]]
    if not kept:
        return joined.isel({_CELL: 0}).assign_coords(coords)
    if len(kept) == 1:
        return joined.rename({_CELL: kept[0]}).assign_coords(coords)
    cells = itertools.product(*(range(len(axes[name])) for name in kept))
    # By number: unstacking sorts, and labels would come out in another order than the axis has.
    along = dict(zip(kept, zip(*cells, strict=True), strict=True))
    numbered = joined.assign_coords({name: (_CELL, list(at)) for name, at in along.items()})
    folded = numbered.set_index({_CELL: tuple(kept)}).unstack(_CELL).assign_coords(coords)
    return folded.transpose(*kept, ...)
