"""One archive of theory against one of simulation."""

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from fatheory import labels
from fatheory.archive import with_axes, with_own_axes
from fatheory.comparison.same_problem import require_same_problem
from fatheory.errors import ArchiveError

VARIABLE = "variable"
AXES = (labels.RULE, labels.SEED, labels.STEP)


def compare_pair(theory: xr.Dataset, simulation: xr.Dataset) -> xr.Dataset:
    """Compare one pair of archives; see `compare`."""
    for name, archive in (("theory", theory), ("simulation", simulation)):
        _require_runs(name, archive)
    # Units and samples are not among them: they carry no labels, and are held to equal sizes.
    shared = {
        dim: _shared(dim, theory, simulation)
        for dim in (labels.RULE, labels.SEED, labels.LAYER)
        if dim in theory.coords and dim in simulation.coords
    }
    names = [
        str(name)
        for name in simulation.data_vars
        if _is_along_steps(simulation, str(name)) and _is_along_steps(theory, str(name))
    ]
    if not names:
        raise ArchiveError("the archives share no variable along 'step'; record the same ones")
    require_same_problem(theory, simulation, shared)
    own, wanted = (_along_runs(a, labels.TIME, shared) for a in (theory, simulation))
    residuals, errors = {}, []
    for name in names:
        ours, theirs = (_along_runs(a, name, shared) for a in (theory, simulation))
        ours, theirs = _side_by_side(name, ours, theirs)
        # In double precision: what single precision rounds is as large as good agreement.
        residual = _at_times(ours, own, wanted) - theirs.astype(np.float64)
        residuals[f"residual_{name}"] = _described(residual, simulation, name, wanted)
        errors.append(_relative(residual, theirs.astype(np.float64)))
    relative = xr.concat(errors, xr.DataArray(names, dims=VARIABLE, name=VARIABLE))
    relative.attrs = {"units": "1", "long_name": "relative error of theory against simulation"}
    found = xr.Dataset({**residuals, "relative_error": relative}, attrs=origins(theory, simulation))
    return found.squeeze([dim for dim in AXES if dim not in simulation.dims])


def _require_runs(name: str, archive: xr.Dataset) -> None:
    """Refuse a dataset whose rules, seeds, steps or times are not known by label."""
    if labels.STATUS in archive.data_vars:
        raise ArchiveError(
            f"{name} is the archive of a sweep; compare cell by cell: "
            f"fatheory.sweep.over_cells(fatheory.compare, theory, simulation)"
        )
    missing = [dim for dim in (*AXES, labels.TIME) if dim not in archive.coords]
    if missing:
        raise ArchiveError(
            f"{name} is not a run archive: it has no {', '.join(missing)}; where a selection took "
            f"the label away, keep it, as archive.sel(rule='backprop') does"
        )
    for dim in AXES:
        if not archive[dim].size:
            raise ArchiveError(f"{name} holds no {dim}, so nothing of it can be compared")
    for dim in (*AXES, labels.LAYER):
        index = archive.indexes.get(dim)
        if index is not None and not index.is_unique:
            repeated = ", ".join(map(str, index[index.duplicated()].unique()[:5]))
            raise ArchiveError(f"{name} repeats labels along {dim!r}: {repeated}; keep one of each")


def _shared(dim: str, theory: xr.Dataset, simulation: xr.Dataset) -> list:
    """Return the labels that both have, in the order of simulation."""
    ours, theirs = (np.atleast_1d(a[dim].values).tolist() for a in (theory, simulation))
    shared = [value for value in theirs if value in ours]
    if not shared:
        raise ArchiveError(
            f"the archives share no {dim}: theory has {ours}, simulation {theirs}; compare by "
            f"the labels that the experiment gave"
        )
    return shared


def _is_along_steps(archive: xr.Dataset, name: str) -> bool:
    """Whether a variable belongs to steps, in an archive of a single one as well."""
    if name not in archive.data_vars:
        return False
    declared = labels.describe(name)
    return labels.STEP in (archive[name].dims if declared is None else declared.dims)


def _along_runs(archive: xr.Dataset, name: str, shared: Mapping[str, list]) -> xr.DataArray:
    """Return what is shared of a variable, the axes of runs first and steps in order."""
    axes = (labels.RULE, labels.STEP) if name == labels.TIME else AXES
    values = with_own_axes(archive, name)
    # Concatenation keeps one copy of a coordinate that is the same for all rules: times, often.
    common = {dim: archive[dim] for dim in axes if dim not in values.dims and dim in archive.dims}
    values = with_axes(values.expand_dims(common), axes).reset_coords(drop=True)
    values = values.sel({dim: own for dim, own in shared.items() if dim in values.dims})
    return values.sortby(labels.STEP).transpose(*axes, ...)


