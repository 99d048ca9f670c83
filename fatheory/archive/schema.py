"""What an archive must hold, what it cannot, and what earlier versions wrote otherwise."""

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive.assembly import largest_unit_axis
from fatheory.errors import SchemaError, suggestion

_KINDS = {
    "integer": ("iu", "integers"),
    "string": ("UTO", "strings"),
    "boolean": ("b", "booleans"),
    "real": ("f", "real numbers"),
}
_RUN = {labels.RULE, labels.SEED}
_TEXTS = (
    labels.ATTR_SOURCE,
    labels.ATTR_EXPERIMENT,
    labels.ATTR_HASH,
    labels.ATTR_VERSIONS,
    labels.ATTR_DEVICE,
    labels.ATTR_PRECISION,
    labels.ATTR_CREATED,
)

_BY_UNITS = {labels.DEGREES: (0.0, 180.0), labels.PERCENT: (0.0, 100.0)}
_ROUNDING = 1e-6
"""Of the range, or of the largest value: losses near 0 are differences, angles single precision."""


def validate(ds: xr.Dataset) -> None:
    """Check that `ds` is a run archive that this version of fatheory reads.

    Checked are the schema version; presence and form of the attributes; presence, name,
    dimensions, kind of values and units of every variable; that ``step`` strictly increases,
    that ``time`` is learning rate x step, or weighted step, to rounding, and that no rule, seed
    or layer occurs twice.

    Raises
    ------
    SchemaError
        If anything is wrong. It lists everything found; of another schema version it says only
        that, since names may mean other things there.
    """
    require_version(ds)
    problems, foreign = [*_attr_problems(ds), *_presence_problems(ds)], list(_of_packages(ds))
    # What a package that is missing declares is like no name that is known here.
    known = () if foreign else labels.known_names()
    for name in ds.variables:
        problems += _variable_problems(ds, str(name), known)
    problems += _coordinate_problems(ds)
    if problems:
        raise SchemaError([*foreign, *problems])


def require_possible(ds: xr.Dataset) -> None:
    """Refuse a run archive that holds what its variables declare to be impossible.

    Such are angles beyond 180 degrees, negative losses, infinite weights. NaN is no value, and of
    runs that diverged anything is believed.

    Raises
    ------
    SchemaError
        With the value, where it stands, and what is allowed, for each such variable.
    """
    problems = [problem for name in ds.data_vars for problem in _impossible(ds, str(name))]
    if problems:
        raise SchemaError(problems)


def with_gaps(sweep: xr.Dataset) -> xr.Dataset:
    """Say NaN of the runs that a sweep does not have.

    Integers and booleans have no NaN, and earlier versions wrote False, and -1 or 0, for cells
    that failed or were still to come, and for rules and seeds that a cell lacks: as if those runs
    had not diverged. This version writes such variables as float64, with NaN there.

    Parameters
    ----------
    sweep : Dataset
        The archive of a sweep, of any version.

    Returns
    -------
    Dataset
        The same one where there is nothing to mend.
    """
    needed = (labels.STATUS, labels.LOSS, labels.DIVERGED)
    if not all(name in sweep for name in needed) or sweep[labels.DIVERGED].dtype.kind == "f":
        return sweep
    # A run that has not diverged has finite losses; a run that there is not has neither.
    there = sweep[labels.LOSS].notnull().any(labels.STEP) | sweep[labels.DIVERGED].astype(bool)
    return sweep.assign(
        {
            name: values.where(there).astype("float64").assign_attrs(values.attrs)
            for name, values in sweep.data_vars.items()
            if values.dtype.kind in "iub" and set(map(str, values.dims)) >= _RUN
        }
    )


def _of_packages(ds: xr.Dataset) -> Iterator[str]:
    """Name the packages whose parts wrote an archive, for they may be what is missing."""
    try:
        packages = json.loads(ds.attrs[labels.ATTR_EXPERIMENT]).get("packages", {})
        for group, parts in packages.items():
            for name, package in parts.items():
                yield f"it was written with {name!r} ({group}) of {package}; is that installed?"
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return  # what is wrong with the description is told elsewhere


def require_version(ds: xr.Dataset) -> None:
    """Refuse a run archive whose names may mean other things than here.

    Raises
    ------
    SchemaError
        If its schema version is another one, or none.
    """
    found = ds.attrs.get(labels.ATTR_SCHEMA)
    if isinstance(found, bool) or not isinstance(found, int | np.integer):
        raise SchemaError([f"attribute {labels.ATTR_SCHEMA} must be an integer; found {found!r}"])
    if found != labels.SCHEMA_VERSION:
        raise SchemaError([_other_version(int(found), ds)])


def _other_version(found: int, ds: xr.Dataset) -> str:
    advice = (
        "update fatheory"
        if found > labels.SCHEMA_VERSION
        else f"read it with the fatheory that wrote it (versions: "
        f"{ds.attrs.get(labels.ATTR_VERSIONS, 'not stated')}) or run its experiment again"
    )
    return (
        f"its schema version is {found}; this version of fatheory reads version "
        f"{labels.SCHEMA_VERSION}; {advice}"
    )


