"""Feedback alignment against the pseudoinverse, along a run."""

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.geometry import delta_angles, pseudoinverse_alignments
from fatheory.metrics.archive_view import RUN, ArchiveView
from fatheory.metrics.metric import chunked_metric
from fatheory.rules import Pseudobackprop

_PAIRS = {
    "rule_to_backprop": labels.DELTA_ANGLE,
    "rule_to_pseudobackprop": labels.PSEUDOBACKPROP_ANGLE,
    "backprop_to_pseudobackprop": labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE,
}


@chunked_metric
def pseudoinverse_alignment(view: ArchiveView) -> xr.DataArray:
    """Compute the angle between W_l and the pseudoinverse of its feedback, B_l^+, in degrees.

    Parameters
    ----------
    archive : Dataset
        A run archive with recorded weights, or with the angle itself.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``. NaN at layer 1, for rules without V, and where a V that
        learns is not stored. What was recorded online is returned as recorded.

    Raises
    ------
    ArchiveError
        If neither the weights nor the angle were recorded.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Notes 13-14.
    """
    name = labels.PSEUDOINVERSE_ALIGNMENT
    if name in view:
        return view.variable(name)
    values = pseudoinverse_alignments(view.weights, view.backward_weights)
    return view.labelled(name, values, (*RUN, labels.LAYER), **labels.variable(name).attrs)


@chunked_metric
def pseudobackprop_angles(view: ArchiveView) -> xr.Dataset:
    """Compute the angles of teaching signals to those of pseudobackprop, W^+ e, in degrees.

    Parameters
    ----------
    archive : Dataset
        A run archive with recorded ``pseudobackprop_angles``, or of a linear network on a linear
        task with recorded weights.

    Returns
    -------
    Dataset
        ``rule_to_backprop``, ``rule_to_pseudobackprop`` and ``backprop_to_pseudobackprop``, each
        ``(rule, seed, step, layer)``, per probe sample and then averaged. NaN where a rule has no
        V and where a signal is zero. What was recorded online is returned as recorded; then
        ``rule_to_backprop`` is left out where the archive has neither ``delta_angle`` nor the
        teaching signals from which it follows.

    Raises
    ------
    ArchiveError
        If neither the angles nor what they follow from were recorded.

    References
    ----------
    Lillicrap et al. 2014 (arXiv:1411.0247); 2016, Supplementary Note 15.
    """
    if labels.PSEUDOBACKPROP_ANGLE in view:
        return _recorded(view)
    view.require_linear("angles to pseudobackprop", "'pseudobackprop_angles'")
    stand_ins = [None, *(Pseudobackprop.backward_weights(W, None) for W in view.weights[1:])]
    rule, backprop = view.signals, view.backprop_signals
    pseudobackprop = view.signals_through(stand_ins)
    pairs = ((rule, backprop), (rule, pseudobackprop), (backprop, pseudobackprop))
    return xr.Dataset(
        {
            name: _named(view, name, delta_angles(*pair))
            for name, pair in zip(_PAIRS, pairs, strict=True)
        }
    )


def _recorded(view: ArchiveView) -> xr.Dataset:
    found = {
        name: view.variable(recorded).rename(name)
        for name, recorded in _PAIRS.items()
        if recorded in view
    }
    if "rule_to_backprop" not in found:
        try:
            signals = view.signals, view.backprop_signals
        except ArchiveError:
            return xr.Dataset(found)
        found["rule_to_backprop"] = _named(view, "rule_to_backprop", delta_angles(*signals))
    return xr.Dataset({name: found[name] for name in _PAIRS})


def _named(view: ArchiveView, name: str, values: np.ndarray) -> xr.DataArray:
    dims = (*RUN, labels.LAYER)
    return view.labelled(name, values, dims, **labels.variable(_PAIRS[name]).attrs)
