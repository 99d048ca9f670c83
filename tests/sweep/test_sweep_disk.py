"""The disk that a sweep takes: the estimate against its files, and the refusal before it starts."""

import collections
import shutil
import warnings

import pytest
from sweep_examples import AXES, sweep

from fatheory import LinearTask
from fatheory.errors import DiskEstimateError, DiskEstimateWarning
from fatheory.sweep.disk import estimate_disk
from fatheory.sweep.grid import Grid
from fatheory.train import many

Usage = collections.namedtuple("Usage", "total used free")
LARGE = {
    "task": LinearTask(inputs=60, outputs=20),
    "record": {"quantities": ["weights"], "snapshots": 11},
}


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets how much disk is free."""

    def left(size):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**50, 0, size))

    return left


def test_the_estimate_is_of_the_files_and_warns_if_they_fill_half(free, tmp_path):
    """Cells of fewer steps are counted by their own."""
    asked = sweep({"record.snapshots": [3, 21]}, **LARGE)
    needed = sum(estimate_disk(Grid.of(asked)).values())
    free(int(1.5 * needed))
    with pytest.warns(
        DiskEstimateWarning, match=r"about [1-9][\d.]* [kM]B of the [1-9][\d.]* [kM]B that are free"
    ):
        asked.run(tmp_path / "a", progress=False)
    files = sum(file.stat().st_size for file in (tmp_path / "a").rglob("c*") if file.is_file())
    assert files == pytest.approx(needed, rel=0.25)
    free(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked.run(tmp_path / "a", progress=False)  # it is done, and only read


def test_a_sweep_that_does_not_fit_is_refused_before_anything_is_drawn(free, tmp_path, monkeypatch):
    asked = sweep(AXES)
    needed = sum(estimate_disk(Grid.of(asked)).values())
    free(needed - 1)
    monkeypatch.setattr(many, "draw_initial_state", lambda *_: pytest.fail("drew before refusing"))
    with pytest.raises(DiskEstimateError, match=r"take about [1-9].*B \(record .* free at"):
        asked.run(tmp_path / "a", progress=False)
    assert not (tmp_path / "a").exists()
