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
        recorded, and where a seed's run of the rule diverged: a median of those that are left
        would be too good. Seeds that a cell does not have count for nothing.

    Raises
    ------
    UnknownNameError
        If the sweep has no such variable of rules, seeds, steps and layers.
    """
    values = last_values(stored, variable)
    if labels.SEED not in values.dims:
        return values
    # The median, as one seed that learns late would be all that a mean shows.
    found = values.median(labels.SEED, keep_attrs=True)
    if variable in (labels.DIVERGED, labels.DIVERGED_AT):
        return found  # what they say is known of diverged runs, too
    # NaN, where a cell has no such run, is no divergence.
    lost = (stored[labels.DIVERGED] == 1).any(labels.SEED)
    return found.where(~lost).transpose(*found.dims)


def last_values(stored: xr.Dataset, variable: str) -> xr.DataArray:
    """Return the last recorded values of a variable in every cell, seed by seed.

    Parameters
    ----------
    stored : Dataset
        The archive of a sweep.
    variable : str
        One of `can_be_shown`.

    Returns
    -------
    DataArray
        Of the axes, and of rule, seed and layer where the variable has them. NaN where nothing was
        recorded, as after a run diverged, and for seeds that a cell does not have.

    Raises
    ------
    UnknownNameError
        If the sweep has no such variable of rules, seeds, steps and layers.
    """
    known = can_be_shown(stored)
    if variable not in known:
        raise UnknownNameError("variable of runs", variable, known)
    values = stored[variable]
    if labels.STEP not in values.dims:
        return values
    # Steps of other cells only have no time in this one.
    own = stored[labels.TIME].notnull()
    own = own.any(labels.RULE) if labels.RULE in own.dims else own
    # By their numbers: a selection may list steps in another order.
    last = stored[labels.STEP].where(own, -1).argmax(labels.STEP)
    return values.isel({labels.STEP: last})


def seed_counts(stored: xr.Dataset) -> str:
    """Say of how many seeds the cells of a sweep have runs: ``"5"``, or ``"2 to 5"``."""
    counts = stored[labels.DIVERGED].notnull().sum(labels.SEED).values
    had = counts[counts > 0] if counts.any() else counts
    least, most = int(had.min()), int(had.max())
    return str(most) if least == most else f"{least} to {most}"


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
