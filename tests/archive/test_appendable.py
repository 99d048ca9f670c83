"""Archives that are appended to: what readers see, what kills leave, what a second writer gets."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from archive_examples import build_run, grow
from killable import timeless_files

from fatheory.archive import (
    AppendableArchive,
    RunWriter,
    Template,
    check,
    commits,
    is_unfinished,
    journal,
    load,
    manifest,
    repair,
    save,
)
from fatheory.errors import ArchiveError, ArchiveWriteError, DamagedArchiveError, ResumeWarning

STAGES = [
    ("fatheory.archive.appendable.journal", "append"),
    ("fatheory.archive.appendable.layout", "write_chunk"),
    ("fatheory.archive.appendable", "write_state"),
    ("fatheory.archive.appendable.layout", "make_arrays"),
    ("fatheory.archive.appendable.layout", "add_arrays"),
    ("fatheory.archive.appendable.manifest", "write_manifest"),
    ("os", "fsync"),
    ("os", "rename"),
    ("os", "link"),
]


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return build_run(value=2.0, n_steps=8)


def same(found: xr.Dataset, wanted: xr.Dataset) -> None:
    ignored = {"created", "wall_time_s"}
    xr.testing.assert_equal(found, wanted)
    for name in wanted.variables:
        assert found[name].attrs == wanted[name].attrs
        assert found[name].dtype == wanted[name].dtype
    assert {k: v for k, v in found.attrs.items() if k not in ignored} == {
        k: v for k, v in wanted.attrs.items() if k not in ignored
    }


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_what_grew_is_what_would_have_been_saved(whole: xr.Dataset, tmp_path: Path) -> None:
    grow(tmp_path / "grown")
    same(load(tmp_path / "grown"), whole)
    assert check(tmp_path / "grown").whole
    saved = timeless_files(save(whole, tmp_path / "saved"))
    grown = timeless_files(tmp_path / "grown")
    assert {name for name in grown if "/c" in name} == {name for name in saved if "/c" in name}
    for name, content in grown.items():
        if "/c." in name:
            assert content == saved[name]
    assert hidden(tmp_path) == []


def test_readers_see_committed_snapshots_and_no_others(whole: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for stop in (3, 5):
        grow(path, stop=stop)
        assert is_unfinished(path)
        before = timeless_files(path)
        seen = load(path)
        assert seen.attrs["unfinished"] == f"{stop} of 8 snapshots"
        xr.testing.assert_equal(seen, whole.isel(step=slice(stop)))
        assert timeless_files(path) == before
    with AppendableArchive.resume(path) as archive:
        archive.write({"step": 5}, {"loss": np.ones((2, 3))})
        assert load(path).sizes["step"] == 5
    grow(path)
    assert not is_unfinished(path)
    same(load(path), whole)


def test_entries_of_fill_values_take_no_files_and_hide_what_a_killed_writer_left(
    tmp_path: Path,
) -> None:
    path, kinds = tmp_path / "a", {"x": (np.float32, np.nan), "n": (np.int64, -1)}
    kinds |= {"b": (np.bool_, False), "text": (np.str_, "")}
    templates = {
        name: Template(("entry", "i"), (2, 3), np.dtype(kind), fill=fill)
        for name, (kind, fill) in kinds.items()
    }
    written = {"x": np.ones(3), "n": np.arange(3), "b": np.array([False, True, False])}
    written["text"] = np.array(["", "a", ""])
    nothing = {name: np.full(3, fill, kind) for name, (kind, fill) in kinds.items()}
    with AppendableArchive.create(
        path, xr.Dataset(), templates, ["entry"], kind="sweep"
    ) as archive:
        archive.write({"entry": 0}, written)  # and never committed
    left = {file for file in timeless_files(path) if "/c." in file}
    assert left == {f"{name}/c.0.0" for name in kinds}
    with AppendableArchive.resume(path) as archive:
        archive.write({"entry": 0}, nothing)
        archive.write({"entry": 1}, written)
        archive.commit({})
        archive.finish()
    assert {file for file in timeless_files(path) if "/c." in file} == {
        f"{name}/c.1.0" for name in kinds
    }
    with xr.open_zarr(path, consolidated=False) as stored:
        for name, values in nothing.items():
            np.testing.assert_array_equal(stored[name].values, [values, written[name]])


def test_kills_at_random_moments_lose_nothing_that_was_committed(
    writer, whole: xr.Dataset, tmp_path: Path
) -> None:
    """Each killed writer is followed by another, until one comes to the end; then all over."""
    grow(tmp_path / "uninterrupted")
    reference = timeless_files(tmp_path / "uninterrupted")
    rng = np.random.default_rng(5)
    path, kills, finished, committed = tmp_path / "a", 0, 0, 0
    while kills < 40:
        module, name = STAGES[rng.integers(len(STAGES))]
        where = f"import {module.rpartition('.')[0] or module}; " if "." in module else ""
        first = f"{where}die_at({rng.integers(1, 12)}, {module}, '{name}', {rng.random() < 0.5})"
        code, report = writer.save(path, first=first, action="grow")
        assert report == ""
        kills += code == -9
        if code == -9 and (path.exists() or (tmp_path / ".a.replaced").exists()):
            seen = load(path)
            if "unfinished" in seen.attrs:
                n = seen.sizes["step"]
                assert n >= committed
                committed = n
                recorded = whole if n else whole.drop_vars(["diverged", "diverged_at"])
                xr.testing.assert_equal(seen[list(recorded)], recorded.isel(step=slice(n)))
        if path.exists() and not is_unfinished(path):
            assert timeless_files(path) == reference
            same(load(path), whole)
            shutil.rmtree(path)
            shutil.rmtree(tmp_path / ".a.replaced", ignore_errors=True)
            finished, committed = finished + 1, 0
    assert finished > 3


def test_a_second_writer_is_refused_and_a_dead_one_is_not_waited_for(
    writer, tmp_path: Path, run: xr.Dataset
) -> None:
    path = tmp_path / "a"
    grow(path, stop=2)
    with AppendableArchive.resume(path):
        message = f"is being written by process {os.getpid()}"
        with pytest.raises(ArchiveWriteError, match=message):
            AppendableArchive.resume(path)
        with pytest.raises(ArchiveWriteError, match=message):
            save(run, path, overwrite=True)
        code, report = writer.save(path, action="grow")
        assert (code, report.split()[0]) == (1, "ArchiveWriteError")
        assert message in report
        load(path)
    module = "fatheory.archive.appendable"
    kill = f"import {module}; die_at(1, {module}.journal, 'append')"
    assert writer.save(path, first=kill, action="grow")[0] == -9
    assert hidden(tmp_path) == [".a.lock"]
    grow(path)
    assert hidden(tmp_path) == []


def test_another_experiment_is_not_continued(tmp_path: Path) -> None:
    grow(tmp_path / "a", stop=2)
    ds = build_run(value=2.0, n_steps=8)
    static = ds[["target_map", "feedback_2"]].assign_attrs(experiment_hash="other")
    with pytest.raises(ArchiveWriteError, match=r"another run \(experiment_hash '9f2c'"):
        RunWriter(tmp_path / "a", static)
    static.attrs |= {"experiment_hash": "9f2c", "device": "gpu"}
    with pytest.warns(ResumeWarning, match="continues with device gpu; so far it was cpu"):
        RunWriter(tmp_path / "a", static).__exit__(None, None, None)


def test_a_full_disk_loses_nothing_that_was_committed(
    whole: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    grow(path, stop=3)
    calls = [0]
    real = os.fsync

    def full(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] % 12 == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveWriteError, match="No space left on device"):
        grow(path)
    for _ in range(30):
        with contextlib.suppress(ArchiveWriteError):
            grow(path)
        seen = load(path)
        xr.testing.assert_equal(seen, whole.isel(step=slice(seen.sizes["step"])))
    monkeypatch.undo()
    if is_unfinished(path):
        grow(path)
    same(load(path), whole)


def test_a_torn_journal_is_continued_and_a_damaged_one_is_named(
    whole: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    grow(path, stop=4)
    first = path / journal.FOLDER / journal.FILES[0]
    lines = first.read_bytes()
    first.write_bytes(lines + b'{"number": 5, "files"')
    assert load(path).sizes["step"] == 4
    grow(path, stop=4)
    assert first.read_bytes() == lines
    first.write_bytes(lines[:50] + b"?" + lines[51:])
    with pytest.raises(DamagedArchiveError, match=r"journal.jsonl is not as it was written"):
        load(path)
    health, kept = repair(path)
    assert (kept, health.can_continue) == (None, True)
    assert first.read_bytes() == lines
    grow(path)
    same(load(path), whole)


def test_notes_of_commits_are_verified(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "b"
    grow(path, stop=3)
    assert [note["position"] for note in commits(path)] == [1, 2, 3]
    assert commits(saved) == []
    with pytest.raises(ArchiveError, match="there is no archive at"):
        commits(tmp_path / "none")
    first = path / journal.FOLDER / journal.FILES[0]
    first.write_bytes(first.read_bytes().replace(b'"position":2', b'"position":7'))
    with pytest.raises(DamagedArchiveError, match=r"journal\.jsonl is not as it was written"):
        commits(path)


def test_a_lost_state_keeps_the_snapshots(whole: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a"
    grow(path, stop=4)
    state = path / journal.FOLDER / "state-4.bin"
    whole_state = state.read_bytes()
    state.write_bytes(bytes([whole_state[0] ^ 1]) + whole_state[1:])
    with (
        pytest.raises(DamagedArchiveError, match=r"state-4.bin is missing or not as"),
        AppendableArchive.resume(path) as archive,
    ):
        archive.state()
    _, kept = repair(path)
    assert kept is not None
    found = load(path)
    assert found.attrs["repaired"] == "4 of 4 entries were whole, 0 were not"
    xr.testing.assert_equal(found, whole.isel(step=slice(4)))


def test_a_sweep_shows_committed_cells_and_no_part_of_others(tmp_path: Path) -> None:
    path = tmp_path / "a"
    static = xr.Dataset(coords={"axis": np.arange(3), "seed": np.arange(2)})
    template = Template(("axis", "seed"), (3, 2), np.dtype("f8"))
    text = Template(("axis",), (3,), np.dtype("U"), fill="")
    with AppendableArchive.create(
        path, static, {"x": template, "y": template, "note": text}, ["axis"], kind=manifest.SWEEP
    ) as archive:
        for cell in (2, 0):
            values = {"x": np.full(2, cell), "y": np.full(2, -1.0), "note": np.array("done")}
            archive.write({"axis": cell}, values)
            if cell == 2:
                archive.commit({})
    seen = load(path)
    np.testing.assert_array_equal(seen["x"], [[np.nan] * 2, [np.nan] * 2, [2.0] * 2])
    assert seen["note"].values.tolist() == ["", "", "done"]
    with AppendableArchive.resume(path) as archive:
        archive.write({"axis": 0}, {"x": np.zeros(2), "y": np.zeros(2), "note": np.array("done")})
        archive.commit({})
        archive.finish()
    (path / "x" / "c.2.0").write_bytes(b"")
    health, _ = repair(path)
    assert health.lost == {(("axis", 2),)}
    found = load(path)
    # Of a cell that is damaged nothing is kept.
    assert found["note"].values.tolist() == ["done", "", ""]
    np.testing.assert_array_equal(found["y"], [[0.0] * 2, [np.nan] * 2, [np.nan] * 2])


def test_states_come_back_bit_by_bit(tmp_path: Path) -> None:
    state = {
        "rule 75 %/": {"w": np.array([np.nan, -0.0, 5e-324]), "n": np.arange(6).reshape(2, 3)},
        "none": {"empty": np.zeros((0, 3), np.float32), "one": np.array(True)},
    }
    static = xr.Dataset(coords={"step": np.arange(2)})
    template = Template(("step",), (2,), np.dtype("f8"))
    with AppendableArchive.create(
        tmp_path / "a", static, {"x": template}, ["step"], kind=manifest.SWEEP
    ) as archive:
        archive.commit({}, state)
        found = archive.state()
    assert found is not None
    for label, arrays in state.items():
        for name, array in arrays.items():
            assert found[label][name].dtype == array.dtype
            assert found[label][name].tobytes() == array.tobytes()
            assert found[label][name].shape == array.shape


def test_what_is_not_unfinished_cannot_be_continued(
    saved: Path, tmp_path: Path, make_run: Callable[..., xr.Dataset]
) -> None:
    for path in (saved, tmp_path / "nothing"):
        with pytest.raises(ArchiveError, match="there is no unfinished archive at"):
            AppendableArchive.resume(path)
    grow(tmp_path / "b", stop=1)
    save(make_run(3.0), tmp_path / "b", overwrite=True)
    assert not is_unfinished(tmp_path / "b")
    grow(tmp_path / "b2", stop=1)
    (tmp_path / "b2" / "mine.txt").write_text("keep")
    with pytest.raises(ArchiveWriteError, match=r"files that are not part .*mine\.txt"):
        save(make_run(3.0), tmp_path / "b2", overwrite=True)