def _side_by_side(
    name: str, ours: xr.DataArray, theirs: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return theory's axes in simulation's order, and refuse those that differ in length."""
    axes = [dim for dim in theirs.dims if dim != labels.STEP]
    if {dim: ours.sizes.get(dim) for dim in (*axes, *ours.dims) if dim != labels.STEP} != {
        dim: theirs.sizes[dim] for dim in axes
    }:
        raise ArchiveError(
            f"{name} has the sizes {_sizes(ours)} in theory and {_sizes(theirs)} in "
            f"simulation; compare archives of the same network and probe"
        )
    # Units and samples have no labels, unless someone gave them some.
    for dim in axes:
        if dim in ours.indexes and dim in theirs.indexes:
            ours = ours.sel({dim: theirs[dim].values})
    return ours.transpose(*theirs.dims), theirs


def _sizes(values: xr.DataArray) -> dict[Hashable, int]:
    return dict(values.sizes)


def _at_times(values: xr.DataArray, own: xr.DataArray, wanted: xr.DataArray) -> xr.DataArray:
    """Return theory's variable at the simulation's times, rule by rule."""
    step = wanted[labels.STEP]
    # Times that agree to rounding are the same, and nothing is interpolated.
    if own.shape == wanted.shape and np.allclose(own.values, wanted.values, rtol=1e-12, atol=0):
        return values.assign_coords({labels.STEP: step})
    if own.sizes[labels.STEP] < 2:
        raise ArchiveError(
            f"theory at one time, {own.values[:, 0].tolist()}, cannot be interpolated"
        )
    # NaN is neither more nor less, so it is refused, too.
    if not (np.diff(own.values, axis=-1) > 0).all() or not np.isfinite(wanted.values).all():
        raise ArchiveError(
            f"theory must have times that increase with its steps, and simulation finite ones; "
            f"theory has {own.values[:, :5].tolist()}, simulation {wanted.values[:, :5].tolist()}"
        )
    axis = values.dims.index(labels.STEP) - 1
    rules = [
        _spline(own.values[i], values.values[i], wanted.values[i], axis)
        for i in range(own.sizes[labels.RULE])
    ]
    others = {key: c for key, c in values.coords.items() if labels.STEP not in c.dims}
    return xr.DataArray(np.stack(rules), {**others, labels.STEP: step}, values.dims)


def _spline(times: np.ndarray, values: np.ndarray, wanted: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate along time; where a series is not finite throughout, all of it is NaN."""
    finite = np.isfinite(values)
    lost = ~finite.all(axis=axis, keepdims=True)
    # SciPy refuses NaN; what stands in for it does not come out.
    spline = CubicSpline(times, np.where(finite, values, 0), axis=axis, extrapolate=False)
    return np.where(lost, np.nan, spline(wanted))


def _described(
    residual: xr.DataArray, simulation: xr.Dataset, name: str, times: xr.DataArray
) -> xr.DataArray:
    """Give a residual simulation's order of steps, times and names."""
    steps = np.atleast_1d(simulation[labels.STEP].values)
    residual = residual.assign_coords({labels.TIME: times.variable.copy()})
    residual = residual.sel({labels.STEP: steps})
    attrs = simulation[name].attrs
    residual[labels.STEP].attrs = simulation[labels.STEP].attrs
    residual[labels.TIME].attrs = simulation[labels.TIME].attrs
    residual.attrs = {
        "units": attrs.get("units", ""),
        "long_name": f"theory - simulation: {attrs.get('long_name', name)}",
    }
    return residual


def _relative(residual: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    over = [dim for dim in residual.dims if dim not in (labels.RULE, labels.SEED)]
    both = residual.notnull()
    # Of nothing but NaN the sum is NaN: the usual 0 would be perfect agreement.
    size = (observed.where(both) ** 2).sum(over, min_count=1)
    error = (residual**2).sum(over, min_count=1)
    # A ratio of sums, not a mean of ratios, which entries near zero would rule.
    relative: xr.DataArray = (error / size.where(size > 0)) ** 0.5
    return relative


def origins(theory: xr.Dataset, simulation: xr.Dataset) -> dict[str, str]:
    """Say which archives were compared."""
    found = {}
    for name, archive in (("theory", theory), ("simulation", simulation)):
        for key in (labels.ATTR_SOURCE, labels.ATTR_HASH, labels.ATTR_EXPERIMENT):
            if key in archive.attrs:
                found[f"{name}_{key}"] = str(archive.attrs[key])
    return found
