"""The ledger as one page: all claims, drawn figures, and nothing from outside."""

import re
import shutil
from html import escape
from pathlib import Path

import pytest
from claims.stored import attributes, fig3ab, put

from fatheory.claims import ENTRIES, Results, bounds, ledger
from fatheory.reproduction import write_report

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """A folder of results with one figure, of which one is stored and one damaged."""
    place = tmp_path / "paper_figs"
    for figure in ("fig5a", "table_b"):
        (script,) = (ROOT / "paper_figs").glob(f"*/{figure}.py")
        target = place / script.parent.name
        (target / "results").mkdir(parents=True)
        shutil.copy(script, target)
        shutil.copy(script.parent / "results" / f"{figure}.zarr.zip", target / "results")
    damaged = place / "liao2016" / "results" / "table_b.zarr.zip"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    put(place, fig3ab([90, 5, 2.4], [90, 4, 2.1]))
    return place


def test_the_page_holds_every_claim_and_needs_nothing_else(folder, tmp_path):
    path = write_report(ledger(Results(folder)), folder, tmp_path / "out" / "claims.html")
    page = path.read_text("utf-8")
    assert all(f"id='{entry.id}'" in page for entry in ENTRIES)
    assert all(escape(bound.what) in page for bound in bounds().values())
    assert page.count("src='data:image/png;base64,") == 2  # the overview, and fig5a
    assert not re.search(r"(src|href)=['\"](?!data:)", page)
    assert "table_b.zarr.zip cannot be read" in page
    assert page.count("<table>") == page.count("</table>") == 2


def test_texts_of_results_are_not_obeyed(folder, tmp_path):
    data = fig3ab([90, 5, 2.4], [90, 4, 2.1])
    data.attrs = attributes("fig3ab", scale="<script>alert(1)</script>")
    put(folder, data)
    path = write_report(ledger(Results(folder)), folder, tmp_path / "claims.html")
    assert "<script>" not in path.read_text("utf-8")
