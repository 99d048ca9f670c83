"""Writers that are killed, run out of disk, or leave things behind."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fatheory.archive import AppendableArchive, load, repair, replacement, save, to_netcdf
from fatheory.errors import ArchiveError, ArchiveWriteError

OLD, NEW = 0.0, 2.0  # first loss of the archive that stands there, and of the writer's
RENAMES = "die_at({}, fatheory.archive.replacement.os, 'rename')"
HALF_DELETED = (
    "fatheory.archive.replacement.shutil.rmtree = lambda folder, ignore_errors: "
    "(os.unlink(folder / 'zarr.json'), os.kill(os.getpid(), signal.SIGKILL))"
)


def first_loss(path: Path) -> float:
    return float(load(path)["loss"][0, 0, 0])


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("standing", [True, False])
def test_kills_at_random_moments_leave_the_old_or_the_new(
    standing: bool, writer, run: xr.Dataset, saved: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    path = tmp_path / "target"
    killed = 0
    for trial in range(8):
        if path.exists():
            path.rename(tmp_path / f"done{trial}")
        if standing:
            shutil.rmtree(tmp_path / ".target.replaced", ignore_errors=True)
            shutil.copytree(saved, path)
        code, report = writer.save(path, kill_after=rng.uniform(0, 0.25))
        assert report == ""
        killed += code == -9
        if standing:
            assert first_loss(path) in (OLD, NEW)
        elif path.exists():
            assert first_loss(path) == NEW
        else:
            with pytest.raises(ArchiveError, match="there is no archive"):
                load(path)
    assert killed > 0
    save(run, path, overwrite=True)
    assert first_loss(path) == OLD
    assert hidden(tmp_path) == []


@pytest.mark.parametrize(
    ("first", "left"),
    [
        ("die_at(1, fatheory.archive.manifest, 'write_manifest')", OLD),
        ("die_at(3, fatheory.archive.replacement.os, 'fsync')", OLD),
        (RENAMES.format(1), OLD),
        (RENAMES.format(2), OLD),  # between the two renames
        (RENAMES.format(3), NEW),
        ("die_at(1, fatheory.archive.replacement.shutil, 'rmtree')", NEW),
        (HALF_DELETED, NEW),
    ],
)
def test_kills_at_each_stage(
    first: str, left: float, writer, run: xr.Dataset, saved: Path, tmp_path: Path
) -> None:
    code, report = writer.save(saved, first=first)
    assert (code, report) == (-9, "")
    assert hidden(tmp_path)
    assert saved.exists() == (first != RENAMES.format(2))
    assert first_loss(saved) == left
    with pytest.raises(ArchiveWriteError, match="overwrite=True"):
        save(run, saved)
    assert first_loss(saved) == left
    assert hidden(tmp_path) == []


def test_a_full_disk_leaves_the_old(writer, saved: Path, tmp_path: Path) -> None:
    limit = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"
    )
    code, report = writer.save(
        saved, first=f"{limit}; fatheory.archive.to_netcdf(ds, path + '.nc')"
    )
    assert code == 1
    assert report.startswith(f"ArchiveWriteError could not write {saved}.nc: ")
    code, report = writer.save(saved, first=limit)
    assert code == 1
    assert report.startswith(f"ArchiveWriteError could not write {saved}: ")
    assert "File too large" in report
    assert first_loss(saved) == OLD
    assert hidden(tmp_path) == []


def test_a_disk_that_is_full_at_synchronising_leaves_the_old(
    run: xr.Dataset, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = to_netcdf(run, tmp_path / "a.nc")
    content = exported.read_bytes()
    run["loss"][...] = NEW

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveWriteError, match=f"{saved}: OSError: .*No space left on device"):
        save(run, saved, overwrite=True)
    with pytest.raises(ArchiveWriteError, match="No space left on device"):
        to_netcdf(run, exported, overwrite=True)
    assert first_loss(saved) == OLD
    assert exported.read_bytes() == content
    assert hidden(tmp_path) == []


def test_a_folder_that_late_writers_bring_back_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    pauses = []

    def write_late(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) < 4:
            folder.mkdir()
            (folder / "late").write_text("")

    folder.mkdir()
    monkeypatch.setattr(replacement.time, "sleep", write_late)
    replacement._remove(folder)
    assert not folder.exists()
    assert len(pauses) == 4


def test_an_interruption_between_the_renames_puts_the_old_back(
    make_run: Callable[..., xr.Dataset],
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, calls = os.rename, []

    def interrupted(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(replacement.os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(make_run(NEW), saved, overwrite=True)
    assert saved.exists()
    assert first_loss(saved) == OLD
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("standing", [True, False])
def test_nothing_but_a_former_archive_is_deleted_or_set_back(
    standing: bool, saved: Path, tmp_path: Path
) -> None:
    path, former = tmp_path / "target", tmp_path / ".target.replaced"
    if standing:
        shutil.copytree(saved, path)
    former.mkdir()
    (former / "notes.txt").write_text("mine")
    for going_on in (repair, AppendableArchive.resume, replacement.recover):
        with pytest.raises(ArchiveWriteError, match=r"replaced exists and is no intact archive"):
            going_on(path)
    assert (former / "notes.txt").read_text() == "mine"
    assert path.exists() == standing


def test_a_former_archive_is_kept_while_something_else_stands_there(
    saved: Path, tmp_path: Path
) -> None:
    path, former = tmp_path / "target", tmp_path / ".target.replaced"
    shutil.copytree(saved, former)
    path.mkdir()
    with pytest.raises(ArchiveWriteError, match=r"target is no archive of fatheory, and"):
        replacement.recover(path)
    path.rmdir()
    # As a repair sets it aside; the copy of the manifest tells whose the files are.
    (former / "fatheory-manifest" / "zarr.json").write_text("{}")
    replacement.recover(path)
    assert path.exists()
    assert not former.exists()


def test_a_disk_that_fails_while_going_on_is_told_in_words(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(errno.EIO, "disk failure")

    path = tmp_path / "target"
    shutil.copytree(saved, tmp_path / ".target.replaced")
    monkeypatch.setattr(replacement.os, "rename", failing)
    with pytest.raises(ArchiveWriteError, match=r"OSError: .*disk failure; .*former archive"):
        replacement.recover(path)


def test_only_leftovers_of_dead_writers_of_this_path_are_cleared(
    run: xr.Dataset, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    host, me, dead = replacement._HOST, os.getpid(), process.pid
    cleared = {
        f".a.writing-{host}-{dead}-0123abcd-0123abcd",
        f".a.writing-{host}-{me}-0123abcd-0123abcd",  # an earlier process of our number
        f"..a.replaced.writing-{host}-{dead}-0123abcd-0123abcd",
    }
    kept = {
        f".b.writing-{host}-{dead}-0123abcd-0123abcd",
        f".a.b.writing-{host}-{dead}-0123abcd-0123abcd",
        f".a.writing-elsewhere-{dead}-0123abcd-0123abcd",
        f".a.writing-{host}-{os.getppid()}-0123abcd-0123abcd",
        f".a.writing-{host}-{me}-{replacement._PROCESS}-0123abcd",
        f"a.writing-{host}-{dead}-0123abcd-0123abcd",
    }
    for name in cleared | kept:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    save(run, tmp_path / "a")
    assert {path.name for path in tmp_path.iterdir()} == kept | {"a"}


def test_a_foreign_folder_of_the_set_aside_name_stays(
    run: xr.Dataset, saved: Path, tmp_path: Path
) -> None:
    mine = tmp_path / ".a.replaced" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("keep")
    with pytest.raises(ArchiveWriteError, match=r"\.a\.replaced exists and is no intact archive"):
        save(run, saved, overwrite=True)
    assert mine.read_text() == "keep"
    assert first_loss(saved) == OLD
