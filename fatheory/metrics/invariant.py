"""Drift of the conserved quantity along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.geometry import balance, feedback_invariant
from fatheory.metrics.reading import RUN, experiment_of, labelled, weights_of
from fatheory.rules import Backprop, FixedFeedback


def invariant_drift(archive: xr.Dataset) -> xr.DataArray:
    """Measure how far the conserved quantity of each pair of layers has moved.

    It is measured from the archive's first recorded step, which is the start unless a selection
    took that away.

    The quantity is C = B W + (B W)^T - W0 W0^T for rules with fixed feedback and
    W^T W - W0 W0^T for backprop, with W0 and W the weights into and out of hidden layer l. The
    flow conserves it; discrete updates make it drift by O(learning rate).

    Parameters
    ----------
    archive : Dataset
        A run archive of a linear network with recorded weights.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``: Frobenius norm of the change of the quantity divided by the
        norm of W0 W0^T at that step. NaN at the output layer and for rules without such a law.

    Raises
    ------
    ArchiveError
        If the weights were not recorded or the network is not linear.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 11; Saxe, McClelland & Ganguli 2013.
    """
    weights = weights_of(archive)
    asked = experiment_of(archive)
    if asked.network.activation != "linear":
        raise ArchiveError(
            f"the conserved quantity is that of linear networks; the hidden units of this one are "
            f"{asked.network.activation}"
        )
    choices = dict(asked.rules)
    drift = np.full((*weights[0].shape[:3], len(weights)), np.nan)
    for i, label in enumerate(archive[labels.RULE].values):
        rule = choices[str(label)].make()
        for hidden in range(1, len(weights)):
            W0, W = weights[hidden - 1][i], weights[hidden][i]
            if isinstance(rule, FixedFeedback):
                B = archive[labels.feedback(hidden + 1)].values[i][:, None]
                C = feedback_invariant(W0, W, B)
            elif isinstance(rule, Backprop):
                C = balance(W0, W)
            else:
                continue
            moved = np.linalg.norm(C - C[:, :1], axis=(-2, -1))
            scale = np.linalg.norm(W0 @ np.swapaxes(W0, -1, -2), axis=(-2, -1))
            # A start at zero has not moved yet, whatever the scale.
            drift[i, ..., hidden - 1] = np.divide(
                moved, scale, out=np.zeros_like(moved), where=(scale > 0) | np.isnan(scale)
            )
    return labelled(
        archive,
        "invariant_drift",
        drift,
        (*RUN, labels.LAYER),
        units=labels.DIMENSIONLESS,
        long_name="relative drift of the conserved quantity",
        equation="|C - C(0)| / |W0 W0^T|",
    )
