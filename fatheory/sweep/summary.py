"""The values with which the runs of a sweep end, cell by cell."""

import xarray as xr

from fatheory import labels
from fatheory.errors import UnknownNameError
from fatheory.sweep import labels as sweep_labels


def final_values(stored: xr.Dataset, variable: str) -> xr.DataArray:
    """Return the last recorded values of a variable in every cell, medians over seeds.

    Parameters
    ----------
    stored : Dataset
        The archive of a sweep.
    variable : str
        One of `can_be_shown`.

    Returns
    -------
    DataArray
        Of the axes, and of rule and layer where the variable has them. NaN where nothing was
        recorded, and where a seed's run diverged.

    Raises
    ------
    UnknownNameError
        If the sweep has no such variable of rules, seeds, steps and layers.
    """
    known = can_be_shown(stored)
    if variable not in known:
        raise UnknownNameError("variable of runs", variable, known)
    values = stored[variable]
    if labels.STEP in values.dims:
        # Steps of other cells only have no time in this one.
        own = stored[labels.TIME].notnull().any(labels.RULE)
        backwards = own.isel({labels.STEP: slice(None, None, -1)}).argmax(labels.STEP)
        values = values.isel({labels.STEP: own.sizes[labels.STEP] - 1 - backwards})
    return values.median(labels.SEED, keep_attrs=True) if labels.SEED in values.dims else values


def can_be_shown(stored: xr.Dataset) -> list[str]:
    """List the variables of a sweep that are numbers for rules, seeds, steps and layers."""
    axes = stored[sweep_labels.STATUS].dims
    return [
        str(name)
        for name, variable in stored.data_vars.items()
        if labels.RULE in variable.dims
        and set(variable.dims) - set(axes) <= set(sweep_labels.SHARED)
        and variable.dtype.kind == "f"
    ]
