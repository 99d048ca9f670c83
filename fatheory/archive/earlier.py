"""Sweeps of earlier versions, read as this one writes them."""

import xarray as xr

from fatheory import labels

_RUN = {labels.RULE, labels.SEED}


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
