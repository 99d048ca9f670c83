"""How much disk the archive of a sweep will take, told before it starts."""

import math
import os
from collections import Counter

from fatheory.sweep.grid import Grid
from fatheory.sweep.schema import sizes, variable_dims
from fatheory.train.disk import COMPRESSED, require_room


def estimate_disk(grid: Grid) -> dict[str, int]:
    """Estimate the bytes that the archive of a sweep takes, by part.

    Every cell is counted by its own sizes: what others have room for beyond them is nothing but
    fill values, which take none.
    """
    held = dict.fromkeys(("record",), 0)
    often = Counter(cell.content_hash for cell in grid.cells if cell.experiment)
    # Equal cells have equal sizes, which take time to work out, but each stores its own copy.
    once = {cell.content_hash: cell.experiment for cell in grid.cells if cell.experiment}
    for content_hash, experiment in once.items():
        extent = sizes(experiment)
        for name, dims in variable_dims(experiment).items():
            if name in grid.templates:
                item = grid.templates[name].dtype.itemsize
                held["record"] += often[content_hash] * item * math.prod(extent[d] for d in dims)
    return {part: int(COMPRESSED * size) for part, size in held.items()}


def require_disk(grid: Grid, path: str | os.PathLike[str]) -> None:
    """Refuse a sweep whose archive will not fit where it is to go; see `estimate_disk`.

    What stands there already is taken for what is left of it.

    Warns
    -----
    DiskEstimateWarning
        If it takes more than half of what is free.

    Raises
    ------
    DiskEstimateError
        With the estimate, what there is, and what to reduce.
    """
    require_room(estimate_disk(grid), path)
