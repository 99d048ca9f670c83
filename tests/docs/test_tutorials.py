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
    return sum("plt.subplots(" in source or "fa.plot.compare(" in source for source in code)


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


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TUTORIALS.keys() - {"first_run"}))
def test_every_tutorial_runs_in_a_kernel(name, tmp_path):
    notebook = run_as_notebook(TUTORIALS[name], tmp_path)
    assert figures_in(notebook) == drawing(notebook) >= 1


def test_every_kind_of_picture_is_on_its_page():
    code = "\n".join(c.source for c in jupytext.read(PICTURES).cells if c.cell_type == "code")
    assert set(re.findall(r"fa\.plot\.(\w+)\(", code)) == set(fa.plot.__all__)


@pytest.mark.slow
def test_the_page_of_pictures_runs_in_a_kernel(tmp_path):
    assert figures_in(run_as_notebook(PICTURES, tmp_path)) == len(fa.plot.__all__)
