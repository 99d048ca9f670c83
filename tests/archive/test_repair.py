"""Damage at random places: named, and everything whole is had back."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from archive_examples import build_run, grow

from fatheory.archive import check, load, repair, save
from fatheory.errors import ArchiveError, DamagedArchiveError, IncompleteArchiveError


def spoil(folder: Path, kind: str, rng: np.random.Generator) -> Path:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    weights = np.array([path.stat().st_size for path in files], float)
    # Large files are hit more often, as by a failing disk, but small ones are too.
    file = files[rng.choice(len(files), p=weights / weights.sum() / 2 + 0.5 / len(files))]
    content = bytearray(file.read_bytes())
    place = int(rng.integers(len(content)))
    if kind == "truncated":
        file.write_bytes(content[:place])
    elif kind == "flipped":
        content[place] ^= int(rng.integers(1, 256))
        file.write_bytes(content)
    else:
        file.unlink()
    return file


def assert_part_of(found: xr.Dataset, whole: xr.Dataset, names: set[str]) -> None:
    """Every number is there and right, at the steps that are there."""
    for name in names:
        wanted = whole[name]
        if "step" in wanted.dims:
            wanted = wanted.sel(step=found["step"])
        np.testing.assert_array_equal(found[name].values, wanted.values)


@pytest.mark.parametrize("unfinished", [False, True])
@pytest.mark.parametrize(("kind", "trials"), [("truncated", 25), ("flipped", 25), ("deleted", 10)])
def test_damage_at_random_places(kind: str, trials: int, unfinished: bool, tmp_path: Path) -> None:
    damage_and_repair(kind, trials, unfinished, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("unfinished", [False, True])
@pytest.mark.parametrize("kind", ["truncated", "flipped", "deleted"])
def test_damage_at_200_random_places(kind: str, unfinished: bool, tmp_path: Path) -> None:
    damage_and_repair(kind, 200, unfinished, tmp_path)


def damage_and_repair(kind: str, trials: int, unfinished: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(kind))
    whole, path = build_run(value=2.0, n_steps=8), tmp_path / "a"
    grow(tmp_path / "pristine", stop=6 if unfinished else -1)
    committed = 6 if unfinished else 8
    lossless = 0
    for _ in range(trials):
        shutil.copytree(tmp_path / "pristine", path)
        spoiled = spoil(path, kind, rng).relative_to(path)
        if not (unfinished and spoiled.match("*/journal*.jsonl") and load_is_fine(path)):
            if not spoiled.match("*/state-*.bin"):
                with pytest.raises((DamagedArchiveError, IncompleteArchiveError)):
                    load(path)
            assert not check(path).whole
        health, kept = repair(path)
        found = load(path)
        assert check(path).whole
        assert found.sizes["step"] == committed - len(health.lost)
        assert len(health.lost) <= 1
        assert_part_of(found, whole, set(map(str, whole.data_vars)) - set(health.lost_variables))
        assert health.lost_variables == ()
        lossless += kept is None
        shutil.rmtree(path)
        if kept is not None:
            assert "repaired" in found.attrs
            shutil.rmtree(kept)
    assert 0 < lossless < trials


def load_is_fine(path: Path) -> bool:
    """Whether a damaged line of the journal looks like one that was being written: the last."""
    try:
        load(path)
    except DamagedArchiveError:
        return False
    return True


def test_nothing_is_done_to_a_whole_archive(saved: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in saved.rglob("*")}
    health, kept = repair(saved)
    assert (health.whole, kept, len(health.entries)) == (True, None, 4)
    assert {path: path.stat().st_mtime_ns for path in saved.rglob("*")} == before


def test_both_lists_of_files_lost(saved: Path) -> None:
    for name in ("fatheory-manifest", "fatheory-manifest-copy"):
        (saved / name / "zarr.json").write_bytes(b"{}")
    with pytest.raises(DamagedArchiveError):
        repair(saved)


def test_a_result_cannot_be_repaired(result: xr.Dataset, tmp_path: Path) -> None:
    path = save(result, tmp_path / "a")
    (path / "angle/zarr.json").write_bytes(b"{}")
    with pytest.raises(ArchiveError, match="cannot be repaired: nothing in it is whole"):
        repair(path)
    assert not check(path).whole


def test_files_of_others_are_kept_aside(run: xr.Dataset, saved: Path) -> None:
    (saved / "mine.txt").write_text("keep")
    _, kept = repair(saved)
    assert kept is not None
    assert (kept / "mine.txt").read_text() == "keep"
    xr.testing.assert_identical(load(saved).drop_attrs(), run.drop_attrs())


def test_links_are_not_followed(saved: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    chunk = saved / "loss/c.0.0.1"
    secret.write_bytes(chunk.read_bytes())
    chunk.unlink()
    chunk.symlink_to(secret)
    with pytest.raises(DamagedArchiveError, match=r"loss/c.0.0.1 is a link"):
        load(saved)
    health, _ = repair(saved)
    assert health.lost == {(("step", 1),)}
