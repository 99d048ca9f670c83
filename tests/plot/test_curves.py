"""Curves by meaning: which lines, of how many seeds, what the legend says of lost runs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from drawn_figures import diverging, lines, texts

import fatheory as fa
from fatheory.errors import ArchiveError, DivergedWarning, FatheoryError, UnknownNameError
from fatheory.figures import label_colours

RULES = {
    "backprop": "backprop",
    "feedback_alignment": "feedback_alignment",
    "slow": "feedback_alignment",
}


def test_there_is_a_line_for_every_label_in_its_own_colour(simulation):
    axes = fa.plot.curves(simulation, "loss", summary="mean")
    colours = label_colours(RULES, RULES)
    assert len(set(colours.values())) == 3
    for label, colour in colours.items():
        (line,) = lines(axes, colour)
        np.testing.assert_allclose(line.get_ydata(), simulation.loss.sel(rule=label).mean("seed"))
        np.testing.assert_array_equal(line.get_xdata(), simulation.step)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("update steps", "loss")
    assert texts(axes) == ["backprop", "feedback alignment", "slow", "mean ± 95 %, n = 4"]


def test_a_rule_keeps_its_colour_in_selections_and_transpositions(simulation):
    alone = fa.plot.curves(simulation.sel(rule=["slow"]).transpose(), summary="mean")
    expected = label_colours(RULES, RULES)["slow"]
    (line,) = lines(alone)
    assert line.get_color() == expected
    single = fa.plot.curves(simulation.sel(rule="slow"))
    assert lines(single)[0].get_color() == expected
    assert texts(single)[0] == "slow"


def test_bands_are_those_of_the_metric(simulation):
    axes = fa.plot.curves(simulation.sel(rule=["backprop"]), summary="mean", log=False)
    (band,) = axes.collections
    found = fa.metrics.mean_interval(simulation.loss.sel(rule="backprop"))
    corners = band.get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(float(found.loss_interval.min()))
    assert corners.max() == pytest.approx(float(found.loss_interval.max()))


def test_a_logarithmic_axis_shows_medians(simulation):
    axes = fa.plot.curves(simulation)
    assert axes.get_yscale() == "log"
    assert texts(axes)[-1] == "median, central 95 %, n = 4"
    (line,) = lines(axes, label_colours(RULES, RULES)["backprop"])
    median = simulation.loss.sel(rule="backprop").median("seed")
    np.testing.assert_allclose(line.get_ydata(), median)


def test_lost_runs_are_shown_and_counted_and_the_line_is_of_the_others(two_lost):
    with pytest.warns(DivergedWarning, match="2 of 12 runs diverged"):
        axes = fa.plot.curves(two_lost, summary="mean")
    colour = label_colours(RULES, RULES)["feedback_alignment"]
    line, *thin = lines(axes, colour)
    kept = two_lost.loss.sel(rule="feedback_alignment", seed=[0, 3]).mean("seed")
    np.testing.assert_allclose(line.get_ydata(), kept)
    assert len(thin) == len(lines(axes, colour, "x")) == 2
    assert texts(axes)[:3] == ["backprop, n = 4", "feedback alignment, n = 2 of 4", "slow, n = 4"]
    assert texts(axes)[-1] == "a run that diverged"
    # What explodes leaves the figure, and the others are seen.
    assert axes.get_ylim()[1] < 1e4 * float(kept.max()) < float(two_lost.loss.max())


def test_a_rule_of_which_all_runs_are_lost_says_so(simulation):
    lost = diverging(simulation, "slow", [0, 1, 2, 3], 4)
    with pytest.warns(DivergedWarning):
        axes = fa.plot.curves(lost)
    assert "slow, n = 0 of 4" in texts(axes)
    assert len(lines(axes, label_colours(RULES, RULES)["slow"], "x")) == 4


def test_times_are_never_counted():
    """Values along time alone stand at their times by either name; without times there are none."""
    times = np.array([0.0, 0.5, 4.0])
    values = xr.DataArray([3.0, 2.0, 1.0], dims="time", coords={"time": times}, name="loss")
    for x in ("time", "step"):
        (line,) = fa.plot.curves(values, x=x).lines
        np.testing.assert_array_equal(line.get_xdata(), times)
    counted = xr.DataArray([3.0, 2.0], dims="step", name="loss")
    with pytest.raises(ArchiveError, match="'loss' has no 'time' beside its steps"):
        fa.plot.curves(counted, x="time")


def test_time_is_that_of_each_rule(simulation):
    axes = fa.plot.curves(simulation, x="time")
    (line,) = lines(axes, label_colours(RULES, RULES)["slow"])
    np.testing.assert_allclose(line.get_xdata(), 0.01 * simulation.step)
    assert axes.get_xlabel() == "time (learning rate × step)"


def test_axes_go_in_and_come_out(simulation):
    figure, mine = plt.subplots()
    assert fa.plot.curves(simulation, axes=mine, legend=False, linewidth=5) is mine
    assert mine.get_legend() is None
    assert {line.get_linewidth() for line in mine.lines} == {5}
    assert plt.get_fignums() == [figure.number]


def test_quantities_that_were_not_recorded_are_computed_and_layers_are_shades(simulation):
    axes = fa.plot.curves(simulation, "weight_norm", log=False)
    assert "feedback alignment, layer 2" in texts(axes)
    assert len({line.get_color() for line in axes.lines}) == 6


def test_metrics_can_be_drawn_and_numbers_of_seeds_are_theirs(simulation):
    values = fa.metrics.quantity(simulation, "weight_norm").weight_norm.sel(layer=1)
    axes = fa.plot.curves(values.isel(seed=[0]))
    assert texts(axes)[-1] == "n = 1"
    assert not axes.collections or not any(
        np.isfinite(path.vertices).any() and len(path.vertices) > 2
        for band in axes.collections
        for path in band.get_paths()
    )


def test_sources_are_line_styles(simulation, theory):
    both = xr.concat(
        [simulation.loss, theory.loss], xr.Variable("source", ["simulation", "theory/flow"])
    )
    axes = fa.plot.curves(both)
    assert {line.get_linestyle() for line in axes.lines} == {"-", "--"}
    assert texts(axes)[-2:] == ["simulation", "theory/flow"]


def test_names_out_of_files_are_shown_and_no_formulas(simulation):
    odd = simulation.assign_coords(rule=["$x^", "b", "c"]).drop_attrs(deep=False)
    odd.loss.attrs["long_name"] = "$\\frac"
    axes = fa.plot.curves(odd.loss)
    axes.figure.canvas.draw()
    assert texts(axes)[0] == r"\$x^"


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda a: fa.plot.curves(a, "los"), UnknownNameError, "did you mean 'loss'"),
        (lambda a: fa.plot.curves(a, "weight_1"), ArchiveError, "no place for the axes 'unit_"),
        (lambda a: fa.plot.curves(a.isel(step=-1)), ArchiveError, "'step', which 'loss' does"),
        (lambda a: fa.plot.curves(a.loss, "weight_angle"), FatheoryError, "pass the archive"),
        (lambda a: fa.plot.curves([1, 2]), FatheoryError, "got list"),
        (lambda a: fa.plot.curves(a, x="epoch"), UnknownNameError, "unknown x 'epoch'"),
        (lambda a: fa.plot.curves(a, summary="mode"), UnknownNameError, "summary 'mode'"),
        (lambda a: fa.plot.curves(a, axes="here"), FatheoryError, "got 'here'"),
        (lambda a: fa.plot.curves(a, axes=plt.subplots(1, 2)[1]), FatheoryError, "1 panels; got 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(simulation, unchecked, call, kind, words):
    with pytest.raises(kind, match=words):
        call(simulation)


def test_a_figure_that_fails_leaves_none_behind(simulation):
    with pytest.raises(ArchiveError):
        fa.plot.curves(simulation, "weight_1")
    assert plt.get_fignums() == []
