"""Learning rates of tables: grids that grow until the best value lies inside."""

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.reproduction.rate_search import MOST_EXTENSIONS, at_the_end, search_inside

GRID = (1e-3, 1e-2, 1e-1)
ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=3, outputs=2),
    network=fa.DenseNetwork(hidden=(4,)),
    rules={"backprop": 0.1, "usf": 0.1},
    schedule=fa.Schedule(steps=10),
)


class Valley:
    """Errors that are least at one rate of every rule; it remembers what it was asked."""

    def __init__(self, **best: float) -> None:
        self.best, self.calls = best, []

    def __call__(self, asked, candidates):
        rules = [label for label, _ in asked.rules]
        self.calls.append((rules, list(candidates)))
        rates = sorted(candidates)
        errors = [[abs(np.log10(rate / self.best[rule])) for rate in rates] for rule in rules]
        tried = xr.DataArray(errors, {"rule": rules, "candidate": rates}, name="tried")
        return {}, tried


def test_a_best_value_inside_ends_the_search():
    choose = Valley(backprop=1e-2, usf=1.1e-2)
    rates, tried = search_inside(ASKED, GRID, choose)
    assert rates == {"backprop": 1e-2, "usf": 1e-2}
    assert len(choose.calls) == 1
    assert not at_the_end(tried).any()


def test_the_grid_grows_to_either_side_for_the_rules_that_need_it():
    choose = Valley(backprop=1e-5, usf=1.0)
    rates, tried = search_inside(ASKED, GRID, choose)
    assert rates["backprop"] == pytest.approx(1e-5)
    assert rates["usf"] == pytest.approx(1.0)
    assert tried["rule"].values.tolist() == ["backprop", "usf"]
    assert not at_the_end(tried).any()
    later = [rules for rules, _ in choose.calls[1:]]
    assert ["backprop"] in later
    assert ["usf"] in later
    assert ["backprop", "usf"] not in later
    assert float(tried.sel(rule="usf").dropna("candidate")["candidate"].min()) == GRID[0]


def test_a_search_without_end_is_ended_and_says_so():
    rates, tried = search_inside(ASKED, GRID, Valley(backprop=1e-2, usf=1e9))
    assert rates["usf"] == pytest.approx(0.1 * 10**MOST_EXTENSIONS)
    assert at_the_end(tried).sel(rule="usf")
    assert not at_the_end(tried).sel(rule="backprop")


def test_what_was_tried_is_not_tried_again(tmp_path):
    place = tmp_path / "search.zarr"
    first = search_inside(ASKED, GRID, Valley(backprop=1e-2, usf=1.0), place)

    def never(asked, candidates):
        raise AssertionError("searched again")

    again = search_inside(ASKED, GRID, never, place)
    assert again[0] == first[0]
    xr.testing.assert_allclose(again[1], first[1])
