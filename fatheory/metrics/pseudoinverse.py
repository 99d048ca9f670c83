"""Feedback alignment against the pseudoinverse, along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.geometry import delta_angles, linear_signals, pseudoinverse
from fatheory.geometry import pseudoinverse_alignment as angle_to_pseudoinverse
from fatheory.metrics.reading import (
    RUN,
    backward_weights_of,
    experiment_of,
    labelled,
    signals_of,
    weights_of,
)


def pseudoinverse_alignment(archive: xr.Dataset) -> xr.DataArray:
    """Compute the angle between W_l and the pseudoinverse of its feedback, B_l^+, in degrees.

    Parameters
    ----------
    archive : Dataset
        A run archive with recorded weights.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``. NaN at layer 1 and for rules without V.

    Raises
    ------
    ArchiveError
        If the weights were not recorded.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Notes 13-14.
    """
    angles = [
        np.full(W.shape[:3], np.nan)
        if V is None
        else angle_to_pseudoinverse(W, np.swapaxes(V, -1, -2))
        for W, V in zip(weights_of(archive), backward_weights_of(archive), strict=True)
    ]
    return labelled(
        archive,
        "pseudoinverse_alignment",
        np.stack(angles, axis=-1),
        (*RUN, labels.LAYER),
        units=labels.DEGREES,
        long_name="angle between forward weights and pseudoinverse of feedback weights",
    )


def pseudobackprop_angles(archive: xr.Dataset) -> xr.Dataset:
    """Compute the angles of teaching signals to those of pseudobackprop, W^+ e, in degrees.

    Parameters
    ----------
    archive : Dataset
        A run archive of a linear network with recorded weights.

    Returns
    -------
    Dataset
        ``rule_to_backprop``, ``rule_to_pseudobackprop`` and ``backprop_to_pseudobackprop``, each
        ``(rule, seed, step, layer)``, per probe sample and then averaged. NaN where a rule has no
        V and where a signal is zero.

    Raises
    ------
    ArchiveError
        If the network is not linear or the weights were not recorded.

    References
    ----------
    Lillicrap et al. 2014 (arXiv:1411.0247); 2016, Supplementary Note 15.
    """
    if experiment_of(archive).network.activation != "linear":
        raise ArchiveError("the signals of pseudobackprop are computed for linear networks only")
    weights = weights_of(archive)
    T = archive[labels.TARGET_MAP].values[:, None]
    x = archive[labels.PROBE_INPUT].values[:, None]
    stand_ins = [None, *(np.swapaxes(pseudoinverse(W), -1, -2) for W in weights[1:])]
    rule, backprop = signals_of(archive)
    pseudobackprop = linear_signals(weights, stand_ins, T, x)
    pairs = {
        "rule_to_backprop": (rule, backprop),
        "rule_to_pseudobackprop": (rule, pseudobackprop),
        "backprop_to_pseudobackprop": (backprop, pseudobackprop),
    }
    return xr.Dataset(
        {
            name: labelled(
                archive,
                name,
                delta_angles(*pair),
                (*RUN, labels.LAYER),
                units=labels.DEGREES,
                long_name=f"angle of teaching signals, {name.replace('_', ' ')}",
            )
            for name, pair in pairs.items()
        }
    )
