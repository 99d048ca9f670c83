"""Feedback alignment against the pseudoinverse, along a run."""

from contextlib import suppress

import xarray as xr

from fatheory.errors import ArchiveError
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.metric import chunked_metric
from fatheory.metrics.quantity import read_or_computed

_PAIRS = {
    "rule_to_backprop": "delta_angle",
    "rule_to_pseudobackprop": "pseudobackprop_angle",
    "backprop_to_pseudobackprop": "backprop_to_pseudobackprop_angle",
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
    return read_or_computed(view, "pseudoinverse_alignment")["pseudoinverse_alignment"]


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
    # What was recorded was measured on the network itself, linear or not.
    if "pseudobackprop_angle" not in view:
        view.require_linear("angles to pseudobackprop", "'pseudobackprop_angles'")
    found = dict(read_or_computed(view, "pseudobackprop_angles").items())
    with suppress(ArchiveError):  # neither recorded nor to be had from signals
        found |= dict(read_or_computed(view, "delta_angle").items())
    return xr.Dataset(
        {
            name: found[recorded].rename(name)
            for name, recorded in _PAIRS.items()
            if recorded in found
        }
    )
