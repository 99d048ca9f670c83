"""Lines and heatmaps of sweeps: where values stand, and what is said where there is none."""

import numpy as np
import pytest
from drawn_figures import lines, texts
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

import fatheory as fa
from fatheory.errors import (
    ArchiveError,
    DivergedWarning,
    HiddenValuesWarning,
    UnknownNameError,
)
from fatheory.sweep.summary import final_values, last_values

RATE, WIDTH = "rules.*.learning_rate", "network.hidden"


@pytest.fixture(scope="session")
def stored(experiment, tmp_path_factory):
    """Two widths by three rates, solved; the last rate is left out of what theory covers."""
    asked = fa.Sweep(experiment=experiment, axes={WIDTH: [[2], [8]], RATE: [0.004, 0.02, 0.1]})
    path = tmp_path_factory.mktemp("sweeps") / "sweep.zarr"
    return asked.run(path, method="flow")


@pytest.fixture
def sweep(stored):
    return stored.copy(deep=True).assign_attrs(source="simulation")


@pytest.fixture
def gaps(sweep):
    """One cell diverged under one rule and seed, one failed, one is to come."""
    at = {WIDTH: "[8]", RATE: 0.1}
    sweep["status"].loc[at] = 2
    sweep["diverged"].loc[{**at, "rule": "slow", "seed": 1}] = 1.0
    sweep["loss"].loc[{**at, "rule": "slow", "seed": 1}] = np.nan
    for place, code in ((0.004, 3), (0.02, 0)):
        own = {WIDTH: "[2]", RATE: place}
        sweep["status"].loc[own] = code
        for name in ("loss", "diverged"):
            sweep[name].loc[own] = np.nan
    return sweep


def test_lines_are_the_last_values_along_an_axis(sweep):
    axes = fa.plot.lines(sweep.sel({WIDTH: "[8]"}), x=RATE, summary="mean")
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert len(drawn) == 3
    for line, rule in zip(drawn, sweep.rule.values, strict=True):
        last = last_values(sweep, "loss").sel({WIDTH: "[8]", "rule": rule})
        np.testing.assert_allclose(line.get_ydata(), last.mean("seed"))
        np.testing.assert_allclose(line.get_xdata(), [0.004, 0.02, 0.1])
    assert axes.get_xlabel() == "learning rate"
    assert axes.get_xscale() == "log"
    assert texts(axes)[-1] == "mean ± 95 %, n = 4"


def test_a_second_axis_has_shades_and_widths_are_numbers(sweep):
    axes = fa.plot.lines(sweep.sel(rule=["slow"]), x=WIDTH)
    assert texts(axes)[:3] == [f"slow, learning rate {rate}" for rate in (0.004, 0.02, 0.1)]
    assert len({line.get_color() for line in axes.lines}) == 3
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [2, 8])


def test_lines_say_where_how_many_seeds_are_missing(gaps):
    one = gaps.sel({WIDTH: "[8]"})
    with pytest.warns(DivergedWarning):
        axes = fa.plot.lines(one, x=RATE)
    (cross,) = lines(axes, marker="x")
    assert cross.get_xdata() == [0.1]
    assert [text.get_text() for text in axes.texts] == ["1"]
    assert texts(axes)[-2:] == ["median, central 95 %, n = 3 to 4", "seeds without a value"]


def test_theory_is_dashed_over_simulation(stored, sweep):
    both = fa.sweep.side_by_side(sweep, stored)
    axes = fa.plot.lines(both.sel({WIDTH: "[2]"}), x=RATE)
    assert {line.get_linestyle() for line in axes.lines} == {"-", "--"}
    assert texts(axes)[-2:] == ["simulation", "theory/flow"]


def test_a_heatmap_has_a_panel_for_every_rule_with_medians_in_their_cells(sweep):
    drawn = fa.plot.heatmap(sweep)
    values = final_values(sweep, "loss")
    assert [axes.get_title("left") or axes.get_title() for axes in drawn] == [
        "backprop",
        "feedback alignment",
        "slow",
    ]
    (x, y) = (drawn[0].get_xlabel(), drawn[0].get_ylabel())
    assert (x, y) == ("hidden", "learning rate")
    for axes, rule in zip(drawn, values.rule.values, strict=True):
        mesh = axes.collections[0].get_array()
        np.testing.assert_allclose(mesh, values.sel(rule=rule).transpose(RATE, WIDTH))
    assert [text.get_text() for text in drawn[0].get_xticklabels()] == ["[2]", "[8]"]


