"""Metrics of archives that are larger than memory, some steps at a time."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import xarray as xr

from fatheory import labels

_PORTION_BYTES = 2**25
"""Of an archive on disk, how much is read at a time; a metric makes a few copies of it."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result", xr.DataArray, xr.Dataset)
Metric = Callable[Concatenate[xr.Dataset, Parameters], Result]


def stepwise(metric: Metric[Parameters, Result]) -> Metric[Parameters, Result]:
    """Let a metric that treats every step by itself work through large archives in portions.

    An archive in memory is handed on as it is. Of one that is read when it is used
    (`fatheory.load` of more than 1 GiB), some steps at a time are.
    """

    @wraps(metric)
    def in_portions(
        archive: xr.Dataset, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        if all(variable._in_memory for variable in archive.variables.values()):
            return metric(archive, *args, **kwargs)
        parts = [metric(portion, *args, **kwargs) for portion in _portions(archive)]
        if len(parts) == 1:
            return parts[0]
        return xr.concat(
            parts,
            labels.STEP,
            coords="minimal",
            compat="override",
            combine_attrs="override",
            join="exact",
        )

    return in_portions


def _portions(archive: xr.Dataset) -> Iterator[xr.Dataset]:
    steps = archive.sizes.get(labels.STEP, 0)
    if not steps:
        yield archive
        return
    count = max(1, _PORTION_BYTES * steps // archive.nbytes)
    for first in range(0, steps, count):
        yield archive.isel({labels.STEP: slice(first, first + count)})
