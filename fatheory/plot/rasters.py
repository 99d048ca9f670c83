"""What neurons do while images are shown: spikes, and the potential and modulator of one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from fatheory import labels
from fatheory.checks import require_kind
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.figures import axis_label, draw_raster, draw_trace, plain, rule_name
from fatheory.plot.canvas import panels
from fatheory.plot.values import in_order, selected

_SPIKES = "spikes"


def rasters(
    archive: xr.Dataset,
    *,
    rule: str | None = None,
    seed: int | None = None,
    step: int | None = None,
    layer: int = 1,
    unit: int = 0,
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw the spikes of some neurons of every layer, and below what one of them computes.

    Parameters
    ----------
    archive : Dataset
        A run of a spiking network that recorded ``traces``.
    rule : str, optional
        Its label; the first by default.
    seed : int, optional
        Which; the first by default.
    step : int, optional
        A recorded step; the last by default.
    layer, unit : int
        The neuron whose potential and modulator are drawn, by its layer and its place.
    axes : sequence of two Axes, optional
        For spikes and traces; new ones by default.

    Returns
    -------
    ndarray of Axes
        The two.

    Raises
    ------
    ArchiveError
        If the archive holds no traces.
    UnknownNameError
        If there is no such rule, seed, step or layer.
    """
    _require_traces(archive)
    ordered = in_order(archive, labels.STEP, labels.LAYER)
    shown = selected(ordered, rule=rule, seed=seed, step=step)
    # The trained network, which is what one looks for; spikes of several runs over each other are
    # noise.
    last = {labels.STEP: -1, labels.RULE: 0, labels.SEED: 0}
    shown = shown.isel({dim: place for dim, place in last.items() if dim in shown.dims})
    network = Experiment.from_json(archive.attrs[labels.ATTR_EXPERIMENT]).network
    assert isinstance(network, SpikingNetwork)
    each = network.steps_per_image
    one = selected(shown, layer=layer)
    known = one.sizes[labels.TRACED_UNIT]
    if not isinstance(unit, int | np.integer) or isinstance(unit, bool) or not 0 <= unit < known:
        raise ArchiveError(f"units 0 to {known - 1} of a layer are traced; got {unit!r}")
    layout: dict[str, Any] = {"nrows": 2, "ncols": 1, "sharex": True, "height_ratios": (2, 1)}
    with panels(axes, 2, figsize=(6.4, 4.8), **layout) as (above, below):
        draw_raster(shown[_SPIKES], above, steps_per_image=each)
        of_unit = one.isel({labels.TRACED_UNIT: unit})
        for i, name in enumerate(("modulator", "potential")):
            trace = draw_trace(of_unit[name], below, steps_per_image=each, colour=f"C{1 - i}")
            trace.set_label(plain(axis_label(of_unit[name])))
        below.set_ylabel(f"layer {layer}, unit {unit}")
        below.legend(loc="upper right", ncols=2)
        below.set_xlabel(above.get_xlabel())
        above.set_xlabel("")
        where = f"seed {int(shown[labels.SEED])}, step {int(shown[labels.STEP]):,}"
        above.set_title(plain(f"{rule_name(str(shown[labels.RULE].item()))}, {where}"))
    return np.array([above, below])


def _require_traces(archive: xr.Dataset) -> None:
    require_kind("archive", archive, xr.Dataset, "load one with fatheory.load")
    missing = [name for name in (_SPIKES, "potential", "modulator") if name not in archive]
    if missing or labels.ATTR_EXPERIMENT not in archive.attrs:
        raise ArchiveError(
            f"rasters are of runs of spiking networks that recorded 'traces' (record.quantities); "
            f"the archive has no {', '.join(missing) or labels.ATTR_EXPERIMENT}"
        )
