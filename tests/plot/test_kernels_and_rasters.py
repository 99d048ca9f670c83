"""Kernels, order parameters and rasters."""

import numpy as np
import pytest
import xarray as xr
from drawn_figures import texts

import fatheory as fa
from fatheory.errors import ArchiveError, FatheoryError, UnknownNameError

X = np.random.default_rng(0).standard_normal((6, 3))


def kernel(rule):
    return fa.theory.lazy_kernel(X, activation="relu", hidden_layers=1, rule=rule)


def test_kernels_are_panels_of_one_scale_titled_by_rule():
    both = [kernel("backprop"), kernel("feedback_alignment")]
    first, second = fa.plot.kernels(both)
    assert (first.get_title("left"), second.get_title("left")) == ("backprop", "feedback alignment")
    for axes, own in zip((first, second), both, strict=True):
        np.testing.assert_array_equal(axes.collections[0].get_array(), own)
    assert first.collections[0].norm is second.collections[0].norm
    assert first.yaxis_inverted()


def test_colours_are_even_around_zero_where_values_have_both_signs():
    odd = xr.DataArray([[1.0, -3.0], [-3.0, 2.0]], dims=("point", "point_twin"), name="kernel")
    (axes,) = fa.plot.kernels(odd)
    norm = axes.collections[0].norm
    assert (norm.vmin, norm.vcenter, norm.vmax) == (-3, 0, 3)


def test_what_is_no_kernel_is_refused(unchecked):
    with pytest.raises(ArchiveError, match="two axes; 'kernel' has point"):
        fa.plot.kernels(kernel("backprop")[0])
    for nothing in ([], [3]):
        with pytest.raises(FatheoryError, match="kernels are DataArrays"):
            fa.plot.kernels(nothing)


@pytest.fixture(scope="session")
def order_parameters():
    W0 = 0.1 * np.random.default_rng(2).standard_normal((3, 2))
    return fa.theory.order_parameters(
        np.eye(3) / 5,
        W0,
        np.eye(2),
        np.ones((1, 3)) / 3,
        np.ones((1, 2)),
        B=np.ones((3, 1)),
        activation="erf",
        learning_rate=0.5,
        times=np.linspace(0, 20, 6),
    )


def test_overlaps_of_students_are_drawn_once_and_those_with_teachers_dashed(order_parameters):
    axes = fa.plot.overlaps(order_parameters)
    named = {line.get_label(): line for line in axes.lines if line.get_label()[0] in "QR"}
    pairs = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    assert [name for name in named if name[0] == "Q"] == [f"Q {i},{k}" for i, k in pairs]
    assert len(named) == 6 + 6
    np.testing.assert_array_equal(named["R 3,2"].get_ydata(), order_parameters.R[:, 2, 1])
    assert named["R 1,1"].get_linestyle() == "--"
    assert len({line.get_color() for line in named.values()}) == 12
    assert axes.get_xlabel() == "time (step / n_i)"
    assert texts(axes)[-1] == "T of a teacher"


def test_theory_along_time_is_a_curve(order_parameters):
    axes = fa.plot.curves(order_parameters, "generalization_error")
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), order_parameters.time)
    assert axes.get_ylabel() == "generalization error"


def test_what_has_no_overlaps_is_refused(solved):
    with pytest.raises(ArchiveError, match="there is no Q, R"):
        fa.plot.overlaps(solved)


def test_overlaps_go_along_time_in_whatever_order_it_stands(order_parameters):
    turned = order_parameters.isel(time=[3, 0, 5, 1, 4, 2])
    ours, theirs = (fa.plot.overlaps(data).lines for data in (turned, order_parameters))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())


@pytest.fixture
def spiking():
    """An archive of what neurons did, of drawn spikes: three images of five steps."""
    experiment = fa.Experiment(
        task=fa.ImageTask(dataset="synthetic-digits", limit=40, evaluation_limit=20),
        network=fa.SpikingNetwork(hidden=(9, 8), group=2, start=fa.Uniform(bound=0.4)),
        rules={"feedback_alignment": 0.5, "backprop": 0.5},
        schedule=fa.Schedule(phases=(fa.Phase(steps=12),)),
        record=fa.Record(quantities=("traces",), snapshots=2, probe_samples=3),
        seeds=2,
    )
    dims = ("rule", "seed", "step", "layer", "traced_unit", "time_step")
    sizes = (2, 2, 2, 3, 4, 15)
    rng = np.random.default_rng(4)
    coords = {"rule": ["feedback_alignment", "backprop"], "seed": [0, 1], "step": [0, 12]}
    return xr.Dataset(
        {
            "spikes": (dims, rng.integers(0, 2, sizes).astype(float)),
            "potential": (dims, rng.normal(size=sizes), {"long_name": "postsynaptic potential"}),
            "modulator": (dims, rng.normal(size=sizes), {"long_name": "modulator"}),
        },
        coords | {"layer": [1, 2, 3]},
        {"experiment": experiment.to_json()},
    )


def test_rasters_show_a_run_and_what_one_neuron_computes(spiking):
    above, below = fa.plot.rasters(spiking, rule="backprop", seed=1, step=0, layer=2, unit=3)
    own = spiking.sel(rule="backprop", seed=1, step=0)
    ticks = [line for line in above.lines if line.get_marker() == "|"]
    assert [len(line.get_xdata()) for line in ticks] == own.spikes.sum(
        ("traced_unit", "time_step")
    ).values.tolist()
    drawn = {line.get_label(): line.get_ydata() for line in below.lines}
    np.testing.assert_array_equal(
        drawn["postsynaptic potential"], own.potential.sel(layer=2)[3].values
    )
    assert above.get_title("left") == "backprop, seed 1, step 0"
    assert below.get_ylabel() == "layer 2, unit 3"
    # Lines part the three images.
    assert sum(len(set(line.get_xdata())) == 1 for line in above.lines if line not in ticks) == 2


def test_the_last_step_of_the_first_run_is_shown_where_nothing_is_said(spiking):
    above, _ = fa.plot.rasters(spiking)
    assert above.get_title("left") == "feedback alignment, seed 0, step 12"


def test_the_last_step_and_the_first_layer_are_told_by_their_numbers(spiking):
    """Reversed, the first step was shown as the last, and the output layer lay lowest."""
    turned = spiking.isel(step=[1, 0], layer=[2, 1, 0])
    for one, other in zip(
        fa.plot.rasters(turned, layer=2), fa.plot.rasters(spiking, layer=2), strict=True
    ):
        assert one.get_title("left") == other.get_title("left")
        assert [text.get_text() for text in one.get_yticklabels()] == [
            text.get_text() for text in other.get_yticklabels()
        ]
        for ours, theirs in zip(one.lines, other.lines, strict=True):
            np.testing.assert_array_equal(ours.get_xydata(), theirs.get_xydata())


def test_what_has_no_traces_is_refused(spiking, solved):
    with pytest.raises(ArchiveError, match="recorded 'traces'"):
        fa.plot.rasters(solved)
    with pytest.raises(UnknownNameError, match="unknown layer 7"):
        fa.plot.rasters(spiking, layer=7)
    with pytest.raises(ArchiveError, match="units 0 to 3"):
        fa.plot.rasters(spiking, unit=4)
