"""Theory against simulation over a sweep: equal values at equal labels, however the two stand."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from properties import cases
from sweep_examples import RATES, sweep

import fatheory as fa
from fatheory.errors import ArchiveError
from fatheory.sweep import over_cells

WIDTH = "network.hidden"
POINTS = {WIDTH: [[3], [2]], RATES: [0.03, 0.01, 0.02]}
FAILED = {WIDTH: "[2]", RATES: 0.01}
TO_COME = {WIDTH: "[3]", RATES: 0.02}
DIVERGED = {WIDTH: "[3]", RATES: 0.03}
LOST = {"rule": "feedback_alignment", "seed": 3}


@pytest.fixture(scope="module")
def theory(tmp_path_factory):
    """The flow of every cell but one that failed."""
    stored = sweep(POINTS).run(tmp_path_factory.mktemp("theory") / "x.zarr", method="flow")
    return without(stored.copy(deep=True), FAILED, 3)


@pytest.fixture(scope="module")
def simulation(theory, tmp_path_factory):
    """One cell is to come, and in one a run is lost from its third record on."""
    path = tmp_path_factory.mktemp("simulation") / "x.zarr"
    stored = without(sweep(POINTS).run(path).copy(deep=True), TO_COME, 0)
    # Apart from theory by a factor of its own in every cell and run: none can be taken for another.
    factor = 1 + 0.01 * np.arange(1, stored["diverged"].size + 1).reshape(stored["diverged"].shape)
    stored["loss"] *= xr.DataArray(factor, dims=stored["diverged"].dims)
    steps = stored["step"].values
    stored["status"].loc[DIVERGED] = 2
    stored["diverged"].loc[DIVERGED | LOST] = 1.0
    stored["diverged_at"].loc[DIVERGED | LOST] = steps[2]
    for name in [name for name in stored if "step" in stored[name].dims]:
        stored[name].loc[DIVERGED | LOST | {"step": steps[2:]}] = np.nan
    return stored


def without(stored, at, code):
    """Leave a cell empty, as one that failed or is to come is."""
    stored["status"].loc[at] = code
    for name in [name for name in stored if stored[name].dtype.kind == "f"]:
        if set(at) <= set(stored[name].dims):
            stored[name].loc[at] = np.nan
    return stored


def changed(draw, stored, left):
    """Leave some points of the axes, and put them, rules, seeds, steps and layers in any order."""
    stored = stored.sel(left)
    for dim in sorted(map(str, stored.indexes)):
        stored = stored.isel({dim: draw(st.permutations(range(stored.sizes[dim])))})
    return stored.transpose(*draw(st.permutations(sorted(map(str, stored.dims)))))


def check(data, theory, simulation):
    left = {}
    for dim in POINTS:
        points = theory[dim].values.tolist()
        count = data.draw(st.integers(1, len(points)))
        left[dim] = data.draw(st.permutations(points))[:count]
    pair = [changed(data.draw, stored, left) for stored in (theory, simulation)]
    cells = [{WIDTH: w, RATES: r} for w in left[WIDTH] for r in left[RATES]]
    if all(at in (FAILED, TO_COME) for at in cells):
        with pytest.raises(ArchiveError, match="no cell is done in all"):
            over_cells(fa.compare, *pair)
        return
    found = over_cells(fa.compare, *pair)
    for at in cells:
        own = found.sel(at)
        if at in (FAILED, TO_COME):
            assert all(own[name].isnull().all() for name in own)
            continue
        difference = theory["loss"].sel(at) - simulation["loss"].sel(at)
        residual = own["residual_loss"].transpose(*difference.dims)
        there = {dim: residual[dim].values for dim in difference.dims}
        np.testing.assert_allclose(residual, difference.sel(there), rtol=1e-9, atol=1e-14)
        both = difference.notnull()
        size = (simulation["loss"].sel(at).where(both) ** 2).sum("step")
        error = np.sqrt((difference**2).sum("step") / size)
        relative = own["relative_error"].sel(variable="loss").transpose(*error.dims)
        there = {dim: relative[dim].values for dim in error.dims}
        np.testing.assert_allclose(relative, error.sel(there), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(12)
def test_equal_values_at_equal_labels(theory, simulation, data):
    check(data, theory, simulation)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")
@given(data=st.data())
@cases(200)
def test_equal_values_at_equal_labels_at_length(theory, simulation, data):
    check(data, theory, simulation)


def test_a_lost_run_is_announced_and_missing_from_then_on(theory, simulation):
    with pytest.warns(fa.errors.DivergedWarning, match="feedback_alignment"):
        found = over_cells(fa.compare, theory.isel({RATES: [2, 0, 1]}), simulation)
    lost = found["residual_loss"].sel(DIVERGED | LOST)
    assert lost.notnull().values.tolist() == [True, True, False, False]
