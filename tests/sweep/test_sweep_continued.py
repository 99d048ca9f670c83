"""Sweeps that were stopped, killed, extended or repaired: what they go on with."""

import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from interrupted import interrupted_after
from sweep_examples import (
    AXES,
    RATES,
    ROWS,
    assert_cell_is_run,
    assert_same_numbers,
    small,
    sweep,
    sweep_of_rows,
)

import fatheory as fa
from fatheory.errors import ArchiveError, ArchiveWriteError, DivergedWarning
from fatheory.sweep import result, store, sweep_status, threads


def test_stopped_and_gone_on_with_is_bit_identical(whole, tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    for batches in (2, 0, 3):
        with monkeypatch.context() as patch:
            interrupted_after(patch, batches)
            with pytest.raises(KeyboardInterrupt, match=r"of 8 experiments.*run it again"):
                sweep(AXES).run(path)
    found = sweep_status(path)
    assert found.counts == {"pending": 3, "done": 5, "diverged": 0, "failed": 0}
    assert (found.finished, found.batches_left) == (False, 3)
    assert found.time_left > 0
    so_far = fa.load(path)
    assert so_far["loss"].shape == whole["loss"].shape
    done = so_far["status"] == 1
    np.testing.assert_array_equal(so_far["loss"].where(done), whole["loss"].where(done))
    assert so_far["loss"].where(~done).isnull().all()
    assert_same_numbers(sweep(AXES).run(path), whole)
    assert len(counted) == len(set(counted)) == 8
    assert sweep_status(path).finished


def test_a_killed_sweep_goes_on(whole, tmp_path):
    path = tmp_path / "x.zarr"
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from sweep_examples import sweep
from fatheory.sweep import run
from fatheory.sweep.store import SweepStore
add = SweepStore.add
def dying(store, found):
    if store.known == 3:
        # Cells that are done at once come in any order.
        row = next(row for row in store._rows if row[0].content_hash not in store._known)
        store._write(row, found | dict.fromkeys(store._experiments, *found.values()))
        os.kill(os.getpid(), signal.SIGKILL)
    add(store, found)
SweepStore.add = dying
sweep({AXES!r}).run({str(path)!r})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert sweep_status(path).counts["done"] == 3
    assert_same_numbers(sweep(AXES).run(path), whole)


def turned(asked):
    experiment = asked.experiment
    return asked.replaced(experiment=experiment.replaced(rules=dict(reversed(experiment.rules))))


def test_rules_in_another_order_are_gone_on_with_under_their_labels(
    whole, tmp_path, monkeypatch, counted
):
    path = tmp_path / "x.zarr"
    with monkeypatch.context() as patch:
        interrupted_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            sweep(AXES).run(path)
    found = turned(sweep(AXES)).run(path)
    assert found["rule"].values.tolist() == whole["rule"].values.tolist()[::-1]
    assert_same_numbers(found.sel(rule=whole["rule"]), whole)
    assert_same_numbers(fa.load(path), whole)
    assert len(counted) == len(set(counted)) == 8
    # Done, it is found; another axis value takes its cells over by their labels.
    again = turned(sweep(AXES)).run(path)
    assert_same_numbers(again.sel(rule=whole["rule"]), whole)
    more = turned(sweep(AXES)).with_axes({RATES: [*AXES[RATES], 0.05]}).run(path)
    assert len(counted) == len(set(counted)) == 10
    kept = more.isel({RATES: slice(4)}).sel(rule=whole["rule"])
    for name in ("loss", "weight_1", "feedback_2", "delta_angle"):
        np.testing.assert_array_equal(kept[name], whole[name], err_msg=name)


def test_cells_that_differ_in_the_order_of_rules_only_are_one_experiment(tmp_path, counted):
    rules = dict(small().rules)
    forms = [dict(order) for order in (rules.items(), reversed(rules.items()))]
    axes = {"order": {name: {"rules": form} for name, form in zip("ab", forms, strict=True)}}
    found = sweep(axes).run(tmp_path / "x.zarr")
    assert len(counted) == 1
    for place, _ in enumerate(forms):
        assert_cell_is_run(found, (place,), fa.simulate(small()))


def test_what_is_done_is_not_done_again(tmp_path, counted):
    path = tmp_path / "x.zarr"
    first = sweep({RATES: [0.01, 0.02]}).run(path)
    before = os.stat(path).st_mtime_ns
    assert first.identical(sweep({RATES: [0.01, 0.02]}).run(path))
    assert os.stat(path).st_mtime_ns == before
    assert len(counted) == 2


MORE = {
    RATES: [0.01, 0.02, 1e9],
    "scale": {"keys": ["rules.feedback_alignment.scale"], "values": [0.5, 1.0]},
}
"""Contains the experiments of the default scale, 0.5."""


def test_a_sweep_with_more_points_takes_over_what_both_have(tmp_path, counted):
    path = tmp_path / "x.zarr"
    with pytest.warns(DivergedWarning):
        first = sweep({RATES: [0.02, 1e9]}).run(path)
    asked = sweep(MORE)
    with pytest.warns(DivergedWarning, match="8 of 24 runs diverged"):
        stored = asked.run(path)
    assert stored.attrs["sweep_hash"] == asked.content_hash
    assert len(counted) == len(set(counted)) == 6
    for rate in (0.02, 1e9):
        taken = stored.sel({RATES: rate, "scale": 0.5})
        old = first.sel({RATES: rate})
        for name in first.data_vars:
            np.testing.assert_array_equal(taken[name], old[name], err_msg=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergedWarning)
        for cell in asked.cells():
            assert_cell_is_run(stored, cell.place, fa.simulate(cell.experiment))
    assert os.listdir(tmp_path) == ["x.zarr"]


def test_an_unfinished_sweep_is_taken_over_too(tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    with monkeypatch.context() as patch:
        interrupted_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            sweep({RATES: [0.02, 0.03]}).run(path)
    with pytest.warns(DivergedWarning):
        stored = sweep(MORE).run(path)
    assert len(counted) == len(set(counted)) == 6
    assert (stored["status"].values == [[1, 1], [1, 1], [2, 2]]).all()


def test_what_is_taken_over_keeps_where_it_comes_from(tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    with monkeypatch.context() as patch:
        interrupted_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            sweep({RATES: [0.02, 0.03]}).run(path)
    unfinished = sweep({RATES: [0.02]}).run(path)
    again = sweep({RATES: [0.02], "root_seed": [0]}).run(path)
    assert len(counted) == 1
    alone = fa.simulate(small()).attrs
    for stored in (unfinished, again):
        for name in ("device", "versions"):
            assert stored.attrs[name] == alone[name]


def test_a_cell_without_what_is_wanted_now_is_trained_again(tmp_path, counted):
    path = tmp_path / "x.zarr"
    without_weights = sweep({"network.hidden": [[3], [5]]}).run(path)
    assert "weight_1" not in without_weights
    stored = sweep({RATES: [0.02, 0.03]}).run(path)
    assert len(counted) == 4
    assert_cell_is_run(stored, (0,), fa.simulate(small()))


def test_failed_cells_are_tried_again(tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    asked = sweep({RATES: [0.01, 0.02, -1.0]})
    with monkeypatch.context() as patch:
        original = result.train_many

        def failing(experiments, **options):
            if experiments[0].learning_rates[0] == 0.02:
                raise fa.FatheoryError("the data were missing")
            return original(experiments, **options)

        patch.setattr(result, "train_many", failing)
        first = asked.run(path)
    assert first["status"].values.tolist() == [1, 3, 3]
    assert first["error"].values[1] == "FatheoryError: the data were missing"
    stored = asked.run(path)
    assert stored["status"].values.tolist() == [1, 1, 3]
    assert len(counted) == len(set(counted)) == 2
    assert_cell_is_run(
        stored, (1,), fa.simulate(next(itertools.islice(asked.cells(), 1, 2)).experiment)
    )


def test_lost_cells_of_a_repaired_sweep_are_trained_again(whole, tmp_path, counted):
    path = tmp_path / "x.zarr"
    sweep(AXES).run(path)
    (path / "loss" / "c.1.0.0.0.0").unlink()
    with pytest.raises(ArchiveError, match="damaged"):
        sweep(AXES).run(path)
    fa.archive.repair(path)
    assert sweep_status(path).counts["pending"] == 1
    assert_same_numbers(sweep(AXES).run(path), whole)
    assert len(counted) == 9


def test_what_has_nothing_in_common_is_refused_and_replaced_when_asked(tmp_path, counted):
    path = tmp_path / "x.zarr"
    first = sweep({RATES: [0.02]}).run(path)
    other = sweep({RATES: [0.05]})
    with pytest.raises(ArchiveWriteError, match=r"no sweep that shares.*restart=True"):
        other.run(path)
    assert first.identical(fa.load(path))
    stored = other.run(path, restart=True)
    assert stored[RATES].values.tolist() == [0.05]
    assert len(counted) == 2
    other.run(path, restart=True)
    assert len(counted) == 3


def test_an_archive_of_something_else_is_refused_and_replaced_when_asked(tmp_path):
    path = tmp_path / "x.zarr"
    fa.save(fa.simulate(small()), path)
    with pytest.raises(ArchiveWriteError, match="no sweep that shares"):
        sweep({RATES: [0.02]}).run(path)
    with pytest.raises(ArchiveError, match="none of a sweep"):
        sweep_status(path)
    assert (sweep({RATES: [0.02]}).run(path, restart=True)["status"] == 1).all()


def test_what_is_no_archive_is_never_replaced(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    for restart in (False, True):
        with pytest.raises(ArchiveError, match="notes"):
            sweep({RATES: [0.02]}).run(tmp_path / "notes", restart=restart)
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def test_a_folder_of_the_set_aside_name_is_not_deleted(tmp_path):
    path, mine = tmp_path / "x.zarr", tmp_path / ".x.zarr.replaced" / "notes.txt"
    sweep({RATES: [0.02]}).run(path)
    mine.parent.mkdir()
    mine.write_text("mine")
    for restart in (False, True):
        with pytest.raises(ArchiveWriteError, match="replaced exists and is no intact archive"):
            sweep({RATES: [0.02, 0.03]}).run(path, restart=restart)
    assert mine.read_text() == "mine"


def test_a_full_disk_while_taking_over_is_told_in_words(tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(28, "no space left")

    path = tmp_path / "x.zarr"
    first = sweep({RATES: [0.02]}).run(path)
    monkeypatch.setattr(store, "publish_folder", failing)
    with pytest.raises(ArchiveWriteError, match="no space left"):
        sweep({RATES: [0.02, 0.03]}).run(path)
    assert first.identical(fa.load(path))


def test_what_is_taken_over_is_what_stands_there_once_others_are_locked_out(
    tmp_path, monkeypatch, counted
):
    """Another process ends its sweep between our reading and our lock."""
    path = tmp_path / "x.zarr"
    sweep({RATES: [0.02]}).run(path)
    original, calls = store.check_free, []

    def check_free(*arguments, **options):
        original(*arguments, **options)
        if not calls:
            calls.append(path)
            path.rename(tmp_path / "former")
            (tmp_path / "other").rename(path)

    sweep({RATES: [0.02, 0.04]}).run(tmp_path / "other")
    monkeypatch.setattr(store, "check_free", check_free)
    trained = len(counted)
    stored = sweep({RATES: [0.02, 0.03, 0.04]}).run(path)
    assert (stored["status"] == 1).all()
    assert len(counted) == trained + 1


def test_one_writer_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "x.zarr"
    original = result.carry_out

    def carry_out(*arguments):
        with pytest.raises(ArchiveWriteError, match="is being written by"):
            sweep({RATES: [0.02]}).run(path, restart=True)
        return original(*arguments)

    monkeypatch.setattr(threads, "carry_out", carry_out)
    assert (sweep({RATES: [0.02]}).run(path)["status"] == 1).all()


def test_rows_are_gone_on_with_and_taken_over(rowed, tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    with monkeypatch.context() as patch:
        interrupted_after(patch, 3)
        with pytest.raises(KeyboardInterrupt, match="after 12 of 32"):
            sweep_of_rows().run(path)
    assert_same_numbers(sweep_of_rows().run(path), rowed)
    assert len(counted) == 32
    wider = sweep_of_rows(ROWS | {"root_seed": [0, 1, 2, 3, 4]})
    stored = wider.run(path)
    assert len(counted) == len(set(counted)) == 40
    inner = stored.sel(root_seed=[0, 1, 2, 3])
    np.testing.assert_array_equal(inner["loss"], rowed["loss"])


def test_a_lost_row_of_a_repaired_sweep_is_trained_again(rowed, tmp_path, counted):
    path = tmp_path / "x.zarr"
    sweep_of_rows().run(path)
    (path / "loss" / "c.3.0.0.0.0").unlink()
    fa.archive.repair(path)
    assert sweep_status(path).counts["pending"] == 4
    assert_same_numbers(sweep_of_rows().run(path), rowed)
    assert len(counted) == 36
