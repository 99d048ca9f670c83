"""Chunks of every kind of archive swapped, flipped, cut, doubled: no command takes them over."""

import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import fatheory as fa
from fatheory.archive import SWEEP, check, load, repair
from fatheory.cli import main
from fatheory.errors import ArchiveError, DamagedArchiveError

STORED = Path(__file__).parents[1] / "data" / "archives"
KINDS = ["run", "unfinished_run", "sweep", "unfinished_sweep"]
WAYS = ["swapped", "flipped", "truncated", "doubled", "deleted"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine")
    for name in KINDS:
        with zipfile.ZipFile(STORED / f"{name}.zip") as file:
            file.extractall(folder / name)
    return folder


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Call the command line; return its exit code, and what it printed, in one line."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["fatheory", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, " ".join((printed.out + printed.err).split())

    return call


def chunks(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("*/c*") if file.is_file())


def exchangeable(files: list[Path], one: Path) -> list[Path]:
    """Return the chunks that differ from one: of its variable if there are any, or else of all."""
    others = [file for file in files if file.read_bytes() != one.read_bytes()]
    return [file for file in others if file.parent == one.parent] or others


def spoil(path: Path, way: str, rng: np.random.Generator) -> Path:
    """Damage one chunk, or exchange it for another one."""
    files = chunks(path)
    one = files[rng.integers(len(files))]
    content, others = one.read_bytes(), exchangeable(files, one)
    if way == "swapped":
        other = others[rng.integers(len(others))]
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif way == "doubled":
        one.write_bytes(others[rng.integers(len(others))].read_bytes())
    elif way == "flipped":
        place = int(rng.integers(len(content)))
        one.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
    elif way == "truncated":
        one.write_bytes(content[: int(rng.integers(len(content)))])
    else:
        one.unlink()
    return one


def refused(kind: str, path: Path, command: Command, netcdf: Path) -> None:
    """All that takes numbers from an archive refuses it and names the damage."""
    assert not check(path).whole
    with pytest.raises(DamagedArchiveError, match=r"/c[./]\d"):
        load(path)
    others = [["sweep", "show", path]] if "sweep" in path.parent.name else []
    others = others or [["compare", path, path]]
    for arguments in (["archive", "check", path], ["archive", "export", path, netcdf], *others):
        code, printed = command(*arguments)
        assert (code, "/c" in printed) == (1, True), printed
    of_sweeps = [["sweep", "show", path], ["sweep", "status", path]]
    for arguments in (["inspect", path], *(of_sweeps if kind.endswith("sweep") else [])):
        code, printed = command(*arguments)
        assert (code, "is damaged" in printed) == (1, True), printed
    assert not netcdf.exists()


def goes_on(path: Path, attrs: dict) -> None:
    if "sweep" in attrs:
        fa.Sweep.from_json(attrs["sweep"]).run(path, progress=False)
    else:
        experiment = fa.Experiment.from_json(attrs["experiment"])
        fa.simulate(experiment, path=path, progress=False)


def right_where_it_is(found: xr.Dataset, whole: xr.Dataset) -> None:
    """What a repair kept is what there was, at its labels, or is marked as missing."""
    for name in map(str, found.data_vars):
        wanted, there = whole[name], found[name]
        if "sweep" in whole.attrs:
            kept = found["status"] == whole["status"]
            kept, there, wanted = xr.broadcast(kept, there, wanted)
        else:
            kept = xr.ones_like(there, bool)
            wanted = wanted.sel(step=found["step"]) if "step" in wanted.dims else wanted
        mask = kept.values
        np.testing.assert_array_equal(there.values[mask], wanted.values[mask], err_msg=name)


def drive(kind: str, way: str, seed: int, pristine: Path, folder: Path, command: Command) -> None:
    rng = np.random.default_rng(seed)
    path = Path(shutil.copytree(pristine / kind, folder / f"{way}{seed}"))
    whole = load(path)
    spoil(path, way, rng)
    refused(kind, path, command, folder / "a.nc")
    with pytest.raises(ArchiveError, match="is damaged"):
        goes_on(path, whole.attrs)
    if not check(path).intact:
        with pytest.raises(ArchiveError, match="nothing in it is whole"):
            repair(path)
        return
    health, kept = repair(path)
    found = load(path)
    assert check(path).whole
    assert health.kind == (SWEEP if "sweep" in kind else "run")
    assert (kept is None) == ("repaired" not in found.attrs)
    right_where_it_is(found, whole)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_command_takes_damage_over(
    kind: str, way: str, pristine: Path, tmp_path: Path, command: Command
) -> None:
    drive(kind, way, 0, pristine, tmp_path, command)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_command_takes_damage_over_at_60_places(
    kind: str, way: str, pristine: Path, tmp_path: Path, command: Command
) -> None:
    for seed in range(1, 61):
        drive(kind, way, seed, pristine, tmp_path, command)
