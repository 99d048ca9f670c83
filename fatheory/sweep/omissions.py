"""What cells of a sweep have not kept, and why."""

import json
from collections.abc import Iterator

import xarray as xr

from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.cell import Cell
from fatheory.sweep.schema import sizes, variable_dims
from fatheory.sweep.selection import described


def omissions(stored: xr.Dataset) -> Iterator[tuple[str, str, str]]:
    """Say, cell by cell, what the archive of a sweep does not hold of a cell's run.

    Parameters
    ----------
    stored : Dataset
        The archive of a sweep, whole.

    Yields
    ------
    str, str, str
        The labels of a cell; the variables, or the quantity, that are missing; and why: sizes that
        other cells do not have, or what the method says.

    Raises
    ------
    ArchiveError
        If it is none of a sweep.
    """
    description = described(stored)
    coordinates = [axis.coordinate for _, axis in description.axes]
    missing = set(stored.attrs.get(sweep_labels.ATTR_LEFT_OUT, []))
    for cell in description.cells():
        points = zip(description.dims, coordinates, cell.place, strict=True)
        where = ", ".join(f"{dim}={labels[at]}" for dim, labels, at in points)
        yield from ((where, *told) for told in _without_room(cell, missing))
        if sweep_labels.ABSENT in stored:
            one = stored[sweep_labels.ABSENT].isel(
                dict(zip(description.dims, cell.place, strict=True))
            )
            text = str(one.item())
            yield from ((where, name, why) for name, why in json.loads(text or "{}").items())


def _without_room(cell: Cell, missing: set[str]) -> Iterator[tuple[str, str]]:
    if cell.experiment is None:
        return
    own = {name: dims for name, dims in variable_dims(cell.experiment).items() if name in missing}
    if own:
        of_cell = sizes(cell.experiment)
        dims = sorted({dim for found in own.values() for dim in found} - set(sweep_labels.SHARED))
        told = ", ".join(f"{dim} {of_cell[dim]}" for dim in dims)
        yield ", ".join(own), f"cells differ in sizes or layers; here {told}"