@pytest.mark.parametrize(("seeds", "told"), [(4, "loss, median of 4 seeds"), (1, "loss")])
def test_colours_say_of_how_many_seeds_their_medians_are(sweep, seeds, told):
    drawn = fa.plot.heatmap(sweep.isel(seed=slice(seeds)))
    assert drawn[0].figure.axes[-1].get_ylabel() == told


def test_axes_can_be_chosen_and_colours_are_logarithmic_where_values_lie_far_apart(sweep):
    (axes,) = fa.plot.heatmap(sweep, x=RATE, y="rule", points={WIDTH: "[8]"}, log=True)
    assert isinstance(axes.collections[0].norm, LogNorm)
    assert [text.get_text() for text in axes.get_yticklabels()][2] == "slow"


def test_cells_without_a_value_say_why(gaps):
    with pytest.warns(DivergedWarning):
        *_, axes = fa.plot.heatmap(gaps)
    hatched = {tuple(map(int, p.get_xy())) for p in axes.patches if isinstance(p, Rectangle)}
    assert hatched == {(0, 0), (0, 1), (1, 2)}
    written = {
        (int(text.get_position()[0]), int(text.get_position()[1])): text.get_text()
        for text in axes.texts
    }
    assert [written[at] for at in ((0, 0), (0, 1), (1, 2))] == ["failed", "to come", "diverged"]


def test_metrics_over_cells_can_be_drawn(sweep):
    angle = fa.sweep.over_cells(fa.metrics.angle, sweep).isel(step=-1).sel(layer=2)
    drawn = fa.plot.heatmap(angle, points={"rule": "slow"})
    wanted = angle.sel(rule="slow").median("seed").transpose(RATE, WIDTH)
    np.testing.assert_allclose(drawn[0].collections[0].get_array(), wanted)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda s: fa.plot.lines(s, "los"), UnknownNameError, "did you mean 'loss'"),
        (lambda s: fa.plot.lines(s, x="width"), UnknownNameError, "unknown axis 'width'"),
        (lambda s: fa.plot.heatmap(s, y="rate"), UnknownNameError, "unknown axis 'rate'"),
        (
            lambda s: fa.plot.heatmap(s, points={"rule": "bp"}),
            UnknownNameError,
            "unknown rule 'bp'",
        ),
        (
            lambda s: fa.plot.heatmap(s.sel({WIDTH: "[2]"}), points={"rule": "slow"}),
            ArchiveError,
            "take fatheory.plot.lines for one",
        ),
        (lambda s: fa.plot.lines(s.loss, x=RATE), ArchiveError, "is along 'step'"),
        (lambda s: fa.plot.lines(s.drop_vars("status")), ArchiveError, "are of sweeps"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(sweep, call, kind, words):
    with pytest.raises(kind, match=words):
        call(sweep)


@pytest.mark.parametrize("least", [0.0, -1.0])
def test_logarithmic_colours_of_what_is_not_positive_are_refused(sweep, least):
    """They were linear, without a word."""
    sweep["loss"].loc[{WIDTH: "[8]", RATE: 0.1, "rule": "slow"}] = least
    with pytest.raises(ArchiveError, match=rf"of positive values, and the least is {least:g}"):
        fa.plot.heatmap(sweep, log=True)
    assert not isinstance(fa.plot.heatmap(sweep)[0].collections[0].norm, LogNorm)


def test_what_a_logarithmic_axis_hides_is_told(sweep):
    one = sweep.sel({WIDTH: "[8]"})
    one["loss"].loc[{RATE: 0.1, "rule": "slow"}] = 0.0
    with pytest.warns(HiddenValuesWarning, match="1 of 9 are hidden, down to 0"):
        fa.plot.lines(one, x=RATE, log=True)
    one["loss"] *= -1
    with pytest.raises(ArchiveError, match=r"all 9 lie between -.* and 0: leave log out"):
        fa.plot.lines(one, x=RATE, log=True)
