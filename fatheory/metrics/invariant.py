"""Drift of the conserved quantity along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment
from fatheory.geometry import balance, feedback_invariant
from fatheory.metrics.reading import (
    RUN,
    experiment_of,
    labelled,
    nonlinear_parts,
    state_of,
    weights_of,
)
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
        A run archive of a linear network without biases, fully connected, with recorded weights.
        Any task: the law holds whatever the targets are.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``: Frobenius norm of the change of the quantity divided by the
        norm of W0 W0^T at that step. NaN at the output layer and for rules without such a law.

    Raises
    ------
    ArchiveError
        If the weights were not recorded, or the network has units that are not linear, biases, or
        missing connections: nothing is conserved there.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 11; Saxe, McClelland & Ganguli 2013.
    """
    asked = experiment_of(archive)
    _require_law(asked)
    weights = weights_of(archive)
    choices = dict(asked.rules)
    drift = np.full((*weights[0].shape[:3], len(weights)), np.nan)
    for i, label in enumerate(archive[labels.RULE].values):
        rule = choices[str(label)].make()
        for hidden in range(1, len(weights)):
            W0, W = weights[hidden - 1][i], weights[hidden][i]
            if isinstance(rule, FixedFeedback):
                state = state_of(archive, rule, hidden + 1, i)
                assert state is not None  # fixed feedback is what the rule has drawn
                B = np.swapaxes(state, -1, -2)
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


def _require_law(asked: Experiment) -> None:
    """Refuse a network whose updates conserve nothing."""
    network = asked.network
    differences = nonlinear_parts(network)
    removed = [network.sparsity.removed(layer) for layer in range(1, asked.layers + 1)]
    if any(forward for forward, _ in removed):
        differences.append(f"a fraction {network.sparsity.forward:g} of forward weights is missing")
    if differences:
        raise ArchiveError(
            f"what is conserved is conserved in linear networks without biases, fully connected; "
            f"in this one, {', '.join(differences)}"
        )