def _attr_problems(ds: xr.Dataset) -> Iterator[str]:
    missing = [name for name in labels.REQUIRED_ATTRS if name not in ds.attrs]
    if missing:
        yield f"missing attributes: {', '.join(missing)}"
    present = {name: ds.attrs[name] for name in _TEXTS if name in ds.attrs}
    for name, value in present.items():
        wrong = _text_problem(name, value)
        if wrong:
            yield f"attribute {name} must be {wrong}; found {value!r:.80}"
    wall_time = ds.attrs.get(labels.ATTR_WALL_TIME, 0.0)
    if not isinstance(wall_time, float) or not math.isfinite(wall_time) or wall_time < 0:
        yield (
            f"attribute {labels.ATTR_WALL_TIME} must be a number of seconds, 0 or more, as a "
            f"float; found {wall_time!r}"
        )


def _text_problem(name: str, value: object) -> str:
    """Say what the attribute `name` should have been, or nothing where it is fit."""
    if not isinstance(value, str) or not value:
        return "a non-empty string"
    from_here = value == "simulation" or value.startswith(("theory/", labels.FOREIGN))
    if name == labels.ATTR_SOURCE and not from_here:
        return f"'simulation', 'theory/<method>' or '{labels.FOREIGN}: <program>'"
    if name == labels.ATTR_PRECISION and value not in ("float32", "float64"):
        return "'float32' or 'float64'"
    if name in (labels.ATTR_EXPERIMENT, labels.ATTR_VERSIONS) and not _is_json_object(value):
        return "a JSON object"
    if name == labels.ATTR_CREATED and not _is_moment(value):
        return "an ISO 8601 date and time with its offset from UTC"
    return ""


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):  # the latter from a few bytes of brackets
        return False


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _presence_problems(ds: xr.Dataset) -> Iterator[str]:
    missing = [name for name in labels.REQUIRED_VARIABLES if name not in ds.variables]
    if missing:
        yield f"missing variables: {', '.join(missing)}"
    for name in labels.COORDINATES:
        if name in ds.data_vars:
            yield f"{name} must be a coordinate; it is a data variable"


def _variable_problems(ds: xr.Dataset, name: str, known: Iterable[str]) -> Iterator[str]:
    declared = labels.describe(name)
    if declared is None:
        yield f"unknown variable {name!r}{suggestion(name, known) if known else ''}"
        return
    variable = ds.variables[name]
    dims = labels.output_dims(declared.dims, _last_layer(ds))
    if variable.dims != dims:
        yield (
            f"{name} must have the dimensions ({', '.join(dims)}); "
            f"found ({', '.join(map(str, variable.dims))})"
        )
    kinds, wanted = _KINDS[declared.kind]
    if variable.dtype.kind not in kinds:
        yield f"{name} must hold {wanted}; found dtype {variable.dtype}"
    units = variable.attrs.get("units")
    if units != declared.units:
        yield f"{name} must have the units {declared.units!r}; found {units!r}"


def _last_layer(ds: xr.Dataset) -> int:
    seen, layers = largest_unit_axis(ds), ds.variables.get(labels.LAYER)
    # An archive need not hold anything of its output units, but it counts its layers.
    if layers is not None and layers.ndim == 1 and layers.dtype.kind in "iu":
        return max([seen, *map(int, layers.values)])
    return seen


def _coordinate_problems(ds: xr.Dataset) -> Iterator[str]:
    """Find labels that repeat, steps that do not increase, and times that are not eta step."""
    for name in (labels.RULE, labels.SEED, labels.LAYER):
        if name in ds.variables and ds.variables[name].ndim == 1:
            # As texts: labels of rules are, and numbers differ as texts if they differ.
            values, counts = np.unique(ds.variables[name].values.astype(str), return_counts=True)
            if (counts > 1).any():
                yield f"{name} labels must differ; repeated: {', '.join(values[counts > 1])}"
    step = ds.variables.get(labels.STEP)
    if step is None or step.ndim != 1 or step.dtype.kind not in "iu":
        return
    if step.size and (int(step.values[0]) < 0 or (np.diff(step.values) <= 0).any()):
        yield f"step must start at 0 or later and strictly increase; found {step.values!r:.120}"
    yield from _time_problems(ds, step.values)


def _time_problems(ds: xr.Dataset, step: np.ndarray) -> Iterator[str]:
    weighted = ds.variables.get(labels.WEIGHTED_STEP)
    if weighted is not None and weighted.shape == step.shape and weighted.dtype.kind == "f":
        step = weighted.values
    time, rate = ds.variables.get(labels.TIME), ds.variables.get(labels.LEARNING_RATE)
    if time is None or rate is None or time.dtype.kind != "f" or rate.dtype.kind != "f":
        return
    if (time.ndim, rate.ndim) != (2, 1) or time.shape != (rate.size, step.size):
        return  # reported as wrong dimensions
    expected = rate.values[:, None].astype(np.float64) * step
    # Some units in the last place: of the rate, of the product, and of storing it.
    tolerance = 4 * max(np.finfo(time.dtype).eps, np.finfo(rate.dtype).eps)
    wrong = ~np.isclose(time.values, expected, rtol=float(tolerance), atol=0.0)
    if wrong.any():
        r, s = (int(i) for i in np.argwhere(wrong)[0])
        yield (
            f"time must be learning_rate x step; at rule {r}, step {step[s]} it is "
            f"{float(time.values[r, s])} where {float(expected[r, s])} was expected"
        )


def _impossible(ds: xr.Dataset, name: str) -> Iterator[str]:
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
