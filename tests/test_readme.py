"""The README's examples: what they ask for is stable, and not only at the seeds they run."""

import re
from pathlib import Path

import numpy as np
import pytest

import fatheory as fa

README = Path(__file__).parents[1] / "README.md"


def example(number: int) -> str:
    return re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)[number]


def test_the_first_example_runs_in_ten_lines_and_loses_no_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(example(0), found)
    assert not found["simulation"].diverged.any()
    printed = capsys.readouterr().out
    assert 0 < float(printed.split()[0]) < 45  # degrees
    assert (tmp_path / "fig2.zarr").is_dir()


@pytest.mark.slow
def test_its_experiment_is_stable_at_a_hundred_seeds():
    found: dict = {}
    exec(example(0).partition("simulation =")[0], found)
    run = fa.simulate(found["asked"].replaced(seeds=100), progress=False)
    assert not run.diverged.any()
    assert np.isfinite(run.loss).all()
