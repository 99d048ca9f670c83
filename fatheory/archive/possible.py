"""Values that no run can have: angles beyond 180 degrees, negative losses, infinite weights."""

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import SchemaError

_BY_UNITS = {labels.DEGREES: (0.0, 180.0), labels.PERCENT: (0.0, 100.0)}
_ROUNDING = 1e-6
"""Of the range, or of the largest value: losses near 0 are differences, angles single precision."""


def require_possible(ds: xr.Dataset) -> None:
    """Refuse a run archive that holds what its variables declare to be impossible.

    NaN is no value, and of runs that diverged anything is believed.

    Raises
    ------
    SchemaError
        With the value, where it stands, and what is allowed, for each such variable.
    """
    problems = [problem for name in ds.data_vars for problem in _problems(ds, str(name))]
    if problems:
        raise SchemaError(problems)


def _problems(ds: xr.Dataset, name: str) -> Iterator[str]:
    declared, values = labels.describe(name), ds[name]
    if declared is None or values.dtype.kind not in "iuf":
        return
    bounds = declared.possible
    if bounds == labels.ANY:
        bounds = _BY_UNITS.get(declared.units, labels.ANY)
    found = values.values
    if bounds != labels.ANY:
        room = _room(found, bounds)
        yield from _first(values, (found < bounds[0] - room) | (found > bounds[1] + room), bounds)
    lost = ds.get(labels.DIVERGED, xr.DataArray(False))
    infinite = np.isinf(found) if bounds == labels.ANY else np.isposinf(found)
    if infinite.any() and math.isinf(bounds[1]) and set(lost.dims) <= set(values.dims):
        told = lost.astype(bool).broadcast_like(values).transpose(*values.dims)
        yield from _first(values, infinite & ~told.values, bounds)


def _room(found: np.ndarray, bounds: labels.Range) -> float:
    """Return by how much rounding can miss the bounds."""
    span = bounds[1] - bounds[0]
    if math.isfinite(span):
        return _ROUNDING * span
    # Of positive values: where all are negative, that is no rounding of anything.
    return _ROUNDING * float(np.max(found, initial=0.0, where=np.isfinite(found)))


def _first(values: xr.DataArray, wrong: np.ndarray, bounds: labels.Range) -> Iterator[str]:
    if not wrong.any():
        return
    lowest, highest = bounds
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = ", ".join(
        f"{dim} {values[dim].values[i]}" if dim in values.coords else f"{dim} {i}"
        for dim, i in zip(values.dims, at, strict=True)
    )
    allowed = f"between {lowest:g} and {highest:g}"
    if math.isinf(highest):
        allowed = "finite" if math.isinf(lowest) else f"finite, {lowest:g} or larger"
    many = int(wrong.sum())
    more = f" ({many} such values)" if many > 1 else ""
    yield f"{values.name} must be {allowed}; at {where} it is {float(values.values[at])}{more}"
