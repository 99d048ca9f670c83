"""Angles, single units, theory over simulation, and phase portraits."""

import numpy as np
import pytest
from drawn_figures import lines, texts

import fatheory as fa
from fatheory.errors import ArchiveError, FatheoryError, UnknownNameError


def test_angles_stand_between_0_and_90_degrees_with_their_unit(simulation):
    axes = fa.plot.angles(simulation, "weight", layer=2)
    assert axes.get_ylim()[0] == 0
    assert 90 in axes.get_yticks()
    assert axes.get_ylabel().replace("\n", " ").endswith("weights (°)")
    values = fa.metrics.angle(simulation, "weight", layer=2).sel(rule="slow").mean("seed")
    assert any(
        line.get_ydata() is not None
        and len(line.get_ydata()) == values.size
        and np.allclose(line.get_ydata(), values)
        for line in axes.lines
    )


def test_angles_are_those_of_signals_where_there_are_some(simulation):
    assert "teaching signals" in fa.plot.angles(simulation).get_ylabel().replace("\n", " ")
    bare = simulation.drop_vars("delta_angle")
    assert fa.plot.angles(bare, "weight").get_ylabel().startswith("angle between forward")


def test_units_are_thin_lines_and_their_median_a_thick_one(simulation):
    axes = fa.plot.units(simulation, rule="feedback_alignment", seed=2)
    angles = fa.metrics.angle(simulation, "unit").sel(rule="feedback_alignment", seed=2)
    _, *thin, thick = lines(axes)
    drawn = np.stack([line.get_ydata() for line in thin], -1)
    np.testing.assert_allclose(drawn, angles.transpose("step", ...))
    np.testing.assert_allclose(thick.get_ydata(), np.median(drawn, 1))
    assert texts(axes) == ["feedback alignment, 4 units"]
    assert axes.get_legend().get_title().get_text().endswith("seed 2")


def test_units_go_along_steps_in_whatever_order_they_stand(simulation):
    turned = simulation.isel(step=slice(None, None, -1)).transpose()
    ours, theirs = (fa.plot.units(data, rule="slow", seed=2).lines for data in (turned, simulation))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())


def test_units_of_backprop_have_no_angles_to_show(simulation):
    assert texts(fa.plot.units(simulation)) == ["feedback alignment, 4 units", "slow, 4 units"]
    with pytest.raises(ArchiveError, match="no rule here has feedback"):
        fa.plot.units(simulation, rule="backprop")
    with pytest.raises(UnknownNameError, match="unknown seed 9"):
        fa.plot.units(simulation, seed=9)


def test_theory_lies_over_simulation_and_residuals_below(theory, simulation):
    above, below = fa.plot.compare(theory, simulation, summary="mean")
    assert {line.get_linestyle() for line in above.lines} == {"-", "--"}
    assert texts(above)[-2:] == ["simulation", "theory/flow"]
    found = fa.compare(theory, simulation).residual_loss.sel(rule="slow").mean("seed")
    drawn = [line.get_ydata() for line in below.lines if len(line.get_ydata()) == found.size]
    assert any(np.allclose(own, found) for own in drawn)
    assert below.get_ylabel() == "theory − simulation"
    assert "relative error, median of seeds: backprop 0.0" in below.get_title("left")
    assert above.get_shared_x_axes().joined(above, below)


def test_theory_is_found_by_label(theory, simulation):
    turned = theory.isel(rule=[2, 0, 1], seed=[3, 1, 0, 2]).transpose()
    one = fa.plot.compare(theory, simulation)[0]
    other = fa.plot.compare(turned, simulation)[0]
    assert len(one.lines) == len(other.lines) == 6
    for left, right in zip(one.lines, other.lines, strict=True):
        np.testing.assert_allclose(left.get_ydata(), right.get_ydata())
        assert left.get_color() == right.get_color()


def test_what_is_of_another_experiment_is_not_laid_over(theory, simulation, experiment):
    other = fa.solve(experiment.replaced(root_seed=5))
    with pytest.raises(ArchiveError, match="different questions"):
        fa.plot.compare(other, simulation)
    with pytest.raises(UnknownNameError, match="variable of both archives"):
        fa.plot.compare(theory, simulation, "speed")


def test_a_portrait_follows_every_run(simulation):
    angle = fa.metrics.angle(simulation, "weight", layer=2)
    axes = fa.plot.phase_portrait(angle, simulation, names=(None, "loss"))
    path = [line for line in axes.lines if len(line.get_xdata()) == angle.sizes["step"]]
    assert len(path) == 3 * 4
    wanted = angle.sel(rule="slow", seed=3)
    assert any(np.allclose(line.get_xdata(), wanted) for line in path)
    assert axes.get_xlabel().endswith("(°)")
    assert axes.get_ylabel() == "loss"
    assert texts(axes) == ["backprop", "feedback alignment", "slow", "start; n = 4"]


def test_a_portrait_goes_by_label_and_lies_over_its_field(simulation):
    loss = simulation.loss.sel(rule=["slow"])
    turned = simulation.loss.isel(seed=[2, 0, 3, 1]).transpose()
    axes = fa.plot.phase_portrait(loss, turned, field=lambda X, Y: (-X, -Y))
    for line in axes.lines:
        np.testing.assert_allclose(line.get_xdata(), line.get_ydata())
    assert axes.collections  # streamlines
    assert texts(axes)[-1] == "start; n = 4"
    with pytest.raises(FatheoryError, match="two arrays of the shape"):
        fa.plot.phase_portrait(loss, turned, field=lambda X, Y: X)
    with pytest.raises(ArchiveError, match="share no rule"):
        fa.plot.phase_portrait(loss, turned.sel(rule=["backprop"]))
