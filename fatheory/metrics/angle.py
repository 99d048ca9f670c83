"""Angles along a run."""

from typing import Literal

import xarray as xr

from fatheory import labels
from fatheory.errors import ArchiveError, UnknownNameError
from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
    unit_angles,
    weight_angles,
)
from fatheory.metrics.reading import (
    RUN,
    backward_weights_of,
    labelled,
    layers_of,
    signals_of,
    weights_of,
)
from fatheory.metrics.stepwise import stepwise

Subject = Literal["weight", "delta", "delta_flattened", "unit"]

_RECORDED = {
    "weight": labels.WEIGHT_ANGLE,
    "delta": labels.DELTA_ANGLE,
    "delta_flattened": labels.DELTA_ANGLE_FLATTENED,
}


@stepwise
def angle(archive: xr.Dataset, of: Subject = "weight", *, layer: int | None = None) -> xr.DataArray:
    """Compute an angle along a run, in degrees in [0, 180].

    Parameters
    ----------
    archive : Dataset
        A run archive of either source.
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
        1 has no V, a zero vector no direction, and a V that learns is not stored. What was
        recorded online is returned as recorded.

    Raises
    ------
    ArchiveError
        If the archive recorded neither the angle nor what it follows from, or has no such layer.
    UnknownNameError
        If `of` is none of these.
    """
    if of not in (*_RECORDED, "unit"):
        raise UnknownNameError("angle", of, (*_RECORDED, "unit"))
    known = layers_of(archive)
    if layer is not None and layer not in known:
        raise ArchiveError(f"the archive has the layers {known}; got layer {layer}")
    if of == "unit":
        asked = known[-1] if layer is None else layer
        if labels.UNIT_ANGLE in archive and asked == known[-1]:
            return archive[labels.UNIT_ANGLE]
        return _unit_angle(archive, asked)
    name = _RECORDED[of]
    result = archive[name] if name in archive else _computed(archive, of, name)
    return result if layer is None else result.sel({labels.LAYER: layer}, drop=True)


def _computed(archive: xr.Dataset, of: str, name: str) -> xr.DataArray:
    if of == "weight":
        values = weight_angles(weights_of(archive), backward_weights_of(archive))
    else:
        between = delta_angles if of == "delta" else flattened_delta_angles
        values = between(*signals_of(archive))
    return labelled(archive, name, values, (*RUN, labels.LAYER), **labels.variable(name).attrs)


def _unit_angle(archive: xr.Dataset, layer: int) -> xr.DataArray:
    V = backward_weights_of(archive)[layer - 1]
    if V is None:
        raise ArchiveError("layer 1 sends no errors back, so its units have no feedback weights")
    return labelled(
        archive,
        labels.UNIT_ANGLE,
        unit_angles(weights_of(archive)[layer - 1], V),
        (*RUN, labels.unit(layer - 1)),
        units=labels.DEGREES,
        long_name=f"angle between each unit's outgoing weights and feedback, layer {layer}",
    )
