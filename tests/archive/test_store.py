import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from fatheory.archive import files, layout, load, manifest, save, store
from fatheory.archive.files import ListedFiles
from fatheory.errors import (
    ArchiveError,
    ArchiveWriteError,
    DamagedArchiveError,
    IncompleteArchiveError,
    SchemaError,
)

MANIFEST = "fatheory-manifest/zarr.json"


def dtypes(ds: xr.Dataset) -> dict[str, str]:
    return {str(name): str(ds[name].dtype) for name in ds.variables}


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("kind", ["run", "result"])
def test_what_is_loaded_is_what_was_saved(
    kind: str, verify: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ds = request.getfixturevalue(kind)
    path = save(ds, tmp_path / "new" / "folder" / "a")
    back = load(path, verify=verify)
    xr.testing.assert_identical(ds, back)
    assert dtypes(back) == dtypes(ds)
    assert {k: type(v) for k, v in back.attrs.items()} == {k: type(v) for k, v in ds.attrs.items()}
    assert all(not variable.encoding for variable in back.variables.values())
    assert hidden(path.parent) == []


def test_saving_does_not_change_the_dataset(result: xr.Dataset, tmp_path: Path) -> None:
    result["angle"].encoding = {"scale_factor": 0.5, "dtype": "int16"}
    result.attrs["array"] = np.arange(2)
    before = result.copy(deep=True)
    back = load(save(result, tmp_path / "a"))
    xr.testing.assert_identical(result, before)
    assert result["angle"].encoding == {"scale_factor": 0.5, "dtype": "int16"}
    xr.testing.assert_identical(back["angle"], result["angle"])
    assert back.attrs["array"] == [0, 1]


def test_strings_of_any_dtype_come_back_with_fixed_width(tmp_path: Path) -> None:
    texts = np.array(["a", "bcd"], dtype=object)
    back = load(save(xr.Dataset({"t": ("x", texts)}, coords={"x": texts}), tmp_path / "a"))
    assert back["t"].dtype == back["x"].dtype == np.dtype("<U3")
    assert back["t"].values.tolist() == back["x"].values.tolist() == ["a", "bcd"]


def test_an_archive_is_plain_zarr_without_warnings(run: xr.Dataset, tmp_path: Path) -> None:
    path = save(run, tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = xr.open_zarr(path, consolidated=False, chunks=None).load()
        xr.open_datatree(path, engine="zarr", consolidated=False).close()
    xr.testing.assert_equal(run, opened)


def test_large_archives_are_read_when_used(
    result: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_IN_MEMORY_BYTES", 0)
    back = load(save(result, tmp_path / "a"))
    assert not back["angle"].variable._in_memory
    xr.testing.assert_identical(result, back)


def test_what_is_read_later_is_verified_then(
    result: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(files, "_AT_ONCE_BYTES", 0)
    path = save(result, tmp_path / "a")
    back, chunk = load(path), path / "angle" / "c" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DamagedArchiveError, match="angle/c/0/0 has another content"):
        back["angle"].load()
    chunk.unlink()
    with pytest.raises(DamagedArchiveError, match="angle/c/0/0 is missing"):
        back["angle"].load()
    chunk.write_bytes(whole)
    xr.testing.assert_identical(back["angle"].load(), result["angle"])


def test_overwriting_is_asked_for(run: xr.Dataset, result: xr.Dataset, tmp_path: Path) -> None:
    path = save(run, tmp_path / "a")
    with pytest.raises(ArchiveWriteError, match="overwrite=True"):
        save(result, path)
    xr.testing.assert_identical(load(path), run)
    save(result, path, overwrite=True)
    xr.testing.assert_identical(load(path), result)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_link_to_an_archive_stays_a_link(
    run: xr.Dataset, result: xr.Dataset, tmp_path: Path
) -> None:
    save(run, tmp_path / "a")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    assert save(result, link, overwrite=True) == tmp_path / "a"
    assert link.is_symlink()
    xr.testing.assert_identical(load(link), result)


def test_nothing_but_an_archive_is_replaced(run: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    (tmp_path / "file").write_text("keep")
    (tmp_path / "empty").mkdir()
    run.to_zarr(tmp_path / "other.zarr", zarr_format=2, consolidated=False)
    for name in ("notes", "file", "empty", "other.zarr"):
        with pytest.raises(ArchiveWriteError, match="exists and is no intact archive"):
            save(run, tmp_path / name, overwrite=True)
    path = save(run, tmp_path / "a")
    (path / "mine.txt").write_text("keep")
    with pytest.raises(ArchiveWriteError, match=r"not part of the archive.*mine\.txt"):
        save(run, path, overwrite=True)
    assert (path / "mine.txt").read_text() == (tmp_path / "notes" / "mine.txt").read_text()
    assert hidden(tmp_path) == []


def test_an_archive_is_not_spoilt_from_inside(run: xr.Dataset, tmp_path: Path) -> None:
    path = save(run, tmp_path / "a")
    with pytest.raises(ArchiveWriteError, match="lies inside the archive"):
        save(run, path / "deep" / "b")
    xr.testing.assert_identical(load(path), run)


def test_unwritable_places(run: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "a", Path("/proc/none/a"), tmp_path / ("n" * 300)):
        with pytest.raises(ArchiveWriteError, match=f"could not write {place}: .*Error"):
            save(run, place)
    assert hidden(tmp_path) == []


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    moments = np.array(["2020-01-01"], dtype="datetime64[ns]")
    cases = {
        "numbers, with their unit": xr.Dataset({"t": ("x", moments)}),
        "holds 1;": xr.Dataset({"t": ("x", np.array(["a", 1], dtype=object))}),
        "dtype \\|S1": xr.Dataset({"t": ("x", np.array([b"a"]))}),
        "attribute 'f' of the Dataset.*function": xr.Dataset(attrs={"f": lambda: 0}),
        "attribute 'z' of variable 'v'.*complex": xr.Dataset({"v": ((), 0.0, {"z": 1j})}),
        "does not read back": xr.Dataset({"v": ((), 3.0, {"scale_factor": 2.0})}),
        "coordinates": xr.Dataset({"v": ((), 3.0), "w": ((), 1.0)}, attrs={"coordinates": "w"}),
    }
    for message, ds in cases.items():
        with pytest.raises(ArchiveWriteError, match=message):
            save(ds, path)
    assert list(tmp_path.iterdir()) == []


def test_an_invalid_run_is_not_saved(run: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="missing variables: loss"):
        save(run.drop_vars("loss"), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_result_need_not_be_a_run_but_a_run_must(run: xr.Dataset, tmp_path: Path) -> None:
    bare = run.drop_vars("loss").drop_attrs(deep=False)
    xr.testing.assert_identical(load(save(bare, tmp_path / "a")), bare)


def test_missing_archives(run: xr.Dataset, tmp_path: Path) -> None:
    save(run, tmp_path / "one")
    with pytest.raises(ArchiveError, match=r"no archive at .*two; in .* there are: one"):
        load(tmp_path / "two")
    with pytest.raises(ArchiveError, match="there is no folder"):
        load(tmp_path / "none" / "two")


def test_folders_without_manifest(run: xr.Dataset, tmp_path: Path) -> None:
    run.to_zarr(tmp_path / "zarr", zarr_format=2, consolidated=False)
    (tmp_path / "file").write_text("")
    for name in ("zarr", "file"):
        with pytest.raises(IncompleteArchiveError, match="not an archive of fatheory"):
            load(tmp_path / name)


@pytest.mark.parametrize("verify", [True, False])
def test_missing_chunks_are_noticed(saved: Path, verify: bool) -> None:
    (saved / "loss/c.0.0.1").unlink()
    opened = xr.open_zarr(saved, consolidated=False, chunks=None)
    assert np.isnan(opened["loss"].values[..., 1]).all()  # what would have been read
    with pytest.raises(DamagedArchiveError, match=r"loss/c\.0\.0\.1 is missing"):
        load(saved, verify=verify)


def test_edited_attributes_are_noticed(saved: Path) -> None:
    text = (saved / "zarr.json").read_text()
    (saved / "zarr.json").write_text(text.replace("float64", "float32"))
    with pytest.raises(DamagedArchiveError, match=r"zarr\.json has another content"):
        load(saved)
    (saved / "zarr.json").write_text(text.replace("simulation", "theory/exact"))
    with pytest.raises(DamagedArchiveError, match=r"zarr\.json has \d+ bytes instead of \d+"):
        load(saved, verify=False)


def test_added_files_are_noticed(saved: Path) -> None:
    (saved / "loss/c.0.0.9").write_bytes(b"")
    (saved / "void").mkdir()
    with pytest.raises(
        DamagedArchiveError, match=r"loss/c\.0\.0\.9 does not belong.*void does not"
    ):
        load(saved)


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_every_truncation_and_flipped_byte_is_noticed(
    damage: str, run: xr.Dataset, saved: Path
) -> None:
    rng = np.random.default_rng(11)
    files = files_of(saved)
    for trial in range(60):
        file = saved / MANIFEST if trial % 5 == 0 else files[rng.integers(len(files))]
        whole = file.read_bytes()
        position = int(rng.integers(len(whole)))
        broken = bytearray(whole[:position] if damage == "truncated" else whole)
        if damage == "flipped":
            broken[position] ^= int(rng.integers(1, 256))
        file.write_bytes(broken)
        with pytest.raises(DamagedArchiveError, match="is damaged"):
            load(saved)
        file.write_bytes(whole)
    xr.testing.assert_identical(load(saved), run)


def test_an_edited_manifest_is_noticed(saved: Path) -> None:
    whole = (saved / MANIFEST).read_bytes()
    assert whole.count(b'"kind": "run"') == 1
    edits = [whole.replace(b'"kind": "run"', b'"kind": "result"'), whole + b"\n"]
    for position in range(0, len(whole), 31):
        edits.append(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
    for edit in edits:
        (saved / MANIFEST).write_bytes(edit)
        with pytest.raises(DamagedArchiveError, match="is not as it was written"):
            manifest.read_manifest(saved)


def test_other_versions_are_named(
    run: xr.Dataset, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fatheory.labels.SCHEMA_VERSION", 2)
    path = save(run.assign_attrs(fatheory_schema=2), tmp_path / "schema")
    monkeypatch.undo()
    with pytest.raises(SchemaError, match=r"version is 2; .* reads version 1; update fatheory"):
        load(path)
    listed = manifest.read_manifest(saved)
    (saved / MANIFEST).write_bytes(manifest._render(listed, 9))
    with pytest.raises(ArchiveError, match=r"format of version 9; .* reads versions up to 2"):
        load(saved)


def test_a_replacement_during_reading_is_read_anew(
    make_run: Callable[..., xr.Dataset], saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_read, new = layout.read, make_run(3.0)

    def replaced_meanwhile(files: ListedFiles) -> xr.Dataset:
        monkeypatch.setattr(layout, "read", real_read)
        ds = real_read(files)
        save(new, files.folder, overwrite=True)
        return ds.assign(loss=ds["loss"] * np.nan)  # as chunks that were gone would read

    monkeypatch.setattr(layout, "read", replaced_meanwhile)
    xr.testing.assert_identical(load(saved), new)


def test_loading_writes_nothing(run: xr.Dataset, saved: Path, tmp_path: Path) -> None:
    saved.rename(tmp_path / ".a.replaced")
    before = {p: os.stat(p).st_mtime_ns for p in [tmp_path, *tmp_path.rglob("*")]}
    xr.testing.assert_identical(load(saved), run)
    assert {p: os.stat(p).st_mtime_ns for p in [tmp_path, *tmp_path.rglob("*")]} == before
