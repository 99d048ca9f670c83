"""Stored figures say of which protocol they are."""

import json
from pathlib import Path

import pytest
import xarray as xr

import fatheory as fa
from fatheory.reproduction import load_result, protocol_note
from fatheory.reproduction.protocol import OLDER_PROTOCOL

RESULTS = Path(__file__).parents[2] / "paper_figs" / "lillicrap2016" / "results"


@pytest.mark.parametrize(
    "name",
    [
        *("fig3ab", "fig3d", "supp_sparse", "supp_features", "supp_frozen"),
        *("supp_pseudoinverse", "supp_depth_width"),
    ],
)
def test_stored_results_are_of_the_protocol_that_they_say(name):
    data = load_result(RESULTS / f"{name}.zarr.zip")
    experiments = data.attrs.get("experiment") or data.attrs["experiments"]
    assert (protocol_note(data) == OLDER_PROTOCOL) == ('"slopes"' not in experiments)


def test_orthogonal_feedback_under_the_name_of_the_text_is_told():
    rules = {"feedback_alignment": {"rule": "orthogonal_feedback", "learning_rate": 0.1}}
    older = fa.presets["lillicrap2016/depth"].replaced(rules=rules)
    note = protocol_note(xr.Dataset(attrs={"experiment": older.to_json()}))
    assert note == "older protocol: slopes transmitted, orthogonal feedback"


def test_presets_are_of_the_protocol_of_the_text_and_linear_ones_of_neither():
    names = ("fig3ab", "fig3d/4-layer", "fig2")
    asked = {name: fa.presets[f"lillicrap2016/{name}"] for name in names}
    for experiment in asked.values():
        assert protocol_note(xr.Dataset(attrs={"experiment": experiment.to_json()})) == ""
    together = {name: json.loads(one.to_json()) for name, one in asked.items()}
    assert protocol_note(xr.Dataset(attrs={"experiments": json.dumps(together)})) == ""
    rules = {"feedback_alignment": 0.1}
    older = asked["fig3ab"].replaced(rules=rules)
    assert protocol_note(xr.Dataset(attrs={"experiment": older.to_json()})) == OLDER_PROTOCOL


@pytest.mark.parametrize("name", ["fig5a", "fig5c"])
def test_errors_that_pass_no_slope_are_of_no_protocol(name):
    assert protocol_note(load_result(RESULTS / f"{name}.zarr.zip")) == ""
