"""Archives that are larger than memory, some steps at a time."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import xarray as xr

from fatheory import labels

CHUNK_BYTES = 2**25
"""Of an archive on disk, how much is read at a time; a metric makes a few copies of it."""

Result = TypeVar("Result", xr.DataArray, xr.Dataset)


def in_chunks(archive: xr.Dataset, compute: Callable[[xr.Dataset], Result]) -> Result:
    """Compute of an archive what treats every step by itself.

    An archive in memory is handed on as it is. Of one that is read when it is used, some steps at
    a time are, and the results are put together.
    """
    # The one way to ask without reading, though xarray calls it its own.
    if all(variable._in_memory for variable in archive.variables.values()):
        return compute(archive)
    parts = [compute(chunk) for chunk in _chunks(archive)]
    if len(parts) == 1:
        return parts[0]
    return xr.concat(
        parts,
        labels.STEP,
        coords="minimal",
        compat="override",
        combine_attrs="override",
        # Chunks are parts of one archive: where labels differ, something went wrong in between.
        join="exact",
    )


def _chunks(archive: xr.Dataset) -> Iterator[xr.Dataset]:
    steps = archive.sizes.get(labels.STEP, 0)
    if not steps:
        yield archive
        return
    # At least one step, however large.
    count = max(1, CHUNK_BYTES * steps // archive.nbytes)
    for first in range(0, steps, count):
        yield archive.isel({labels.STEP: slice(first, first + count)})
