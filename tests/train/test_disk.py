"""Disk: the estimate against the files themselves, and the refusal before anything is drawn."""

import collections
import shutil
import warnings

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import DiskEstimateError, DiskEstimateWarning
from fatheory.train import many
from fatheory.train.disk import estimate_disk, free_disk

# How large arrays are is what counts here, not what they hold.
pytestmark = pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")

Usage = collections.namedtuple("Usage", "total used free")


def asked(**changes):
    parts = {
        "task": fa.LinearTask(inputs=60, outputs=20),
        "network": {"hidden": [50]},
        "rules": {"backprop": 0.01, "feedback_alignment": 0.01},
        "schedule": {"phases": [{"steps": 40}]},
        "record": {"snapshots": 21},
        "seeds": 2,
    }
    return fa.Experiment(**(parts | changes))


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets how much disk is free."""

    def left(size):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**50, 0, size))

    return left


def test_the_estimate_is_of_the_files(tmp_path):
    """A tenth up or down; of what is drawn, an identity takes no room once compressed."""
    experiment = asked()
    archive = fa.simulate(experiment, path=tmp_path / "a")
    sizes = {
        name: sum(file.stat().st_size for file in (tmp_path / "a" / str(name)).rglob("c*"))
        for name in archive.data_vars
    }
    recorded = sum(size for name, size in sizes.items() if "step" in archive[name].dims)
    estimated = estimate_disk(experiment)
    assert recorded == pytest.approx(estimated["record"], rel=0.1)
    assert sum(sizes.values()) <= 1.1 * (estimated["record"] + estimated["draws"])


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": 3},
        {"record": {"snapshots": 41}},
        {"precision": "float64"},
        {"update": {"momentum": 0.5}},
        {"task": fa.LinearTask(inputs=61, outputs=20)},
    ],
)
def test_more_of_anything_needs_more(changes):
    assert sum(estimate_disk(asked(**changes)).values()) > sum(estimate_disk(asked()).values())


def test_a_run_that_does_not_fit_is_refused_before_anything_is_drawn(free, monkeypatch, tmp_path):
    needed = sum(estimate_disk(asked()).values())
    free(needed - 1)
    monkeypatch.setattr(many, "draw_initial_state", lambda *_: pytest.fail("drew before refusing"))
    with pytest.raises(
        DiskEstimateError, match=r"take about [1-9].*B \(record .* free at"
    ) as refusal:
        fa.simulate(asked(), path=tmp_path / "there" / "a")
    assert list(tmp_path.iterdir()) == []
    assert (refusal.value.available, sum(refusal.value.needed.values())) == (needed - 1, needed)


def test_a_large_record_on_a_small_disk_is_refused(free, tmp_path):
    """400 GB where 64 are free."""
    free(64 * 10**9)
    large = asked(
        network={"hidden": [10_000]},
        schedule={"phases": [{"steps": 100_000}]},
        record={"snapshots": 30_001},
    )
    with pytest.raises(DiskEstimateError, match=r"and 64\.00 GB are free"):
        fa.simulate(large, path=tmp_path / "a")


def test_one_that_fills_half_is_warned_of(free, tmp_path):
    free(int(1.9 * sum(estimate_disk(asked()).values())))
    with pytest.warns(
        DiskEstimateWarning, match=r"about [1-9][\d.]* [kM]B of the [1-9][\d.]* [kM]B that are free"
    ):
        fa.simulate(asked(), path=tmp_path / "a")
    # In memory nothing is written, and what is done is read.
    free(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DiskEstimateWarning)
        fa.simulate(asked())
        fa.simulate(asked(), path=tmp_path / "a")


def test_what_is_there_already_need_not_fit_again(free, tmp_path, monkeypatch):
    monkeypatch.setattr("fatheory.train.sinks.StopRequest.asked", True)
    monkeypatch.setattr("fatheory.train.run.LONGEST_SEGMENT", 30)
    with pytest.raises(KeyboardInterrupt):
        fa.simulate(asked(), path=tmp_path / "a")
    monkeypatch.setattr("fatheory.train.sinks.StopRequest.asked", False)
    there = sum(path.stat().st_size for path in (tmp_path / "a").rglob("*") if path.is_file())
    needed = sum(estimate_disk(asked()).values())
    assert there > needed / 4
    free(int(2.1 * (needed - there)))
    assert fa.simulate(asked(), path=tmp_path / "a").sizes["step"] == 21


def test_free_space_is_that_of_the_nearest_folder(tmp_path):
    assert free_disk(tmp_path / "not" / "yet") == pytest.approx(
        shutil.disk_usage(tmp_path).free, rel=0.2
    )
    assert np.isfinite(free_disk(tmp_path))
