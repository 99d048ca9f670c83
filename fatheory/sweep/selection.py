"""One cell of a sweep's archive, as the archive of a run."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance, validate
from fatheory.checks import require_kind
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment
from fatheory.quantities import find_quantities
from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.answer import rates_attribute
from fatheory.sweep.axis import written_label
from fatheory.sweep.description import SweepDescription
from fatheory.sweep.grid import coordinates_of
from fatheory.sweep.schema import dtype, variable_dims
from fatheory.train.answer import equations


def require_sweep(stored: object) -> None:
    """Refuse what is no archive at all, such as its path."""
    require_kind("a sweep", stored, xr.Dataset, "fatheory.load(PATH) reads a stored one")


def cell(stored: xr.Dataset, points: Mapping[str, Any] | None = None) -> xr.Dataset:
    """Return one cell of a sweep as `fatheory.simulate` or `fatheory.solve` returns a run.

    Rules, seeds, steps and layers are those of the cell's own experiment, in its own order, so
    that metrics, `fatheory.compare` and figures take it for what it is.

    Parameters
    ----------
    stored : Dataset
        The archive of a sweep, finished or not, or a selection along its axes.
    points : mapping of str to label, optional
        The label of the cell along every axis of more than one point, as in ``{"scale": 0.5}``,
        or the value that the axis was given, as in ``{"network.hidden": [20, 20]}``; and along
        ``source``, in what `side_by_side` returns. Labels of axes of which a selection has left
        one point may be given, too, and must be those.

    Returns
    -------
    Dataset
        A run archive. What the sweep has no room for, because cells differ in sizes, is missing,
        and named in the attribute ``left_out``.

    Raises
    ------
    ArchiveError
        If `stored` is no sweep, lacks labels, has no such cell, or the cell failed or is still to
        come.

    Examples
    --------
    >>> import fatheory as fa
    >>> stored = fa.load("sweep.zarr")  # doctest: +SKIP
    >>> fa.metrics.angle(fa.sweep.cell(stored, {"scale": 0.5}))  # doctest: +SKIP
    """
    require_sweep(stored)
    stored = of_one_source(stored, points or {})
    description = described(stored)
    strange = set(points or {}) - {*description.dims, labels.SOURCE}
    if strange:
        raise ArchiveError(
            f"the sweep has no axis {', '.join(sorted(strange))}; it has "
            f"{', '.join(description.dims)}"
        )
    chosen = {dim: _label(stored, dim, points or {}) for dim in description.dims}
    # Two places: in the whole sweep, which makes the experiment, and in what a selection left.
    place = tuple(place_of(name, axis.coordinate, chosen[name]) for name, axis in description.axes)
    one = stored
    for dim in description.dims:
        if dim in stored.dims:
            one = one.isel({dim: place_of(dim, stored[dim].values, chosen[dim])})
    experiment = description.cell_at(place).experiment
    status = sweep_labels.STATUS_NAMES[int(one[sweep_labels.STATUS])]
    if experiment is None or status in ("pending", "failed"):
        why = str(one[sweep_labels.ERROR].item())
        raise ArchiveError(
            f"the cell {_told(chosen)} is {status}{': ' if why else ''}{why}; it holds no run"
        )
    return _as_run(one, experiment)


def described(stored: xr.Dataset) -> SweepDescription:
    """Return the sweep that an archive answers.

    Raises
    ------
    ArchiveError
        If it is none of a sweep.
    """
    text = stored.attrs.get(sweep_labels.ATTR_SWEEP)
    if not isinstance(text, str) or sweep_labels.STATUS not in stored:
        raise ArchiveError(
            "the dataset is none of a sweep, as Sweep.run and fatheory.load return it: it has no "
            f"attribute {sweep_labels.ATTR_SWEEP!r} or no {sweep_labels.STATUS!r}"
        )
    return SweepDescription.from_json(text)


def of_one_source(stored: xr.Dataset, points: Mapping[str, Any]) -> xr.Dataset:
    """Return what is of the source asked for, or the only one, with the attribute that says so.

    Raises
    ------
    ArchiveError
        If there is no such source, or several and none is asked for, or none is told.
    """
    source = labels.SOURCE
    if source in stored.coords:
        sources = np.atleast_1d(stored[source].values)
    elif labels.ATTR_SOURCE in stored.attrs:
        sources = np.array([stored.attrs[labels.ATTR_SOURCE]])
    else:
        raise ArchiveError("the archive has lost its source to a selection; select it by label")
    if source not in points and sources.size > 1:
        raise ArchiveError(f"say of which source the cell is: {', '.join(map(str, sources))}")
    place = place_of(source, sources, points[source]) if source in points else 0
    one = stored.isel({source: place}) if source in stored.dims else stored
    return one.assign_attrs({labels.ATTR_SOURCE: str(sources[place])})


def points_of(stored: xr.Dataset, dim: str) -> np.ndarray:
    """Return the labels that an archive, or a selection of it, has along an axis.

    Raises
    ------
    ArchiveError
        If it has none.
    """
    if dim not in stored.coords:
        raise ArchiveError(f"the archive has no labels of the axis {dim!r}; select by label")
    return np.atleast_1d(stored[dim].values)


def _label(stored: xr.Dataset, dim: str, points: Mapping[str, Any]) -> Any:
    """Return the label along an axis: the one asked for, if it is there, or the only one."""
    there = points_of(stored, dim)
    if dim in points:
        return there[place_of(dim, there, points[dim])]
    if there.size != 1:
        raise ArchiveError(f"say which point of {dim!r} the cell is at: {_listed(there)}")
    return there[0]


def place_of(dim: str, there: np.ndarray, label: Any) -> int:
    """Find a label; floats to the last digits, which arithmetic on an axis may have changed.

    Raises
    ------
    ArchiveError
        If it is not there, or more than once.
    """
    if there.dtype.kind in "if" and isinstance(label, int | float | np.number):
        # Relative alone, as labels may be as small as learning rates are.
        found = np.flatnonzero(np.isclose(there, float(label), rtol=1e-12, atol=0))
    else:
        found = np.flatnonzero(there == _as_labelled(there, label))
    if found.size != 1:
        raise ArchiveError(f"{dim!r} has no point {label!r}; it has {_listed(there)}")
    return int(found[0])


def _as_labelled(there: np.ndarray, label: Any) -> Any:
    """Return a value that an axis of texts was given, such as a list, as the text that it has."""
    if there.dtype.kind in "biuf":
        return label
    try:
        return written_label(label)
    except ValueError:
        return None


def _listed(there: np.ndarray) -> str:
    shown = [str(label) for label in there[:8]]
    return ", ".join(shown) + (", …" if there.size > 8 else "")


def _told(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{dim}={label}" for dim, label in chosen.items())


def _as_run(one: xr.Dataset, experiment: Experiment) -> xr.Dataset:
    own, dims = coordinates_of(experiment), variable_dims(experiment)
    absent = _absent(one)
    lacking = {
        name
        for quantity in find_quantities(experiment.record.quantities)
        if quantity.name in absent
        for name in quantity.names(experiment)
        # A method may give some of a quantity's variables.
        if name not in one or one[name].isnull().all()
    }
    variables, left_out = {}, []
    for name in dims:
        if name in one and name not in lacking:
            variables[name] = _values(one[name], name, dims[name], own, experiment, one.attrs)
        elif name not in lacking:
            left_out.append(name)
    attrs = provenance(
        source=one.attrs[labels.ATTR_SOURCE],
        experiment_json=experiment.to_json(),
        experiment_hash=experiment.content_hash,
        precision=_precision(one.attrs, experiment),
        device=one.attrs.get(labels.ATTR_DEVICE, "unknown"),
        wall_time_s=float(one[sweep_labels.WALL_TIME]),
    )
    kept = (labels.ATTR_CREATED, labels.ATTR_VERSIONS)
    attrs |= {name: one.attrs[name] for name in kept if name in one.attrs}
    attrs |= rates_attribute(str(one.attrs[labels.ATTR_SOURCE]))
    attrs |= {labels.ATTR_ABSENT: json.dumps(absent)} if absent else {}
    attrs |= {sweep_labels.ATTR_LEFT_OUT: left_out} if left_out else {}
    run = assemble(variables, own, attrs, n_layers=experiment.layers)
    for name, equation in equations(experiment).items():
        if name in run:
            run[name].attrs["equation"] = equation
    # As every archive of a run: whoever takes a cell for one must not be the first to notice.
    validate(run)
    return run


def _absent(one: xr.Dataset) -> dict[str, str]:
    """Return what a method did not give in a cell, and why."""
    if sweep_labels.ABSENT not in one:
        return {}
    text = str(one[sweep_labels.ABSENT].item())
    return json.loads(text) if text else {}


def _precision(attrs: Mapping[str, Any], experiment: Experiment) -> str:
    """Return that of the cell's own answer; the sweep's is the highest of all."""
    simulated = attrs[labels.ATTR_SOURCE] == "simulation"
    # Theory is solved in double precision, whatever an experiment is trained in.
    return experiment.precision if simulated else "float64"


def _values(
    values: xr.DataArray,
    name: str,
    dims: tuple[str, ...],
    own: Mapping[str, np.ndarray],
    experiment: Experiment,
    attrs: Mapping[str, Any],
) -> np.ndarray:
    """Return a variable of the cell, at its own labels, of the kind that a run has."""
    missing = [dim for dim in dims if dim not in values.dims]
    if missing:
        raise ArchiveError(
            f"{name!r} has lost {', '.join(missing)} to a selection; take the cell of the whole "
            f"sweep, and select then"
        )
    try:
        values = values.sel({dim: own[dim] for dim in dims if dim in sweep_labels.SHARED})
    except KeyError as error:
        raise ArchiveError(
            f"{name!r} lacks labels of the cell's own: {error}; take the cell of the whole sweep, "
            f"and select then"
        ) from error
    found = values.transpose(*dims).values
    # Back from double precision, in which sweeps keep booleans and integers to have room for NaN.
    return found.astype(dtype(name, _precision(attrs, experiment)))
