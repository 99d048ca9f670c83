"""What figures draw of an archive is the same in whatever order it stands; selections are parts.

Archives of a run and of a sweep are permuted, reversed, transposed and selected from along every
axis; numbers and their places are read back from the figures and held against the values of the
whole archive at the labels that are left.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from drawn_figures import diverging, lines, texts
from hypothesis import given
from hypothesis import strategies as st
from properties import cases

import fatheory as fa
from fatheory.errors import DivergedWarning
from fatheory.figures import label_colours

RATE, WIDTH = "rules.*.learning_rate", "network.hidden"
RULES = {
    "backprop": "backprop",
    "feedback_alignment": "feedback_alignment",
    "slow": "feedback_alignment",
}
COLOURS = label_colours(RULES, RULES)
RATES, WIDTHS = [0.1, 0.004, 0.02], [[8], [2]]


def changed(draw, data, selects):
    """Put every axis that has labels in another order, leave some of some, and transpose."""
    for dim in sorted(map(str, data.indexes)):
        order = draw(st.permutations(range(data.sizes[dim])))
        if dim in selects and draw(st.booleans()):
            order = order[: draw(st.integers(selects[dim], data.sizes[dim]))]
        data = data.isel({dim: list(order)})
    return data.transpose(*draw(st.permutations(sorted(map(str, data.dims)))))


def kept(whole, part, *dims):
    """Return the whole's values at the labels that are left, in the whole's order."""
    there = {dim: whole[dim].isin(np.atleast_1d(part[dim].values)) for dim in dims}
    return whole.isel({dim: np.flatnonzero(own) for dim, own in there.items()})


@pytest.fixture(scope="module")
def run(solved):
    """A run of which two seeds of one rule are lost on the way."""
    whole = solved.assign_attrs(source="simulation")
    return diverging(whole, "feedback_alignment", [1, 2], 5)


@pytest.fixture(scope="module")
def sweep(experiment, tmp_path_factory):
    """A sweep with points that do not rise, one diverged run, a failed cell and one to come."""
    asked = fa.Sweep(experiment=experiment, axes={WIDTH: WIDTHS, RATE: RATES})
    stored = asked.run(tmp_path_factory.mktemp("sweeps") / "x.zarr", method="flow")
    stored = stored.copy(deep=True).assign_attrs(source="simulation")
    at = {WIDTH: "[8]", RATE: 0.1}
    stored["status"].loc[at] = 2
    stored["diverged"].loc[{**at, "rule": "slow", "seed": 1}] = 1.0
    last = {"step": stored.step.values[4:]}
    stored["loss"].loc[{**at, "rule": "slow", "seed": 1, **last}] = np.nan
    for own, code in (({WIDTH: "[2]", RATE: 0.004}, 3), ({WIDTH: "[2]", RATE: 0.02}, 0)):
        stored["status"].loc[own] = code
        for name in ("loss", "diverged", "time"):
            if set(own) <= set(stored[name].dims):
                stored[name].loc[own] = np.nan
    return stored


def ends(stored):
    """The losses at the last step, spelled out."""
    return stored["loss"].sel(step=int(stored.step.max()))


def check_curves(data, run, draw_with, variable, layer):
    part = changed(data.draw, run, {"rule": 1, "seed": 2, "step": 2})
    summary = data.draw(st.sampled_from(["mean", "median"]))
    values = kept(run[variable], part, "rule", "seed", "step")
    values = values if layer is None else values.sel(layer=layer)
    axes = draw_with(part, summary)
    for rule in values.rule.values.tolist():
        own = values.sel(rule=rule)
        whole = own.isel(step=-1).notnull()
        (line, *lost) = lines(axes, COLOURS[rule])
        good = own.isel(seed=np.flatnonzero(whole.values))
        if good.seed.size:
            expected = getattr(good, summary)("seed")
            np.testing.assert_array_equal(line.get_xdata(), own.step)
            np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
        # Lost runs: those that had a value, and have none at the end.
        gone = own.isel(seed=np.flatnonzero((~whole & own.notnull().any("step")).values))
        drawn = sorted(tuple(np.nan_to_num(one.get_ydata(), nan=-1.0)) for one in lost)
        wanted = gone.transpose("seed", "step").fillna(-1.0).values
        np.testing.assert_array_equal(drawn, sorted(map(tuple, wanted)) or drawn)
        assert len(drawn) == len(wanted)
    plt.close("all")


def curves_of(part, summary):
    return fa.plot.curves(part, "loss", summary=summary)


def angles_of(part, summary):
    return fa.plot.angles(part, "delta", layer=1, summary=summary)


@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(12)
def test_curves(run, data):
    check_curves(data, run, curves_of, "loss", None)


@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(8)
def test_angles(run, data):
    check_curves(data, run, angles_of, "delta_angle", 1)


def check_lines(data, sweep):
    width = data.draw(st.sampled_from(["[8]", "[2]"]))
    whole = sweep.sel({WIDTH: width})
    part = changed(data.draw, whole, {"rule": 1, "seed": 2, RATE: 2})
    values = kept(ends(whole), part, "rule", "seed", RATE).sortby(RATE)
    if not values.notnull().any():
        return
    axes = fa.plot.lines(part, x=RATE, summary="mean")
    for rule in values.rule.values.tolist():
        own = values.sel(rule=rule)
        if not own.notnull().any():
            continue
        (line,) = lines(axes, COLOURS[rule], "o")
        np.testing.assert_array_equal(line.get_xdata(), own[RATE])
        np.testing.assert_allclose(line.get_ydata(), own.mean("seed"), rtol=1e-12)
        crosses = {float(one.get_xdata()[0]) for one in lines(axes, COLOURS[rule], "x")}
        assert crosses == set(own[RATE].values[own.isnull().any("seed").values].tolist())
    plt.close("all")


@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(8)
def test_lines(sweep, data):
    check_lines(data, sweep)


WHY = {0: "to come", 2: "diverged", 3: "failed"}


def check_heatmap(data, sweep):
    part = changed(data.draw, sweep, {"rule": 1, "seed": 2, RATE: 2})
    values = kept(ends(sweep), part, "rule", "seed", RATE).median("seed", skipna=False)
    drawn = fa.plot.heatmap(part, x=RATE, y=WIDTH)
    titles = [fa.figures.rule_name(str(rule)) for rule in part.rule.values]
    assert [axes.get_title("left") or axes.get_title() for axes in drawn] == titles
    for axes, rule in zip(drawn, part.rule.values, strict=True):
        across = [float(text.get_text()) for text in axes.get_xticklabels()]
        up = [text.get_text() for text in drawn[0].get_yticklabels()]
        mesh = np.ma.filled(axes.collections[0].get_array().astype(float), np.nan)
        expected = values.sel({"rule": rule, RATE: across, WIDTH: up}).transpose(WIDTH, RATE)
        np.testing.assert_allclose(mesh, expected, rtol=1e-12)
        written = {
            (int(text.get_position()[1]), int(text.get_position()[0])): text.get_text()
            for text in axes.texts
        }
        for (row, column), value in np.ndenumerate(expected.values):
            status = int(sweep["status"].sel({RATE: across[column], WIDTH: up[row]}))
            wanted = f"{value:.3g}" if np.isfinite(value) else WHY[status]
            assert written[row, column] == wanted
    plt.close("all")


@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(6)
def test_heatmaps(sweep, data):
    check_heatmap(data, sweep)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(150)
def test_all_of_them_at_length(run, sweep, data):
    check_curves(data, run, curves_of, "loss", None)
    check_curves(data, run, angles_of, "delta_angle", 1)
    check_lines(data, sweep)
    check_heatmap(data, sweep)


def test_lost_runs_are_those_of_the_last_step_and_not_of_the_last_place(run):
    """Reversed, their first values stood at the end: they were in the mean, and n was of all."""
    turned = run.isel(step=slice(None, None, -1))
    with pytest.warns(DivergedWarning):
        axes = fa.plot.curves(turned.sel(rule=["feedback_alignment"]), summary="mean")
    kept_runs = run.loss.sel(rule="feedback_alignment", seed=[0, 3]).mean("seed")
    np.testing.assert_allclose(lines(axes)[0].get_ydata(), kept_runs)
    assert texts(axes)[-2:] == ["mean ± 95 %, n = 2 of 4", "a run that diverged"]


def test_comparisons_of_theory_and_simulation(solved):
    """The two may stand in orders of their own."""
    noisy = solved.assign(loss=1.1 * solved.loss).assign_attrs(source="simulation")
    turned = noisy.isel(step=slice(None, None, -1), rule=[2, 0, 1], seed=[3, 1, 0, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        above, below = fa.plot.compare(solved, turned.transpose(), summary="mean")
    for rule, colour in COLOURS.items():
        own = noisy.loss.sel(rule=rule).mean("seed")
        simulated, theory = lines(above, colour)
        np.testing.assert_array_equal(simulated.get_xdata(), noisy.step)
        np.testing.assert_allclose(simulated.get_ydata(), own)
        np.testing.assert_allclose(theory.get_ydata(), own / 1.1)
        (left,) = lines(below, colour)
        np.testing.assert_allclose(left.get_ydata(), own / 1.1 - own)


def test_ends_of_a_sweep_are_those_of_its_last_steps(sweep):
    """Reversed, every cell ended with its start."""
    from fatheory.sweep.summary import final_values, last_values

    turned = sweep.isel(step=slice(None, None, -1))
    for function in (final_values, last_values):
        xr.testing.assert_identical(
            function(turned, "loss").drop_vars("time"), function(sweep, "loss").drop_vars("time")
        )
    np.testing.assert_array_equal(last_values(sweep, "loss"), ends(sweep))
