"""Scripts with cells, and pages with code, opened as notebooks and run in a kernel."""

import os
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]


def run_as_notebook(file: Path, folder: Path, *, before_last: str = "", timeout: int = 600):
    """Run all cells of a file in a folder, and return the notebook with its outputs.

    ``before_last`` is code of a cell before the last one, where sizes are made small. An error in a
    cell is raised here.
    """
    notebook = jupytext.read(file)
    if before_last:
        notebook.cells.insert(-1, nbformat.v4.new_code_cell(before_last))
    # Figures go where a kernel sends them by itself, not where the tests do.
    environment = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    environment["PYTHONPATH"] = str(ROOT)
    client = NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    return client.execute(env=environment)


def figures_in(notebook) -> int:
    """Count the images that a notebook shows."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def printed_in(notebook) -> str:
    """Return what a notebook prints."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs)
