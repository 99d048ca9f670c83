"""Normalised squared error along a run."""

import xarray as xr

from fatheory import labels
from fatheory.geometry import normalized_squared_error as normalise
from fatheory.metrics.reading import RUN, labelled, layers_of


def normalized_squared_error(archive: xr.Dataset) -> xr.DataArray:
    """Compute the squared error relative to that of the best constant answer, on the probe.

    Parameters
    ----------
    archive : Dataset
        A run archive.

    Returns
    -------
    DataArray
        ``(rule, seed, step)``; 1 is no better than a constant (Lillicrap et al. 2016, Methods).
        NaN for a seed whose probe targets do not vary.

    Raises
    ------
    ArchiveError
        If the dataset is not a run archive.
    """
    layers_of(archive)
    target = archive[labels.PROBE_TARGET].values[:, None]
    return labelled(
        archive,
        "normalized_squared_error",
        normalise(archive[labels.LOSS].values, target),
        RUN,
        units=labels.DIMENSIONLESS,
        long_name="normalised squared error",
        equation="sum |y* - y|^2 / sum |y* - mean y*|^2",
    )
