"""The ledger: every claim judged on the stored results, and results of another kind refused."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from claims.stored import attributes, fig3ab, put
from scipy import stats

from fatheory.claims import ENTRIES, Results, Verdict, bounds, find_entry, ledger, results_folder
from fatheory.claims.ledger import look
from fatheory.errors import ClaimError, UnknownNameError

ROOT = Path(__file__).parents[2]
NAMES = {entry.id: entry for entry in ENTRIES}
LEAD = NAMES["l16.fig3a.lead"]


@pytest.fixture(scope="module")
def rows():
    return ledger(Results(results_folder(ROOT / "paper_figs")))


def of(rows, name):
    return next(row for row in rows if row.id == name)


def row(folder, name):
    return look(NAMES[name], bounds().get(name), Results(folder))


def test_ids_are_unique_and_every_claim_has_its_place():
    assert len(NAMES) == len(ENTRIES)
    assert all(entry.place and entry.claim.endswith(".") for entry in ENTRIES)


def test_nothing_is_wrong_with_the_stored_results(rows):
    assert [row.problem for row in rows if row.problem] == []


def test_every_claim_has_a_verdict_and_a_reason_where_there_is_no_number(rows):
    for one in rows:
        assert (one.measured is None) == (
            one.verdict in (Verdict.NOT_RUN, Verdict.NOT_DECIDABLE)
        ), one.id
        assert one.measured is not None or one.reason, one.id
        assert one.measured is None or (one.origin and one.bound), one.id


def test_properties_of_an_algorithm_are_no_measurements(rows):
    for name in ("llp.iv", "l16.transport"):
        one = of(rows, name)
        assert one.verdict is Verdict.NOT_DECIDABLE
        assert "a property of the algorithm, not a measurement" in one.reason


def test_bounds_that_scripts_moved_are_judged_as_they_were(rows):
    angle = of(rows, "l16.fig4.aligns")
    assert angle.bound.reproduced.high == 85
    if angle.origin.experiments[0] == "d09df9c0ddbc8cab":  # the result that the bound was moved for
        assert angle.measured.value == pytest.approx(87.83, abs=0.01)
        assert angle.verdict is Verdict.NOT_REPRODUCED


def test_a_claim_that_is_unknown_is_named():
    with pytest.raises(
        UnknownNameError, match=r"unknown claim 'l16\.fig3a\.leed'.*l16\.fig3a\.lead"
    ):
        find_entry("l16.fig3a.leed")


# ---- Numbers, against independent arithmetic


def test_the_stop_is_where_backprop_is_best_and_the_lead_is_of_pairs(tmp_path):
    put(tmp_path, fig3ab([90, 5, 3, 2.5, 2.4, 2.6], [90, 4, 2.4, 2.2, 2.1, 2.0]))
    lead = row(tmp_path, "l16.fig3a.lead")
    assert lead.measured.value == pytest.approx(-0.3)
    assert lead.measured.note == "after 4 epochs"
    assert lead.measured.seeds == 3
    assert lead.verdict is Verdict.REPRODUCED
    backprop = row(tmp_path, "l16.fig3a.backprop")
    half = stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(3)
    assert backprop.measured.lower == pytest.approx(2.4 - half)
    assert backprop.measured.upper == pytest.approx(2.4 + half)


def test_numbers_below_the_papers_are_other_numbers(tmp_path):
    put(tmp_path, fig3ab([90, 5, 3, 1.65], [90, 4, 2.4, 1.95]))
    assert row(tmp_path, "l16.fig3a.backprop").verdict is Verdict.OTHER_NUMBER
    assert row(tmp_path, "l16.fig3a.lead").verdict is Verdict.NOT_REPRODUCED
    assert "the last: backprop's error still falls" in row(tmp_path, "l16.fig3a.lead").measured.note


def test_where_backprop_is_as_good_as_the_papers(tmp_path):
    put(tmp_path, fig3ab([90, 5, 2.3, 2.0], [90, 4, 2.1, 2.05]))
    at = row(tmp_path, "l16.fig3a.lead_at_2.4")
    assert (at.measured.value, at.measured.note) == (pytest.approx(-0.2), "after 2 epochs")
    put(tmp_path, fig3ab([90, 5, 3.3, 3.0], [90, 4, 2.1, 2.05]))
    never = row(tmp_path, "l16.fig3a.lead_at_2.4")
    assert never.verdict is Verdict.NOT_DECIDABLE
    assert "never reaches 2.4 %" in never.reason


def test_quickness_is_read_between_epochs(tmp_path):
    put(tmp_path, fig3ab([90, 6.8, 2.8, 2], [90, 5.8, 3.8, 2], spread=0))
    both = [2**share for share in (0.5, 0.5)]  # both cross halfway between 1 and 2 epochs
    one = row(tmp_path, "l16.fig3a.quickly")
    assert one.measured.value == pytest.approx(both[0] / both[1])
    put(tmp_path, fig3ab([90, 6.8, 2.8, 2], [90, 4.8, 2.8, 2], spread=0))
    assert row(tmp_path, "l16.fig3a.quickly").measured.value == pytest.approx(2**-0.5)


def test_pairs_are_of_one_seed(tmp_path):
    data = fig3ab([90, 2.4], [90, 2.1], spread=0.5)
    put(tmp_path, data)
    paired = row(tmp_path, "l16.fig3a.lead").measured
    assert paired.upper - paired.lower < 1e-6  # seeds shift both rules alike
    slopes = row(tmp_path, "l16.no_slopes").measured
    assert slopes.value == pytest.approx(-0.2)


# ---- Bad input


def test_a_missing_result_is_named(tmp_path):
    one = row(tmp_path, "l16.fig3a.lead")
    assert one.verdict is Verdict.NOT_RUN
    assert "there is no result" in one.problem
    assert "fig3ab.zarr.zip" in one.problem


def test_a_result_that_is_not_computed_yet_may_be_missing(tmp_path):
    one = row(tmp_path, "l16.fig2a.shallow")
    assert (one.problem, one.verdict) == ("", Verdict.NOT_RUN)
    assert "not stored yet" in one.reason


def test_an_entry_without_a_bound_is_named(tmp_path):
    one = look(LEAD, None, Results(tmp_path))
    assert one.problem == "the entry has no bound"


def test_an_edited_result_is_named(tmp_path):
    path = put(tmp_path, fig3ab([90, 2.4], [90, 2.1]))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    one = row(tmp_path, "l16.fig3a.lead")
    assert one.verdict is Verdict.NOT_RUN
    assert "fig3ab.zarr.zip cannot be read" in one.problem


OTHERS = [
    (attributes("fig3d"), "must hold the data of 'fig3ab', and says 'fig3d'"),
    (
        attributes("fig3ab", {"backprop": {"learning_rate": 0.3}}),
        "trains 'backprop' at learning rate 0.3, and the bounds are for 0.05",
    ),
    (
        attributes("fig3ab", {"feedback_alignment": {"learning_rate": 0.05}}),
        "transmits slopes in 'feedback_alignment', and the bounds are for slopes='local'",
    ),
    (attributes("fig3ab", experiment='{"name": "liao2016/a", "rules": {}}'), "none of lillicrap"),
]


@pytest.mark.parametrize(("attrs", "said"), OTHERS, ids=["figure", "rate", "slopes", "paper"])
def test_a_result_of_another_experiment_is_named(tmp_path, attrs, said):
    data = fig3ab([90, 2.4], [90, 2.1])
    data.attrs = attrs
    put(tmp_path, data)
    one = row(tmp_path, "l16.fig3a.lead")
    assert one.measured is None
    assert said in one.problem


def test_a_result_of_the_older_protocol_is_known_and_not_judged(tmp_path):
    data = fig3ab([90, 2.4], [90, 2.1])
    data.attrs = attributes("fig3ab", experiment_hash="6b404c394296d923")
    put(tmp_path, data)
    one = row(tmp_path, "l16.fig3a.lead")
    assert (one.problem, one.measured) == ("", None)
    assert one.reason.startswith("protocol of the text not yet run at this scale")


def test_a_result_that_lacks_the_number_is_named(tmp_path):
    put(tmp_path, fig3ab([90, 2.4], [90, 2.1]).rename(error_of_seeds="error_of_runs"))
    assert "does not hold what the claim is measured by" in row(tmp_path, LEAD.id).problem


def test_a_result_of_another_scale_does_not_decide(tmp_path):
    data = fig3ab([90, 2.4], [90, 2.1])
    data.attrs["scale"] = "quick"
    put(tmp_path, data)
    one = row(tmp_path, LEAD.id)
    assert (one.verdict, one.reason) == (Verdict.NOT_RUN, "the stored result is of scale 'quick'")


def test_a_bound_that_is_not_older_than_the_result_is_marked(tmp_path):
    put(tmp_path, fig3ab([90, 2.4], [90, 2.1]))
    assert not row(tmp_path, LEAD.id).bound_is_later
    data = fig3ab([90, 2.4], [90, 2.1])
    data.attrs["created"] = "2026-11-30T09:00:00+00:00"
    put(tmp_path, data)
    later = row(tmp_path, LEAD.id)
    assert later.bound.fixed.date > datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert later.bound_is_later


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ClaimError, match=r"holds no results of papers.*--results"):
        results_folder(tmp_path)


def test_four_layers_that_are_no_better_have_no_p(tmp_path):
    from claims.stored import TEXT

    rng = np.random.default_rng(0)
    rules = {"feedback_alignment": TEXT | {"learning_rate": 0.0025}}
    data = fig3ab([90, 2.4], [90, 2.1])[[]].drop_dims("step", errors="ignore")
    values = rng.normal(size=(2, 2, 5)) * 0.01 + np.array([0.3, 0.1])[:, None, None]
    dims = ("depth", "rule", "seed")
    coords = {"depth": [3, 4], "rule": ["backprop", "feedback_alignment"], "seed": range(5)}
    data = data.drop_vars(list(data.coords)).assign(last_nse=(dims, values)).assign_coords(coords)
    data.attrs = attributes("fig3d", rules)
    put(tmp_path, data, "fig3d")
    better = row(tmp_path, "l16.fig3d.depth_feedback_alignment").measured
    test = stats.ttest_ind(values[1, 1], values[0, 1])
    assert better.value == pytest.approx(math.log10(test.pvalue))
    data["last_nse"] = data["last_nse"].isel(depth=[1, 0]).assign_coords(depth=[3, 4])
    put(tmp_path, data, "fig3d")
    assert row(tmp_path, "l16.fig3d.depth_feedback_alignment").measured.value == 0
