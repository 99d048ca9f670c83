"""Angles along a run."""

from typing import Literal

import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError, UnknownNameError
from fatheory.geometry import unit_angles
from fatheory.metrics.archive_view import ArchiveView
from fatheory.metrics.labelled_archive import RUN
from fatheory.metrics.metric import chunked_metric
from fatheory.metrics.quantity import read_or_computed
from fatheory.quantities import Need

Subject = Literal["weight", "delta", "delta_flattened", "unit"]

_RECORDED = {
    "weight": "weight_angle",
    "delta": "delta_angle",
    "delta_flattened": "delta_angle_flattened",
}


@chunked_metric
def angle(view: ArchiveView, of: Subject = "weight", *, layer: int | None = None) -> xr.DataArray:
    """Compute an angle along a run, in degrees in [0, 180].

    Parameters
    ----------
    archive : Dataset
        A run archive of either source, or a selection from one.
    of : str
        ``"weight"``: between W_l and its stand-in V_l, flattened; for feedback alignment that is
        W against B^T. ``"delta"``: between the rule's and backprop's teaching signals at layer l,
        per probe sample and then averaged. ``"delta_flattened"``: the same with all samples as
        one vector. ``"unit"``: per hidden unit j, between column j of W_l and row j of B_l
        (Lillicrap et al. 2016, Fig. 5a).
    layer : int, optional
        For ``"unit"``: which l; the output layer by default. For the others it selects one layer.

    Returns
    -------
    DataArray
        ``(rule, seed, step, layer)``, without `layer` where one was selected;
        ``(rule, seed, step, unit_{l-1})`` for ``"unit"``. NaN where an angle is not defined: layer
        1 has no V, a zero vector no direction, and a V that learns is not stored; of rules
        without a V at hand the attribute ``comment`` says so. What was recorded online is returned
        as recorded.

    Raises
    ------
    ArchiveError
        If the archive recorded neither the angle nor what it follows from, or has no such layer.
    UnknownNameError
        If `of` is none of these.
    """
    if of not in (*_RECORDED, "unit"):
        raise UnknownNameError("angle", of, (*_RECORDED, "unit"))
    known = view.layers
    if layer is not None and layer not in known:
        raise ArchiveError(f"the archive has the layers {list(known)}; got layer {layer}")
    if of == "unit":
        output = view.experiment.layers
        asked = output if layer is None else layer
        return _unit_angle(view, asked, output)
    name = _RECORDED[of]
    result = read_or_computed(view, name)[name]
    if layer is None:
        return result
    # Of a single layer, which a selection left, there is no axis.
    if labels.LAYER in result.dims:
        return result.sel({labels.LAYER: layer}, drop=True)
    return result.drop_vars(labels.LAYER)


def _unit_angle(view: ArchiveView, layer: int, output: int) -> xr.DataArray:
    # Recorded angles are of the output layer only; those of others follow from weights.
    if layer == output and "unit_angle" in view:
        return view.variable("unit_angle")
    if layer <= view.experiment.network.convolutions:
        raise ArchiveError(
            f"layer {layer} is a convolution, whose kernels have no column for every unit below"
        )
    V = view.backward_weights[layer - 1]
    if V is None:
        raise ArchiveError("layer 1 sends no errors back, so its units have no feedback weights")
    gaps = view.gaps({Need.BACKWARD_WEIGHTS})
    return view.labelled(
        "unit_angle",
        unit_angles(view.weights[layer - 1], V),
        (*RUN, labels.unit(layer - 1)),
        units=labels.DEGREES,
        long_name=f"angle between each unit's outgoing weights and feedback, layer {layer}",
        **({"comment": gaps} if gaps else {}),
    )
