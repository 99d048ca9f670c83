"""Every study opens as a notebook, runs in a kernel and shows its figures there."""

import jupytext
import pytest
from notebook_runs import ROOT, figures_in, printed_in, run_as_notebook

STUDIES = {file.stem: file for file in sorted((ROOT / "analyses").glob("*.py"))}
CHEAPEST = "alignment_three_routes"
SMALL = {
    # Searches of settings take hours: here over one value each, for few steps.
    "tune_fig2": "SEEDS, STEPS, PERTURBATIONS = (1000,), 50, (0.01,)\n"
    "RATES = SHALLOW_RATES = (0.001,)",
    "tune_fig3": "OMEGAS, BETAS, IMAGES = (0.05,), (1.0,), 500\n"
    "RATES = dict.fromkeys(RATES, (0.1,))",
    "tune_fig3d": "SEEDS, RATES, SCALES, STARTS = (1000,), (0.01,), (1.0,), ()",
    "vary_fig5": "SEEDS = (1000,)\n"
    "variations = lambda: [{'start': 0.1, 'learning_rate': 0.003, 'scale': 1.0}]",
    "concordance_bridge": "IMAGES, CONCORDANCES = 2000, (1.0, 0.5)",
}
"""What is set before a study's last cell; the others run as they are."""
DRAW_NOTHING = {"sweep_on_a_cluster", "theory_catalogue", "vary_fig5"} | {
    name for name in STUDIES if name.startswith("tune_")
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_opens_as_a_notebook(name):
    cells = jupytext.read(STUDIES[name]).cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert sum(cell.cell_type == "code" for cell in cells) > 1


def test_a_study_runs_in_a_kernel_and_shows_its_figure(tmp_path):
    notebook = run_as_notebook(STUDIES[CHEAPEST], tmp_path, timeout=120)
    assert figures_in(notebook) == 1
    assert (tmp_path / "out" / "analyses" / f"{CHEAPEST}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STUDIES.keys() - {CHEAPEST}))
def test_every_study_runs_in_a_kernel(name, tmp_path):
    notebook = run_as_notebook(
        STUDIES[name], tmp_path, before_last=SMALL.get(name, ""), timeout=900
    )
    assert figures_in(notebook) == (0 if name in DRAW_NOTHING else 1)
    assert printed_in(notebook)
