"""Folders with files of others, file systems without links, archives that are being written."""

import errno
import os
import threading
from pathlib import Path

import pytest
import xarray as xr
from archive_examples import build_run, grow

from fatheory.archive import check, finished_run, is_unfinished, journal, load, repair, save
from fatheory.errors import ForeignFilesWarning

LITTER = [".DS_Store", "._loss", "Thumbs.db", "desktop.ini", ".directory", ".nfs000a"]


def same(found: xr.Dataset, wanted: xr.Dataset) -> None:
    xr.testing.assert_equal(found, wanted)
    assert set(found.attrs) == set(wanted.attrs)


@pytest.mark.parametrize("where", ["", "loss"])
def test_what_file_managers_leave_is_left_out_with_a_warning(
    run: xr.Dataset, saved: Path, where: str
) -> None:
    for name in LITTER:
        (saved / where / name).write_bytes(b"litter")
    with pytest.warns(ForeignFilesWarning, match=r"not part of the archive, and are left out: .*_"):
        same(load(saved), run)
    health = check(saved)
    assert health.whole
    assert {Path(path).name for path in health.litter} == set(LITTER)
    assert repair(saved)[1] is None
    save(run, saved, overwrite=True)
    same(load(saved), run)


def test_litter_in_an_unfinished_archive_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    grow(path, stop=3)
    for name in LITTER:
        (path / name).write_bytes(b"litter")
        (path / "loss" / name).write_bytes(b"litter")
    assert check(path).whole
    grow(path)
    same(load(path), build_run(value=2.0, n_steps=8))


@pytest.mark.parametrize("damage", ["foreign", "kept", "foreign and kept"])
def test_a_repair_that_lost_nothing_leaves_the_archive_that_was(
    run: xr.Dataset, saved: Path, damage: str
) -> None:
    before = {p.relative_to(saved): p.read_bytes() for p in saved.rglob("*") if p.is_file()}
    if "foreign" in damage:
        (saved / "mine.txt").write_text("keep")
    if "kept" in damage:
        (saved / "step" / "zarr.json").write_bytes(b"{}")
    assert not check(saved).whole
    _, kept = repair(saved)
    assert {p.relative_to(saved): p.read_bytes() for p in saved.rglob("*") if p.is_file()} == before
    assert (kept is not None) == ("foreign" in damage)
    if kept is not None:
        assert (kept / "mine.txt").read_text() == "keep"
    found = finished_run(saved, run.attrs["source"], run.attrs["experiment_hash"])
    assert found is not None
    same(found, run)


def test_an_unfinished_run_is_continued_after_a_repair_and_others_files_are_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    grow(path, stop=4)
    (path / "notes.txt").write_text("keep")
    (path / "loss" / "zarr.json").unlink()
    _, kept = repair(path)
    assert kept is not None
    assert (kept / "notes.txt").read_text() == "keep"
    assert is_unfinished(path)
    grow(path)
    same(load(path), build_run(value=2.0, n_steps=8))


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: object, **options: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


def test_a_file_system_without_hard_links_is_enough(
    run: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    same(load(save(run, tmp_path / "saved")), run)
    path = tmp_path / "grown"
    grow(path, stop=3)
    grow(path)
    same(load(path), build_run(value=2.0, n_steps=8))
    (path / "step" / "zarr.json").write_bytes(b"{}")
    assert repair(path)[1] is None
    assert check(path).whole


def look_while_it_grows(path: Path, times: int) -> int:
    """Check an archive as often as one can while it is written again and again."""
    looks = 0
    done = threading.Event()

    def write() -> None:
        try:
            for _ in range(times):
                grow(path, restart=True)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not path.exists() and not done.is_set():
            pass
        while not done.is_set():
            found = check(path)
            assert found.whole, found.problems
            looks += 1
    finally:
        writer.join()
    return looks


def test_an_archive_that_is_being_written_is_not_damaged(tmp_path: Path) -> None:
    assert look_while_it_grows(tmp_path / "a", times=3) > 3


@pytest.mark.slow
def test_400_looks_at_archives_that_are_being_written(tmp_path: Path) -> None:
    assert look_while_it_grows(tmp_path / "a", times=100) > 400


def test_a_writer_that_commits_meanwhile_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state that the journal named is gone, for a newer one has come."""
    path = tmp_path / "a"
    grow(path, stop=2)
    real = journal.read_state

    def meanwhile(folder: Path, listing: dict) -> object:
        monkeypatch.setattr(journal, "read_state", real)
        grow(path, stop=4)
        return real(folder, listing)

    monkeypatch.setattr(journal, "read_state", meanwhile)
    found = check(path)
    assert (found.whole, len(found.entries)) == (True, 4)
    monkeypatch.undo()
    next((path / journal.FOLDER).glob("state-*.bin")).unlink()
    assert not check(path).whole
