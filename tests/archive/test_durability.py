"""What becomes durable when: every file and folder once, and before readers see it."""

import errno
import os
from collections import Counter
from pathlib import Path

import pytest
import xarray as xr
from archive_examples import build_run

from fatheory.archive import RunWriter, check, is_unfinished, load, save

Inode = tuple[int, int]


def inode(path: Path) -> Inode:
    status = path.stat()
    return status.st_dev, status.st_ino


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Counter[Inode]:
    """How often each file and folder was made durable, filled as it happens."""
    real, counts = os.fsync, Counter[Inode]()

    def counted(descriptor: int) -> None:
        status = os.fstat(descriptor)
        counts[status.st_dev, status.st_ino] += 1
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    return counts


@pytest.fixture
def whole() -> xr.Dataset:
    return build_run(value=2.0, n_steps=8)


def begun(path: Path, ds: xr.Dataset, *, overwrite: bool = False) -> RunWriter:
    """A writer of all snapshots of a run that has committed none."""
    recorded = [name for name in ds.data_vars if "step" in ds[name].dims]
    static = ds.drop_vars([*recorded, "diverged", "diverged_at"])
    writer = RunWriter(path, static, overwrite=overwrite)
    for i in range(ds.sizes["step"]):
        writer.record(i, {name: ds[name].isel(step=i).values for name in recorded})
    return writer


def commit(writer: RunWriter, ds: xr.Dataset) -> None:
    writer.commit(8, ds["diverged_at"].values, 1.0, {})


def finish(writer: RunWriter, ds: xr.Dataset) -> None:
    writer.finish(ds["diverged_at"].values, 1.5)


def test_a_run_that_is_done_before_its_first_commit_is_written_once(
    whole: xr.Dataset, tmp_path: Path, synced: Counter[Inode]
) -> None:
    path = tmp_path / "a"
    with begun(path, whole) as writer:
        assert not path.exists()
        assert not synced
        finish(writer, whole)
    assert {synced[inode(place)] for place in [path, *path.rglob("*")]} == {1}
    assert synced[inode(tmp_path)] == 1
    assert synced.total() == len(list(path.rglob("*"))) + 2
    assert [place.name for place in tmp_path.iterdir()] == ["a"]
    xr.testing.assert_equal(load(path), whole)


@pytest.mark.parametrize("links", [True, False])
def test_what_was_committed_is_made_durable_once_more_only_where_it_is_copied(
    links: bool,
    whole: xr.Dataset,
    tmp_path: Path,
    synced: Counter[Inode],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    path = tmp_path / "a"
    with begun(path, whole) as writer:
        commit(writer, whole)
        before = {inode(place) for place in path.rglob("*")}
        assert all(synced[place] for place in before)
        synced.clear()
        if not links:
            monkeypatch.setattr(os, "link", refuse)
        finish(writer, whole)
    files = {inode(place) for place in path.rglob("*") if place.is_file()}
    folders = {inode(place) for place in [path, *path.rglob("*")] if place.is_dir()}
    assert bool(files & before) == links
    assert {synced[place] for place in files - before} == {1}
    assert {synced[place] for place in files & before} <= {0}
    assert {synced[place] for place in folders} == {1}
    assert check(path).whole


def test_readers_see_a_run_from_its_first_commit_on(whole: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a"
    begun(path, whole).close()
    assert list(tmp_path.iterdir()) == []
    with begun(path, whole) as writer:
        assert not path.exists()
        commit(writer, whole)
        assert is_unfinished(path)
        xr.testing.assert_equal(load(path), whole)
    assert [place.name for place in tmp_path.iterdir()] == ["a"]


def test_what_is_replaced_stands_until_the_first_commit(whole: xr.Dataset, tmp_path: Path) -> None:
    old = build_run(value=3.0)
    path = save(old, tmp_path / "a")
    begun(path, whole, overwrite=True).close()
    xr.testing.assert_identical(load(path), old)
    with begun(path, whole, overwrite=True) as writer:
        xr.testing.assert_identical(load(path), old)
        commit(writer, whole)
        xr.testing.assert_equal(load(path), whole)
