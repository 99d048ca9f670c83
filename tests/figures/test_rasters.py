"""Rasters and traces by meaning: where the ticks are, which line, which borders."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from fatheory.figures import draw_raster, draw_trace


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture
def spikes():
    values = np.zeros((2, 3, 6))
    values[0, 1, 4] = values[1, 0, 2] = values[1, 2, 5] = 1
    coords = {"layer": [1, 2]}
    return xr.DataArray(values, coords, ("layer", "traced_unit", "time_step"), "spikes")


def test_a_raster_has_a_tick_where_a_neuron_spikes(axes, spikes):
    first, second = draw_raster(spikes.transpose("time_step", ...), axes, steps_per_image=3)
    assert first.get_xdata().tolist() == [4]
    assert first.get_ydata().tolist() == [1]
    # The second layer lies above the three neurons of the first and a gap.
    assert second.get_xdata().tolist() == [2, 5]
    assert second.get_ydata().tolist() == [4, 6]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["layer 1", "layer 2"]
    assert first.get_color() != second.get_color()


def test_a_trace_is_drawn_under_its_name_with_borders_between_images(axes):
    trace = xr.DataArray([0.5, -1.0, 2.0, 0.0], dims="time_step", name="modulator")
    line = draw_trace(trace, axes, steps_per_image=2, colour="C1")
    np.testing.assert_array_equal(line.get_ydata(), trace)
    assert axes.get_ylabel() == "modulator"
    upright = [one for one in axes.lines if len(set(one.get_xdata())) == 1 and one is not line]
    assert [one.get_xdata()[0] for one in upright] == [1.5]
