"""Tutorials open as notebooks and run in a kernel; the site's build runs them all."""

import re

import jupytext
import pytest
from notebook_runs import ROOT, figures_in, run_as_notebook

import fatheory as fa

TUTORIALS = {file.stem: file for file in sorted((ROOT / "docs" / "tutorials").glob("*.py"))}
LISTED = re.findall(r"^\w+$", (ROOT / "docs/tutorials/index.md").read_text("utf-8"), re.M)


PICTURES = ROOT / "docs" / "pictures.py"


def drawing(notebook) -> int:
    """Count the cells that draw; each makes one figure."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return sum("plt.subplots(" in source or "fa.plot." in source for source in code)


def timed(notebook) -> list:
    """Return the cells that say how long they took."""
    return [cell for cell in notebook.cells if cell.source.startswith("%%time\n")]


def test_every_tutorial_is_listed():
    assert sorted(LISTED) == sorted(TUTORIALS)


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_opens_as_a_notebook(name):
    cells = jupytext.read(TUTORIALS[name]).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert any(cell.cell_type == "code" for cell in cells)


def test_the_first_tutorial_runs_in_a_kernel_and_shows_its_figure(tmp_path):
    notebook = run_as_notebook(TUTORIALS["first_run"], tmp_path, timeout=240)
    assert figures_in(notebook) == 1
    assert (tmp_path / "first.zarr").is_dir()


def test_a_study_is_at_most_ten_lines_imports_included():
    studies = timed(jupytext.read(TUTORIALS["ten_lines"]))
    lines = [len(re.findall(r"^.*\S", cell.source, re.M)) - 1 for cell in studies]
    assert len(lines) == 4
    assert max(lines) <= 10
    assert all("import fatheory as fa\n" in cell.source for cell in studies)
    assert all("fa.plot." in cell.source for cell in studies)


@pytest.mark.slow
def test_every_study_in_ten_lines_says_how_long_it_took(tmp_path):
    studies = timed(run_as_notebook(TUTORIALS["ten_lines"], tmp_path))
    assert len(studies) == 4
    for cell in studies:
        printed = "".join(output.get("text", "") for output in cell.outputs)
        assert re.search(r"Wall time: [\d.]+ \S+", printed)
        assert sum("image/png" in output.get("data", {}) for output in cell.outputs) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TUTORIALS.keys() - {"first_run", "ten_lines"}))
def test_every_tutorial_runs_in_a_kernel(name, tmp_path):
    notebook = run_as_notebook(TUTORIALS[name], tmp_path)
    assert figures_in(notebook) == drawing(notebook) >= 1


def test_every_kind_of_picture_is_on_its_page():
    code = "\n".join(c.source for c in jupytext.read(PICTURES).cells if c.cell_type == "code")
    assert set(re.findall(r"fa\.plot\.(\w+)\(", code)) == set(fa.plot.__all__)


@pytest.mark.slow
def test_the_page_of_pictures_runs_in_a_kernel(tmp_path):
    assert figures_in(run_as_notebook(PICTURES, tmp_path)) == len(fa.plot.__all__)
