"""Every script of a paper's figure declares the figure that its name and place promise."""

import runpy
from pathlib import Path

import pytest

PAPERS = Path(__file__).parents[2] / "paper_figs"
RUNS_OTHERS = PAPERS / "lillicrap2016" / "fig5.py"
SCRIPTS = sorted(set(PAPERS.glob("*/*.py")) - {RUNS_OTHERS})


def test_there_are_scripts():
    assert PAPERS / "lillicrap2016" / "fig2.py" in SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_script_writes_under_its_own_name(script):
    scope = {"__file__": str(script), "__name__": script.stem}
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), scope)
    figure = scope["FIGURE"]
    assert figure.name == script.stem
    assert figure.folder == Path("out") / script.parent.name
    assert figure.result == script.parent / "results" / f"{script.stem}.zarr.zip"
    assert (figure.scales[0], figure.scales[-1]) == ("quick", "paper")


def test_fig5_runs_the_scripts_of_its_panels():
    scope = runpy.run_path(str(RUNS_OTHERS), run_name="fig5")
    assert all(RUNS_OTHERS.with_name(f"{panel}.py") in SCRIPTS for panel in scope["PANELS"])
