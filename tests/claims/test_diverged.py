"""A run that diverged is not left out of a verdict, and one bad result takes no other away."""

import numpy as np
import pytest
import xarray as xr
from claims.stored import fig3ab, put

from fatheory.claims import ENTRIES, Results, Verdict, bounds, tables
from fatheory.claims.entries import depth, digits, spikes
from fatheory.claims.entry import Entry
from fatheory.claims.ledger import ledger, look
from fatheory.claims.measured import Measured, largest, smallest
from fatheory.claims.results import NotMeasuredError
from fatheory.errors import ArrayError

RULES = ("backprop", *tables.STRICT)
LEAD = next(entry for entry in ENTRIES if entry.id == "l16.fig3a.lead")


class Held(Results):
    """Results that are at hand."""

    def __init__(self, data):
        self.data = data

    def __getitem__(self, name):
        return self.data[name]


def table(lost="", settings=("SGD", "BN", "BM", "BN+BM"), rules=RULES, seeds=(0,)):
    """Return a table of errors, in which the rule that is lost has NaN in some seeds."""
    values = 10.0 + np.arange(len(rules))[None, :, None] + np.zeros((len(settings), 1, 3))
    error = xr.DataArray(
        values[None],
        {"image_set": ["MNIST"], "setting": list(settings), "rule": list(rules), "seed": range(3)},
        ("image_set", "setting", "rule", "seed"),
        attrs={"units": "percent"},
    )
    if lost:
        error.loc[{"rule": lost, "seed": list(seeds)}] = np.nan
    return xr.Dataset({"error": error})


@pytest.mark.parametrize("lost", tables.STRICT)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_a_rule_that_diverged_is_the_worst(lost, seeds):
    whole = tables.strict_minus_backprop(Held({tables.A: table()}), "mnist", "BN+BM", "SGD")
    assert whole.value == pytest.approx(3)
    data = Held({tables.A: table(lost, seeds=seeds)})
    assert np.isnan(tables.strict_minus_backprop(data, "mnist", "BN+BM", "SGD").value)
    best = tables.needed(data, "mnist").value
    assert best == pytest.approx(2 if lost == "usf" else 1)


@pytest.mark.parametrize("lost", tables.STRICT)
def test_the_gain_of_a_rule_that_diverged_is_not_passed_over(lost):
    assert np.isnan(tables.complementary(Held({tables.A: table(lost)}), "mnist").value)


@pytest.mark.parametrize("lost", ["backprop", "usf"])
def test_spreads_are_of_every_seed(lost):
    last = Held({tables.C2: table(lost, ("top", "bottom"))})
    settings = Held({tables.BM: table(lost, ("0", "1", "2", "3"))})
    assert np.isnan(tables.top_alike(last, "mnist").value)
    assert np.isnan(tables.signs_learn(last, "mnist").value)
    assert np.isnan(tables.settings_alike(settings, "mnist", ("backprop", "usf")).value)
    assert np.isnan(tables.from_sgd(settings, "mnist").value)


def test_nan_ranks_before_every_number_in_any_order():
    lost, low, high = Measured(np.nan), Measured(1.0), Measured(2.0)
    for several in ([lost, low, high], [low, lost, high], [high, low, lost]):
        assert largest(several) is lost
        assert smallest(several) is lost
    assert (largest([low, high]), smallest([high, low])) == (high, low)


def test_a_depth_that_diverged_is_not_one_that_is_no_better():
    rng = np.random.default_rng(0)
    last = xr.DataArray(
        rng.normal(size=(2, 1, 5)),
        {"depth": [3, 4], "rule": ["backprop"]},
        ("depth", "rule", "seed"),
    )
    last[1, 0, 2] = np.nan
    with pytest.raises(NotMeasuredError, match="diverged"):
        depth.depth_p(Held({depth.DEEP: xr.Dataset({"last_nse": last})}), "backprop")


def test_spiking_runs_that_were_lost_are_not_left_out():
    error = xr.DataArray(
        [[2.0, np.nan], [3.0, 4.0], [9.0, 9.0]],
        {"rule": ["feedback_alignment", "backprop", "shallow"], "seed": [0, 1]},
        ("rule", "seed"),
    )
    data = xr.Dataset({"last_error": error}, {"step": [0, 60_000]})
    for measure in (spikes.last_error, spikes.hidden_layers, spikes.beside_backprop):
        assert np.isnan(measure(Held({spikes.RESULT: data})).value)


def test_the_stop_is_of_every_run(tmp_path):
    data = fig3ab([90, 5, 3, 2.5], [90, 4, 2.4, 2.2])
    assert digits.stop(Held({digits.FULL: data})) == 180_000
    data["error_of_seeds"].loc[{"rule": "backprop", "seed": 1, "step": 180_000}] = np.nan
    assert digits.stop(Held({digits.FULL: data})) == 120_000
    data["error_of_seeds"].loc[{"rule": "feedback_alignment", "seed": 1}] = np.nan
    put(tmp_path, data)
    row = look(LEAD, bounds()[LEAD.id], Results(tmp_path))
    assert (row.verdict, row.measured) == (Verdict.NOT_DECIDABLE, None)
    assert "NaN" in row.reason


@pytest.mark.parametrize("error", [ArrayError, IndexError, ZeroDivisionError, OverflowError])
def test_one_bad_result_takes_no_other_claim_away(tmp_path, error):
    def fails(results):
        raise error("no such thing")

    put(tmp_path, fig3ab([90, 5, 3, 2.5], [90, 4, 2.4, 2.2]))
    bad = Entry(LEAD.id, LEAD.place, LEAD.claim, LEAD.result, fails)
    first, second = ledger(Results(tmp_path), [bad, LEAD])
    assert first.verdict is Verdict.NOT_RUN
    assert "no such thing" in first.problem
    assert second.measured is not None


def test_claims_are_in_words():
    assert not [entry.id for entry in ENTRIES if "tables." in entry.claim]
