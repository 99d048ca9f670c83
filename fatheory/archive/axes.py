"""Axes of variables by name, whatever selection and concatenation have done to them."""

import re
from collections.abc import Iterable

import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError

_INNER = re.compile(
    r"^(layer|sample|receptive_unit|traced_unit|time_step"
    r"|(unit|channel|feature|kernel_row|kernel_column)_\d+(_twin)?)$"
)
_UNIT = re.compile(r"^unit_(\d+)$")


def is_inner(dim: str) -> bool:
    """Whether an axis lies within a run, as units, samples and layers do."""
    return _INNER.match(dim) is not None


def with_axes(values: xr.DataArray, dims: Iterable[str]) -> xr.DataArray:
    """Give values the axes back that the selection of a single label took away."""
    for dim in dims:
        if dim not in values.dims:
            values = values.expand_dims(dim)
    return values


def with_own_axes(archive: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable without axes within runs that it does not have in archives.

    Raises
    ------
    ArchiveError
        If it varies along one of them.
    """
    values, declared = archive[name], labels.describe(name)
    if declared is None:
        return values
    units = [int(match[1]) for dim in archive.dims if (match := _UNIT.match(str(dim)))]
    own = labels.output_dims(declared.dims, max(units, default=0))
    for dim in [str(dim) for dim in values.dims]:
        if is_inner(dim) and dim not in own:
            values = without_axis(values, dim)
    return values


def without_axis(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Take an axis away along which nothing varies, as concatenation adds it to all variables.

    Raises
    ------
    ArchiveError
        If something varies along it.
    """
    first = values.isel({dim: 0}, drop=True)
    same = (values == first) | (values.isnull() & first.isnull())
    if not same.all():
        raise ArchiveError(
            f"{values.name!r} varies along {dim!r}, which it has in no archive of a run; select "
            f"one entry there first"
        )
    return first
