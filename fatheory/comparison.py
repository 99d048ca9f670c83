"""Theory against simulation, from their archives alone."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from fatheory import labels
from fatheory.errors import ArchiveError

VARIABLE = "variable"
RUN = "run"
AXES = (labels.RULE, labels.SEED, labels.STEP)


def compare(
    theory: xr.Dataset | Sequence[xr.Dataset], simulation: xr.Dataset | Sequence[xr.Dataset]
) -> xr.Dataset:
    """Set theory against simulation on the simulation's time axis.

    It reads the two archives and never looks at how either was made. Rules and seeds that both
    have are compared. Where the recorded times differ, theory is interpolated by cubic splines to
    the simulation's times, and is NaN outside its own.

    Parameters
    ----------
    theory, simulation : Dataset or sequence of Dataset
        Run archives. Sequences of equal length hold the same experiment at several learning
        rates, from which the rate of convergence is fitted.

    Returns
    -------
    Dataset
        For one pair: ``residual_<variable>`` (theory minus simulation, dimensions of the variable)
        for every variable along ``step`` that both have, and ``relative_error (variable, rule,
        seed)``, the root of the summed squared residual over the summed squared simulation, over
        steps and all other axes, entries that are NaN on either side left out.

        For sequences: ``relative_error (run, variable, rule, seed)`` with the coordinate
        ``learning_rate (run, rule)``, and ``rate (variable, rule)``: the slope of log mean
        relative error over seeds against log learning rate, with ``rate_stderr``. A rate of 1
        says that simulation approaches theory in proportion to the learning rate.

    Raises
    ------
    ArchiveError
        If one is not a run archive, the archives share no rule, seed or variable, a variable has
        another shape, theory has a single time that is not simulation's, or the sequences do not
        pair up or hold one learning rate only.
    """
    if isinstance(theory, xr.Dataset) and isinstance(simulation, xr.Dataset):
        return _compare_pair(theory, simulation)
    if isinstance(theory, xr.Dataset) or isinstance(simulation, xr.Dataset):
        raise ArchiveError("compare takes two archives or two sequences of archives, not one each")
    if len(theory) != len(simulation) or len(theory) < 2:
        raise ArchiveError(
            f"a rate needs sequences of equal length, two at least; got {len(theory)} archives "
            f"of theory and {len(simulation)} of simulation"
        )
    return _compare_series(theory, simulation)


def _compare_pair(theory: xr.Dataset, simulation: xr.Dataset) -> xr.Dataset:
    for name, archive in (("theory", theory), ("simulation", simulation)):
        missing = [dim for dim in AXES if dim not in archive.dims]
        missing += [labels.TIME] if labels.TIME not in archive.coords else []
        if missing:
            raise ArchiveError(
                f"{name} is not a run archive: it has no {', '.join(missing)}; where a selection "
                f"took it away, select with a list, as in archive.sel(rule=['backprop'])"
            )
    shared = {
        dim: _shared(dim, theory[dim].values, simulation[dim].values)
        for dim in (labels.RULE, labels.SEED)
    }
    theory, simulation = theory.sel(shared), simulation.sel(shared)
    names = [
        str(name)
        for name, values in simulation.data_vars.items()
        if labels.STEP in values.dims and name in theory and theory[name].dims == values.dims
    ]
    if not names:
        raise ArchiveError("the archives share no variable along 'step'; record the same ones")
    residuals, errors = {}, []
    for name in names:
        _match_sizes(name, theory[name], simulation[name])
        observed = simulation[name].astype(np.float64)
        residual = _at_times(theory, name, simulation[labels.TIME]) - observed
        residual.attrs = {
            "units": observed.attrs.get("units", ""),
            "long_name": f"theory - simulation: {observed.attrs.get('long_name', name)}",
        }
        residuals[f"residual_{name}"] = residual
        errors.append(_relative(residual, observed))
    relative = xr.concat(errors, xr.DataArray(names, dims=VARIABLE, name=VARIABLE))
    relative.attrs = {"units": "1", "long_name": "relative error of theory against simulation"}
    return xr.Dataset({**residuals, "relative_error": relative}, attrs=_origins(theory, simulation))


def _compare_series(theory: Sequence[xr.Dataset], simulation: Sequence[xr.Dataset]) -> xr.Dataset:
    pairs = [_compare_pair(*pair) for pair in zip(theory, simulation, strict=True)]
    error = xr.concat([pair["relative_error"] for pair in pairs], RUN, join="inner")
    if 0 in error.shape:
        raise ArchiveError("the runs share no rule, seed or variable; a rate follows one of each")
    rates = [archive[labels.LEARNING_RATE] for archive in simulation]
    error = error.drop_vars([labels.LEARNING_RATE], errors="ignore")
    rate = xr.concat(rates, RUN, join="inner", coords="minimal", compat="override")
    rate = rate.sel({labels.RULE: error[labels.RULE]})
    if not (rate.max(RUN) > rate.min(RUN)).all():
        raise ArchiveError(
            f"a rate needs different learning rates; the archives of simulation have "
            f"{rate.transpose(labels.RULE, RUN).values.tolist()} for the rules "
            f"{error[labels.RULE].values.tolist()}"
        )
    slope, stderr = xr.apply_ufunc(
        _slope,
        np.log(rate.drop_vars(labels.LEARNING_RATE, errors="ignore")),
        error.mean(labels.SEED),
        input_core_dims=[[RUN], [RUN]],
        output_core_dims=[[], []],
        vectorize=True,
    )
    slope.attrs = {"units": "1", "long_name": "slope of log error against log learning rate"}
    stderr.attrs = {"units": "1", "long_name": "standard error of the rate"}
    return xr.Dataset(
        {
            "relative_error": error,
            "rate": slope.transpose(VARIABLE, labels.RULE),
            "rate_stderr": stderr.transpose(VARIABLE, labels.RULE),
        },
        coords={
            labels.LEARNING_RATE: ((RUN, labels.RULE), rate.transpose(RUN, labels.RULE).values)
        },
        attrs=_origins(theory[0], simulation[0]),
    )


def _shared(dim: str, ours: np.ndarray, theirs: np.ndarray) -> list:
    shared = [value for value in theirs.tolist() if value in ours.tolist()]
    if not shared:
        raise ArchiveError(
            f"the archives share no {dim}: theory has {ours.tolist()}, simulation {theirs.tolist()}"
        )
    return shared


def _match_sizes(name: str, ours: xr.DataArray, theirs: xr.DataArray) -> None:
    """Refuse a variable whose axes other than steps differ in length, as of another network."""
    axes = [dim for dim in theirs.dims if dim != labels.STEP]
    if [ours.sizes[dim] for dim in axes] != [theirs.sizes[dim] for dim in axes]:
        raise ArchiveError(
            f"{name} has the sizes {dict(ours.sizes)} in theory and {dict(theirs.sizes)} in "
            f"simulation; compare archives of the same network and probe"
        )


def _at_times(theory: xr.Dataset, name: str, wanted: xr.DataArray) -> xr.DataArray:
    """Return theory's variable at the simulation's times, rule by rule."""
    values = theory[name]
    own = theory[labels.TIME].values
    if own.shape == wanted.shape and np.allclose(own, wanted.values, rtol=1e-12, atol=0):
        return values.assign_coords({labels.STEP: wanted[labels.STEP]}).drop_vars(labels.TIME)
    if own.shape[1] < 2:
        raise ArchiveError(f"theory at one time, {own[:, 0].tolist()}, cannot be interpolated")
    axis = values.dims.index(labels.STEP) - 1
    rules = [
        _spline(times, values.isel({labels.RULE: i}).values, wanted.values[i], axis)
        for i, times in enumerate(own)
    ]
    others = {key: c for key, c in values.coords.items() if labels.STEP not in c.dims}
    return xr.DataArray(np.stack(rules), {**others, labels.STEP: wanted[labels.STEP]}, values.dims)


def _spline(times: np.ndarray, values: np.ndarray, wanted: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate along time; where any value of a series is NaN, all of that series is."""
    lost = np.isnan(values).any(axis=axis, keepdims=True)
    spline = CubicSpline(times, np.nan_to_num(values), axis=axis, extrapolate=False)
    return np.where(lost, np.nan, spline(wanted))


def _relative(residual: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    over = [dim for dim in residual.dims if dim not in (labels.RULE, labels.SEED)]
    both = residual.notnull()
    size = (observed.where(both) ** 2).sum(over, min_count=1)
    error = (residual**2).sum(over, min_count=1)
    relative = (error / size.where(size > 0)) ** 0.5
    return relative.drop_vars(labels.LEARNING_RATE, errors="ignore")


def _slope(log_rate: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Regress log error on log learning rate; the slope and its standard error."""
    usable = np.isfinite(error) & (error > 0)
    if usable.sum() < 2:
        return np.nan, np.nan
    x, y = log_rate[usable], np.log(error[usable])
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    free = usable.sum() - 2
    return slope, float(np.sqrt(rest @ rest / free / (x @ x))) if free else np.nan


def _origins(theory: xr.Dataset, simulation: xr.Dataset) -> dict[str, str]:
    """Say which archives were compared."""
    origins = {}
    for name, archive in (("theory", theory), ("simulation", simulation)):
        for key in (labels.ATTR_SOURCE, labels.ATTR_HASH, labels.ATTR_EXPERIMENT):
            if key in archive.attrs:
                origins[f"{name}_{key}"] = str(archive.attrs[key])
    return origins
