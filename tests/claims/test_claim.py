"""Claims and their table."""

import math

import pytest
import xarray as xr

from fatheory.archive import load, save
from fatheory.claims import Claim, claims_dataset, claims_from_dataset, claims_table
from fatheory.errors import ArchiveError


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        (Claim.at_most("x", 2.0, 2), True),
        (Claim.at_most("x", 2.1, 2), False),
        (Claim.at_most("x", math.nan, 2), False),
        (Claim.at_least("x", 2.0, 2), True),
        (Claim.at_least("x", 1.9, 2), False),
        (Claim.at_least("x", math.nan, 2), False),
        (Claim.between("x", 1.0, 1, 3), True),
        (Claim.between("x", 3.1, 1, 3), False),
        (Claim.between("x", math.nan, 1, 3), False),
    ],
)
def test_a_claim_holds_exactly_within_its_bounds(claim, holds):
    assert claim.holds is holds
    assert claim.verdict == ("reproduced" if holds else "NOT REPRODUCED")


def test_the_table_shows_measured_number_bound_and_verdict():
    table = claims_table([Claim.at_most("loss", 0.51234, 1), Claim.at_least("angle", 3, 10, "°")])
    lines = table.splitlines()
    assert lines[0].split() == ["claim", "measured", "expected", "verdict"]
    assert lines[2].split() == ["loss", "0.5123", "<=", "1", "reproduced"]
    assert lines[3].split() == ["angle", "3", "°", ">=", "10", "NOT", "REPRODUCED"]


def test_the_dataset_keeps_full_precision():
    ds = claims_dataset([Claim.at_most("loss", 1 / 3, 1)])
    assert float(ds["claim_measured"].sel(claim="loss")) == 1 / 3
    assert bool(ds["claim_holds"][0])


STORED = [
    Claim.at_most("loss", 1 / 3, 1),
    Claim.at_least("angle", 3, 10, "°"),
    Claim("loss", 5e-324, "", "a verdict of its own", True),
    Claim.between("", math.inf, 0, 1, ""),
]


@pytest.mark.parametrize("claims", [STORED, STORED[:1], []])
def test_claims_come_back_as_they_were_stored(claims, tmp_path):
    save(xr.Dataset({"other": 1.0}).merge(claims_dataset(claims)), tmp_path / "a.zarr")
    back = claims_from_dataset(load(tmp_path / "a.zarr"))
    assert back == claims
    assert claims_table(back) == claims_table(claims)
    assert all(type(claim.holds) is bool and type(claim.measured) is float for claim in back)


def test_a_number_that_was_never_measured_comes_back():
    (back,) = claims_from_dataset(claims_dataset([Claim.at_most("loss", math.nan, 1)]))
    assert math.isnan(back.measured)
    assert not back.holds


def test_a_dataset_without_claims_is_refused():
    data = claims_dataset(STORED).drop_vars("claim_holds").assign(loss=1.0)
    with pytest.raises(ArchiveError, match=r"lacks claim_holds .*claim_expected.*loss"):
        claims_from_dataset(data)
