"""fatheory claims: list, show, report, readme; what cannot be used is named, and the exit code."""

import re
import shutil
from pathlib import Path

import pytest
from claims.stored import fig3ab, put
from typer.testing import CliRunner

from fatheory import claims
from fatheory.claims import ENTRIES, Results, ledger
from fatheory.cli.app import app

ROOT = Path(__file__).parents[2]
RESULTS = str(ROOT / "paper_figs")


def asked(*words: str):
    return CliRunner().invoke(app, ["claims", *words])


@pytest.fixture(scope="module")
def rows():
    return ledger(Results(ROOT / "paper_figs"))


@pytest.fixture
def measured_once(rows, monkeypatch):
    """The ledger of the stored results, which takes seconds, without another reading."""
    monkeypatch.setattr(claims, "ledger", lambda results: rows)


@pytest.mark.usefixtures("measured_once")
def test_list_shows_every_claim():
    done = asked("list", "--results", RESULTS)
    assert done.exit_code == 0, done.output
    assert all(entry.id in done.output for entry in ENTRIES)
    assert re.search(r"\d+ claims: \d+ reproduced, \d+ same direction, other number", done.output)


@pytest.mark.usefixtures("measured_once")
def test_list_chooses_by_verdict():
    done = asked("list", "--verdict", "not decidable", "--results", RESULTS)
    assert "llp.iv" in done.output
    assert "llp.a.bn_bm.mnist" not in done.output


def test_show_says_everything_of_one_claim():
    done = asked("show", "l16.fig4.aligns", "--results", RESULTS)
    assert done.exit_code == 0, done.output
    for said in ("922d644", "moved later", "85 to 89", "sha256", "Fig. 4", "reproduced"):
        assert said in done.output


def test_an_unknown_claim_is_refused():
    done = asked("show", "l16.fig9", "--results", RESULTS)
    assert done.exit_code != 0
    assert "unknown claim 'l16.fig9'" in str(done.exception)


def test_results_that_cannot_be_used_are_named_and_the_exit_code_says_so(tmp_path):
    for name in ("liao2016/results/table_b", "liao2016/results/table_c1"):
        target = tmp_path / f"{name}.zarr.zip"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "paper_figs" / f"{name}.zarr.zip", target)
    damaged = tmp_path / "liao2016" / "results" / "table_b.zarr.zip"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    put(tmp_path, fig3ab([90, 2.4], [90, 2.1]), "fig5a")
    done = asked("list", "--results", str(tmp_path))
    assert done.exit_code == 1
    assert "table_b.zarr.zip cannot be read" in done.output
    assert "llp.b.declines.mnist.brsf" in done.output
    assert "must hold the data of 'fig5a', and says 'fig3ab'" in done.output
    assert "there is no result" in done.output
    assert asked("show", "llp.b.declines.mnist.brsf", "--results", str(tmp_path)).exit_code == 1
    assert asked("show", "llp.c1.chance.mnist", "--results", str(tmp_path)).exit_code == 0


@pytest.mark.usefixtures("measured_once")
def test_the_readme_says_what_the_ledger_says():
    done = asked("readme", str(ROOT / "README.md"), "--check", "--results", RESULTS)
    assert done.exit_code == 0, done.output


@pytest.mark.usefixtures("measured_once")
def test_a_readme_that_differs_is_named_and_can_be_written(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    file = tmp_path / "README.md"
    file.write_text(re.sub(r"(\d+) claims: ", "7 claims: ", text), "utf-8")
    done = asked("readme", str(file), "--check", "--results", RESULTS)
    assert done.exit_code == 1
    assert "differs from the ledger" in done.output
    assert asked("readme", str(file), "--results", RESULTS).exit_code == 0
    assert file.read_text("utf-8") == text


@pytest.mark.usefixtures("measured_once")
def test_a_readme_without_marks_is_refused(tmp_path):
    file = tmp_path / "README.md"
    file.write_text("nothing", "utf-8")
    done = asked("readme", str(file), "--results", RESULTS)
    assert "must hold the lines" in str(done.exception)
