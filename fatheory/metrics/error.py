"""Normalised squared error along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.geometry import normalized_squared_error as normalise
from fatheory.metrics.reading import RUN, experiment_of, labelled, layers_of
from fatheory.metrics.stepwise import stepwise


@stepwise
def normalized_squared_error(archive: xr.Dataset) -> xr.DataArray:
    """Compute the squared error relative to that of the best constant answer.

    On the probe, or for images on all images of evaluation.

    Parameters
    ----------
    archive : Dataset
        A run archive.

    Returns
    -------
    DataArray
        ``(rule, seed, step)``; 1 is no better than a constant (Lillicrap et al. 2016, Methods).
        NaN for a seed whose targets do not vary.

    Raises
    ------
    ArchiveError
        If the dataset is not a run archive, has neither targets nor their variance, or is of a
        network with softmax outputs.
    """
    layers_of(archive)
    if experiment_of(archive).network.output == "softmax":
        raise ArchiveError(
            "the loss of softmax outputs is their cross-entropy, which has no squared error in it; "
            "read classification_error instead"
        )
    loss = archive[labels.LOSS].values
    if labels.TARGET_VARIANCE in archive:
        variance = archive[labels.TARGET_VARIANCE].values[:, None]
        values = 2 * loss / np.where(variance > 0, variance, np.nan)
    elif labels.PROBE_TARGET in archive:
        values = normalise(loss, archive[labels.PROBE_TARGET].values[:, None])
    else:
        raise ArchiveError(
            f"the archive has neither {labels.PROBE_TARGET!r} nor {labels.TARGET_VARIANCE!r}, one "
            f"of which was taken away: read the archive that simulate, solve or load returned"
        )
    return labelled(
        archive,
        "normalized_squared_error",
        values,
        RUN,
        units=labels.DIMENSIONLESS,
        long_name="normalised squared error",
        equation="sum |y* - y|^2 / sum |y* - mean y*|^2",
    )
