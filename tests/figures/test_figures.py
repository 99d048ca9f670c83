"""Figures by meaning: which lines, colours, labels; the files they are written to."""

from contextlib import suppress

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from fatheory.errors import ArchiveWriteError
from fatheory.figures import (
    interval_note,
    learning_curves,
    rule_colour,
    rule_legend,
    rule_name,
    save_figure,
    style,
)
from fatheory.metrics import mean_interval, spread, t_test
from fatheory.rules import find_rule, known_rules

STEPS = np.arange(0, 50, 10)


@pytest.fixture
def data():
    """Two rules, two sources, three seeds; one rule has no theory."""
    rng = np.random.default_rng(0)
    loss = xr.DataArray(
        rng.uniform(1, 2, (2, 2, 3, 5)),
        dims=("source", "rule", "seed", "step"),
        coords={
            "source": ["simulation", "theory"],
            "rule": ["backprop", "usf"],
            "step": STEPS,
            "time": (("rule", "step"), np.outer([0.1, 0.2], STEPS)),
        },
        name="loss",
    )
    loss.loc[{"source": "theory", "rule": "usf"}] = np.nan
    return spread(loss)


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_there_is_a_line_for_every_curve_with_values(data, axes):
    lines = learning_curves(data, "loss", axes)
    assert set(lines) == {("simulation", "backprop"), ("simulation", "usf"), ("theory", "backprop")}
    for (source, rule), line in lines.items():
        np.testing.assert_array_equal(line.get_xdata(), STEPS)
        np.testing.assert_array_equal(line.get_ydata(), data["loss"].sel(source=source, rule=rule))
        assert to_hex(line.get_color()).upper() == find_rule(rule).colour
    assert lines["theory", "backprop"].get_linestyle() != lines["simulation", "usf"].get_linestyle()


def test_a_line_and_its_band_go_by_the_labels_of_steps_in_whatever_order(data, axes):
    mixed = data.isel(step=np.random.default_rng(0).permutation(data.sizes["step"]))
    assert not mixed.indexes["step"].is_monotonic_increasing
    lines = learning_curves(data, "loss", axes)
    again = learning_curves(mixed, "loss", axes)
    for key, line in lines.items():
        np.testing.assert_array_equal(again[key].get_xydata(), line.get_xydata())
    bands = [band.get_paths()[0].vertices for band in axes.collections]
    np.testing.assert_array_equal(bands[0], bands[2])


def test_bands_are_the_intervals_of_the_simulation(data, axes):
    learning_curves(data, "loss", axes)
    assert len(axes.collections) == 2
    corners = axes.collections[0].get_paths()[0].vertices[:, 1]
    interval = data["loss_interval"].sel(source="simulation", rule="backprop")
    assert corners.min() == pytest.approx(float(interval.min()))
    assert corners.max() == pytest.approx(float(interval.max()))


def test_time_can_be_on_the_axis(data, axes):
    lines = learning_curves(data, "loss", axes, x="time")
    np.testing.assert_allclose(lines["simulation", "usf"].get_xdata(), 0.2 * STEPS)
    assert "learning rate" in axes.get_xlabel()


def test_the_legend_names_rules_and_sources(data, axes):
    rule_legend(data, axes)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["backprop", "uniform sign feedback", "simulation", "theory"]


def test_the_note_says_how_many_seeds_and_which_interval(data):
    assert interval_note(data["loss_interval"]) == "median and central 90 % of 3 seeds"


def test_the_note_tells_confidence_of_a_mean_from_a_spread_of_seeds():
    values = xr.DataArray([1.0, 2.0, 4.0], dims="seed", name="loss")
    of_mean = mean_interval(values, 0.95)["loss_interval"]
    assert interval_note(of_mean) == "mean and its 95 % confidence interval, 3 seeds"
    difference = t_test(values, values[:2], paired=False, probability=0.995)
    assert interval_note(difference["difference_interval"]) == (
        "difference of means and its 99.5 % confidence interval, 3 and 2 seeds"
    )


def test_lines_can_tell_more_apart_than_rules(data, axes):
    lines = learning_curves(data.sel(source=["simulation"]), "loss", axes, linestyle=":")
    assert {line.get_linestyle() for line in lines.values()} == {":"}
    colours = [to_hex(line.get_color()).upper() for line in lines.values()]
    assert colours == [find_rule(name).colour for name in ("backprop", "usf")]


def test_every_rule_has_a_colour_of_its_own_and_a_name():
    assert all(rule.colour and rule.display_name for rule in known_rules().values())
    assert len({rule.colour for rule in known_rules().values()}) == len(known_rules())
    assert all(rule_name(name) for name in known_rules())
    assert rule_colour("frsf 75 %") == find_rule("frsf").colour
    assert rule_name("of a third party") == "of a third party"
    assert rule_name("feedback_alignment with slopes") == "feedback alignment with slopes"


def test_figures_are_written_as_png_and_reproducible_pdf(axes, tmp_path):
    axes.plot([0, 1])
    paths = save_figure(axes.figure, tmp_path / "new" / "a.b")
    assert [path.name for path in paths] == ["a.b.png", "a.b.pdf"]
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    first = paths[1].read_bytes()
    save_figure(axes.figure, tmp_path / "new" / "a.b")
    assert paths[1].read_bytes() == first


def test_a_place_that_cannot_be_written_is_refused(axes, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveWriteError, match="file"):
        save_figure(axes.figure, tmp_path / "file" / "figure")


@pytest.mark.parametrize("fails", [False, True])
def test_a_backend_that_began_to_draw_at_once_goes_on_with_it(fails):
    # As a notebook's does with the first figure, which may well be one in this style.
    before = matplotlib.is_interactive()
    try:
        matplotlib.interactive(False)
        with suppress(ZeroDivisionError), style():
            matplotlib.interactive(True)
            assert 1 / (0 if fails else 1)
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(before)


def test_the_style_holds_only_inside_the_block():
    before = plt.rcParams["pdf.fonttype"]
    with style():
        assert plt.rcParams["pdf.fonttype"] == 42
        assert not plt.rcParams["axes.spines.top"]
    assert plt.rcParams["pdf.fonttype"] == before


def test_what_a_backend_turns_on_in_the_style_stays_on(monkeypatch):
    monkeypatch.setitem(plt.rcParams, "interactive", False)
    with style():
        plt.ion()  # as a notebook's backend does, with the first figure
    assert plt.isinteractive()
    plt.ioff()
    with style():
        pass
    assert not plt.isinteractive()
