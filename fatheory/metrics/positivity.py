"""Whether the feedback points uphill along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.geometry import positive_fraction, smallest_symmetric_eigenvalue
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.labelled_archive import RUN
from fatheory.metrics.metric import chunked_metric


@chunked_metric
def positive_alignment(view: ArchiveView) -> xr.Dataset:
    """Measure the condition e^T W B e > 0 at the output layer.

    Where it holds for an error e, the rule's teaching signal B e is within 90 degrees of
    backprop's W^T e.

    Parameters
    ----------
    archive : Dataset
        A run archive with recorded weights, or a selection from one.

    Returns
    -------
    Dataset
        ``positive_fraction (rule, seed, step)``: the fraction of the probe's errors for which it
        holds; ``smallest_eigenvalue``: of the symmetric part of W B, positive when it holds for
        every error. NaN for rules without V.

    Raises
    ------
    ArchiveError
        If the weights, or for nonlinear networks the teaching signals, were not recorded.

    References
    ----------
    Lillicrap et al. 2016, the condition under equation 1.
    """
    W, V = view.weights[-1], view.backward_weights[-1]
    assert V is not None  # a network has a hidden layer, so its last layer has a V
    B = np.swapaxes(V, -1, -2)
    # At the output every rule has the same error.
    errors = view.backprop_signals[-1]
    fraction = view.labelled(
        "positive_fraction",
        positive_fraction(W, B, errors),
        RUN,
        units=labels.DIMENSIONLESS,
        long_name="fraction of errors with e^T W B e > 0",
    )
    eigenvalue = view.labelled(
        "smallest_eigenvalue",
        smallest_symmetric_eigenvalue(W, B),
        RUN,
        units=labels.DIMENSIONLESS,
        long_name="smallest eigenvalue of the symmetric part of W B",
    )
    return xr.Dataset({"positive_fraction": fraction, "smallest_eigenvalue": eigenvalue})
