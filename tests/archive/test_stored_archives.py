"""Archives of earlier formats, kept as data: read, mended and continued by this version."""

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from archive_examples import build_result
from stored_archives import unpacked

import fatheory as fa
from fatheory.archive import check, is_unfinished, load, repair

KINDS = {"run": "run", "unfinished_run": "run", "run_of_format_1": "run", "result": "result"}
KINDS |= {"sweep": "sweep", "unfinished_sweep": "sweep"}


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: unpacked(name, tmp_path)


def described(path: Path) -> fa.Experiment:
    return fa.Experiment.from_json(load(path).attrs["experiment"])


def close(found: xr.Dataset, wanted: xr.Dataset) -> None:
    """Equal but for the last digits, which differ between machines."""
    assert set(wanted.variables) == set(found.variables)
    # An earlier version gave other content hashes to the same experiments.
    for name in set(wanted.variables) - {"wall_time_s", "experiment_hash"}:
        if wanted[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, err_msg=str(name))
        else:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=str(name))


@pytest.mark.parametrize("name", KINDS)
def test_each_is_whole_and_read(stored: Callable[[str], Path], name: str) -> None:
    path = stored(name)
    health = check(path)
    assert (health.kind, health.whole) == (KINDS[name], True)
    assert is_unfinished(path) == health.unfinished == name.startswith("unfinished")
    assert repair(path)[1] is None
    with xr.open_zarr(path, consolidated=False, chunks=None, decode_times=False) as plain:
        found = load(path)
        assert set(found.variables) >= set(plain.variables)
    if name == "result":
        xr.testing.assert_identical(found, build_result())


def test_runs_hold_what_they_held(stored: Callable[[str], Path]) -> None:
    run, old = load(stored("run")), load(stored("run_of_format_1"))
    assert run.sizes["step"] == 4
    xr.testing.assert_equal(run, old)
    close(run, fa.simulate(described(stored("run")), progress=False))
    part = load(stored("unfinished_run"))
    assert part.attrs["unfinished"] == "2 of 4 snapshots"
    xr.testing.assert_equal(part["loss"], run["loss"].isel(step=slice(2)))
    assert load(stored("sweep"))["status"].values.tolist() == [1, 1, 2, 3]


@pytest.mark.filterwarnings("ignore::fatheory.errors.ResumeWarning")
def test_what_is_unfinished_is_continued(stored: Callable[[str], Path]) -> None:
    run, path = load(stored("run")), stored("unfinished_run")
    first = (path / "loss" / "c.0.0.1").read_bytes()
    close(fa.simulate(described(stored("run")), path=path, progress=False), run)
    assert not is_unfinished(path)
    assert (path / "loss" / "c.0.0.1").read_bytes() == first
    path = stored("unfinished_sweep")
    before = load(path)
    assert (before["status"] == 1).sum() == 1
    sweep = fa.Sweep.from_json(before.attrs["sweep"])
    found = sweep.run(path, progress=False)
    assert (found["status"] == 1).all()
    done = before["status"].values == 1
    np.testing.assert_array_equal(found["loss"].values[done], before["loss"].values[done])
    close(found, sweep.run(path.with_name("anew"), progress=False))


def test_a_finished_run_is_found_and_not_done_again(
    stored: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("fatheory.train.simulate"), "start_run", None)
    path = stored("run")
    xr.testing.assert_identical(fa.simulate(described(path), path=path, progress=False), load(path))


@pytest.mark.parametrize(("name", "entries"), [("run", 4), ("unfinished_run", 2), ("sweep", 4)])
def test_a_lost_chunk_costs_one_entry(
    stored: Callable[[str], Path], name: str, entries: int
) -> None:
    path = stored(name)
    chunk = sorted((path / "loss").glob("c.*"))[1]
    chunk.write_bytes(chunk.read_bytes()[:-1])
    health, kept = repair(path)
    assert (len(health.entries), len(health.lost), kept is None) == (entries, 1, False)
    assert check(path).whole
    assert load(path).attrs["repaired"].startswith(f"{entries - 1} of {entries} entries")


@pytest.mark.parametrize("name", ["run", "unfinished_run", "sweep", "unfinished_sweep"])
def test_a_lost_list_is_had_back_from_its_copy(stored: Callable[[str], Path], name: str) -> None:
    path = stored(name)
    lists = [*path.glob("fatheory-manifest/zarr.json"), *path.glob("*/journal.jsonl")]
    assert len(lists) == 1
    content = lists[0].read_bytes()
    lists[0].write_bytes(content[:50] + b"?" + content[51:])
    assert not check(path).whole
    assert repair(path)[1] is None
    assert lists[0].read_bytes() == content
