"""Neurons over time: spikes as ticks, potentials and modulators as lines."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fatheory import labels


def draw_raster(spikes: xr.DataArray, axes: Axes, *, steps_per_image: int) -> list[Line2D]:
    """Draw a tick for every spike, the layers above one another, the one next to the input lowest.

    Parameters
    ----------
    spikes : DataArray
        0 or 1, ``(layer, traced_unit, time_step)``, as an archive's ``spikes`` of one run and step.
    axes : Axes
        Where.
    steps_per_image : int
        Time steps between the lines that part images.

    Returns
    -------
    list of Line2D
        The ticks of every layer.
    """
    dims = (labels.LAYER, labels.TRACED_UNIT, labels.TIME_STEP)
    layers, units, steps = (spikes.sizes[dim] for dim in dims)
    drawn = []
    for i, of_layer in enumerate(spikes.transpose(*dims).values):
        unit, step = np.nonzero(of_layer)
        height = i * (units + 1) + unit
        drawn += axes.plot(step, height, "|", color=f"C{i}", markersize=3, markeredgewidth=0.8)
    middles = [i * (units + 1) + (units - 1) / 2 for i in range(layers)]
    axes.set_yticks(middles, [f"layer {layer}" for layer in spikes[labels.LAYER].values])
    axes.set(xlabel="time step", xlim=(-0.5, steps - 0.5), ylim=(-1, layers * (units + 1) - 1))
    _part_images(axes, steps, steps_per_image)
    return drawn


def draw_trace(
    trace: xr.DataArray, axes: Axes, *, steps_per_image: int, colour: str = "C0"
) -> Line2D:
    """Draw a neuron's potential or modulator over time, under its name, with a line at zero.

    Parameters
    ----------
    trace : DataArray
        ``(time_step)``, by its name in the archive.
    axes : Axes
        Where.
    steps_per_image : int
        Time steps between the lines that part images.
    colour : str
        Of the line.
    """
    # Steps: between two time steps a potential has no value that a slope could show.
    (line,) = axes.plot(trace.values, color=colour, linewidth=1, drawstyle="steps-mid")
    axes.axhline(0, color="0.7", linewidth=0.6, zorder=0)
    axes.set(ylabel=str(trace.name), xlim=(-0.5, trace.size - 0.5))
    _part_images(axes, trace.size, steps_per_image)
    return line


def _part_images(axes: Axes, steps: int, steps_per_image: int) -> None:
    axes.grid(visible=False)
    for border in range(steps_per_image, steps, steps_per_image):
        axes.axvline(border - 0.5, color="0.9", linewidth=0.6, zorder=0)
