"""Normalised squared error along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.geometry import normalized_squared_error as normalise
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.labelled_archive import RUN
from fatheory.metrics.metric import chunked_metric


@chunked_metric
def normalized_squared_error(view: ArchiveView) -> xr.DataArray:
    """Compute the squared error relative to that of the best constant answer.

    On the probe, or for images on all images of evaluation.

    Parameters
    ----------
    archive : Dataset
        A run archive, or a selection from one.

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
    if view.experiment.network.output == "softmax":
        raise ArchiveError(
            "the loss of softmax outputs is their cross-entropy, which has no squared error in it; "
            "read classification_error instead"
        )
    loss = view.array(labels.LOSS)
    # Images are not stored again, only the variance of their targets.
    if labels.TARGET_VARIANCE in view:
        variance = view.array(labels.TARGET_VARIANCE)
        # Twice, as losses are half of the squared error. Constant targets have nothing to be
        # relative to.
        values = 2 * loss / np.where(variance > 0, variance, np.nan)
    elif labels.PROBE_TARGET in view:
        values = normalise(loss, view.array(labels.PROBE_TARGET))
    else:
        raise ArchiveError(
            f"the archive has neither {labels.PROBE_TARGET!r} nor {labels.TARGET_VARIANCE!r}, one "
            f"of which was taken away: read the archive that simulate, solve or load returned"
        )
    return view.labelled(
        "normalized_squared_error",
        values,
        RUN,
        units=labels.DIMENSIONLESS,
        long_name="normalised squared error",
        equation="sum |y* - y|^2 / sum |y* - mean y*|^2",
    )
