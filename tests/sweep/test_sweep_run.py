"""A sweep in one process: what it stores, what it survives, what it goes on with."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sweep_examples import RATES, assert_cell_is_run, assert_same_numbers, small, sweep

import fatheory as fa
from fatheory.errors import ArchiveError, ArchiveWriteError
from fatheory.sweep import outcome, run, sweep_status
from fatheory.sweep.sweep import Sweep

SCALES = {"scale": {"keys": ["rules.feedback_alignment.scale"], "values": [0.25, 1.0]}}
AXES = {RATES: [0.01, 0.02, 0.03, 0.04], **SCALES}
HASH = "experiment_hash"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The sweep of `AXES`, carried out in one go."""
    return sweep(AXES).run(tmp_path_factory.mktemp("whole") / "sweep.zarr")


@pytest.fixture
def counted(monkeypatch):
    """Count the experiments that are trained."""
    trained = []
    original = outcome.simulate_many

    def counting(experiments, **options):
        trained.extend(experiment.content_hash for experiment in experiments)
        return original(experiments, **options)

    monkeypatch.setattr(outcome, "simulate_many", counting)
    return trained


def interrupted_after(monkeypatch, batches):
    """Let Ctrl-C be pressed while the next batch after so many trains."""
    done = []
    original = outcome.carry_out

    def carry_out(experiments, wanted):
        if len(done) == batches:
            raise KeyboardInterrupt
        done.append(experiments)
        return original(experiments, wanted)

    monkeypatch.setattr(run, "carry_out", carry_out)


def test_every_cell_is_the_run_of_its_experiment(whole):
    for cell in sweep(AXES).cells():
        assert_cell_is_run(whole, cell.place, fa.simulate(cell.experiment))
    assert (whole["status"] == 1).all()
    assert (whole["error"] == "").all()
    assert (whole["wall_time_s"] > 0).all()


def test_axes_are_the_first_dimensions_and_coordinates(whole):
    assert whole["loss"].dims == (RATES, "scale", "rule", "seed", "step")
    assert whole["weight_1"].dims[-2:] == ("unit_1", "unit_0")
    np.testing.assert_array_equal(whole[RATES], [0.01, 0.02, 0.03, 0.04])
    np.testing.assert_array_equal(whole["scale"], [0.25, 1.0])
    assert whole["loss"].attrs == fa.labels.variable("loss").attrs
    assert whole["status"].attrs["flag_meanings"] == "pending done diverged failed"


def test_times_have_the_axes_along_which_they_differ(whole):
    assert whole["learning_rate"].dims == (RATES, "rule")
    assert whole["time"].dims == (RATES, "rule", "step")
    expected = whole[RATES] * whole["step"]
    np.testing.assert_allclose(whole["time"].sel(rule="backprop"), expected, rtol=1e-15)


def test_it_says_where_it_comes_from(whole):
    asked = sweep(AXES)
    assert Sweep.from_json(whole.attrs["sweep"]) == asked
    assert whole.attrs["sweep_hash"] == asked.content_hash
    assert whole.attrs["precision"] == "float64"
    assert whole.attrs["device"] == fa.simulate(small()).attrs["device"]
    assert "jax" in json.loads(whole.attrs["versions"])
    assert whole.attrs["wall_time_s"] > 0
    assert whole.attrs["left_out"] == []
    np.testing.assert_array_equal(
        whole[HASH].values.ravel(), [cell.content_hash for cell in asked.cells()]
    )


def test_what_all_cells_learn_is_stored_once(whole):
    run_alone = fa.simulate(small())
    for name in ("target_map", "probe_input", "probe_target", "input_covariance"):
        assert whole[name].dims == run_alone[name].dims
        np.testing.assert_array_equal(whole[name], run_alone[name])
        assert whole[name].attrs == run_alone[name].attrs


def test_cells_that_learn_different_things_keep_them(tmp_path):
    asked = sweep({"task.noise": [0.0, 0.5], "root_seed": [0, 1]})
    stored = asked.run(tmp_path / "x.zarr")
    assert stored["target_map"].dims[:2] == ("task.noise", "root_seed")
    for cell in asked.cells():
        assert_cell_is_run(stored, cell.place, fa.simulate(cell.experiment))


UNIONS = {
    "steps": {"schedule.phases.0.steps": [20, 30]},
    "rules": {
        "choice": {
            "two": {},
            "one": {"rules": {"usf": {"learning_rate": 0.02}, "backprop": {"learning_rate": 0.01}}},
        }
    },
    "seeds": {"seeds": [[5, 1], [1, 2, 3]]},
    "layers": {"network.hidden": [[3], [3, 4]]},
    "precisions": {"precision": ["float32", "float64"]},
    "decay": {"schedule.decay": [None, {"kind": "exponential", "factor": 0.5, "every": 7}]},
}


@pytest.mark.parametrize("case", UNIONS)
def test_where_cells_differ_the_union_is_taken(case, tmp_path):
    asked = sweep(UNIONS[case])
    stored = asked.run(tmp_path / "x.zarr")
    for cell in asked.cells():
        own = fa.simulate(cell.experiment)
        left_out = stored.attrs["left_out"]
        assert_cell_is_run(stored, cell.place, own.drop_vars(left_out, errors="ignore"), 1e-6)
        loss = stored["loss"].isel({asked.dims[0]: cell.place[0]})
        assert np.isfinite(loss).sum() == own["loss"].size
        assert stored["loss"].dtype == "float64"
        for name in ("time", "learning_rate", "weighted_step"):
            if name in own.coords:
                found = stored[name]
                if asked.dims[0] in found.dims:
                    found = found.isel({asked.dims[0]: cell.place[0]})
                there = {dim: own[dim] for dim in own[name].dims}
                np.testing.assert_array_equal(found.sel(there), own[name])


def test_labels_of_unions_are_sorted_and_rules_come_as_they_do(tmp_path):
    asked = sweep(UNIONS["seeds"] | UNIONS["rules"])
    stored = asked.run(tmp_path / "x.zarr")
    assert stored["seed"].values.tolist() == [1, 2, 3, 5]
    assert stored["rule"].values.tolist() == ["backprop", "feedback_alignment", "usf"]


def test_variables_of_different_sizes_are_left_out_and_named(tmp_path):
    stored = sweep({"network.hidden": [[3], [5]]}).run(tmp_path / "x.zarr")
    assert stored.attrs["left_out"] == ["feedback_2", "weight_1", "weight_2"]
    assert set(stored.attrs["left_out"]).isdisjoint(stored.variables)
    assert "delta_angle" in stored
    assert "unit_1" not in stored.dims


def test_cells_of_equal_experiments_are_trained_once(tmp_path, counted):
    stored = sweep({"label": {"keys": ["name"], "values": ["a", "b"]}}).run(tmp_path / "x.zarr")
    assert len(counted) == 1
    np.testing.assert_array_equal(stored["loss"][0], stored["loss"][1])
    assert (stored["status"] == 1).all()


def test_diverged_and_failed_cells_say_so_and_the_others_go_on(tmp_path, monkeypatch):
    original = outcome.simulate_many

    def failing(experiments, **options):
        if any(experiment.learning_rates[0] == 0.03 for experiment in experiments):
            raise MemoryError("no room")
        return original(experiments, **options)

    monkeypatch.setattr(outcome, "simulate_many", failing)
    monkeypatch.setattr("fatheory.sweep.plan.LEAST_BATCHES", 1)
    asked = sweep({RATES: [0.01, 1e9, 0.03, 0.04, -1.0]})
    stored = asked.run(tmp_path / "x.zarr")
    assert stored["status"].values.tolist() == [1, 2, 3, 1, 3]
    good, diverged, failed, also_good, invalid = stored["error"].values
    assert good == also_good == ""
    lost = fa.simulate(small(rules={"backprop": 1e9, "feedback_alignment": 1e9}))
    assert diverged == f"4 of 4 runs diverged, the first at step {lost['diverged_at'].values.min()}"
    assert failed == "MemoryError: no room"
    assert "learning_rate" in invalid
    assert "got -1" in invalid
    for place, cell in enumerate(asked.cells()):
        if place in (0, 1, 3):
            assert_cell_is_run(stored, (place,), fa.simulate(cell.experiment))
    assert np.isnan(stored["loss"][[2, 4]]).all()
    assert (stored["diverged_at"][[2, 4]] == -1).all()
    assert np.isnan(stored["time"].sel({RATES: -1.0})).all()


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
        store._write(store._rows[5], found | dict.fromkeys(store._experiments, *found.values()))
        os.kill(os.getpid(), signal.SIGKILL)
    add(store, found)
SweepStore.add = dying
sweep({AXES!r}).run({str(path)!r})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert sweep_status(path).counts["done"] == 3
    assert_same_numbers(sweep(AXES).run(path), whole)


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
    first = sweep({RATES: [0.02, 1e9]}).run(path)
    asked = sweep(MORE)
    stored = asked.run(path)
    assert stored.attrs["sweep_hash"] == asked.content_hash
    assert len(counted) == len(set(counted)) == 6
    for rate in (0.02, 1e9):
        taken = stored.sel({RATES: rate, "scale": 0.5})
        old = first.sel({RATES: rate})
        for name in first.data_vars:
            np.testing.assert_array_equal(taken[name], old[name], err_msg=name)
    for cell in asked.cells():
        assert_cell_is_run(stored, cell.place, fa.simulate(cell.experiment))
    assert os.listdir(tmp_path) == ["x.zarr"]


def test_an_unfinished_sweep_is_taken_over_too(tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    with monkeypatch.context() as patch:
        interrupted_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            sweep({RATES: [0.02, 0.03]}).run(path)
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
        original = outcome.simulate_many

        def failing(experiments, **options):
            if experiments[0].learning_rates[0] == 0.02:
                raise fa.FatheoryError("the data were missing")
            return original(experiments, **options)

        patch.setattr(outcome, "simulate_many", failing)
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


def test_one_writer_at_a_time(tmp_path, monkeypatch):
    path = tmp_path / "x.zarr"
    original = outcome.carry_out

    def carry_out(experiments, wanted):
        with pytest.raises(ArchiveWriteError, match="is being written by"):
            sweep({RATES: [0.02]}).run(path, restart=True)
        return original(experiments, wanted)

    monkeypatch.setattr(run, "carry_out", carry_out)
    assert (sweep({RATES: [0.02]}).run(path)["status"] == 1).all()


def test_the_progress_bar_counts_experiments(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    sweep({RATES: [0.02, 0.03]}).run(tmp_path / "x.zarr", progress=True)
    assert "2 / 2 experiments" in capsys.readouterr().err


def test_workers_and_scheduler_exclude_each_other(tmp_path):
    asked = sweep({RATES: [0.02]})
    with pytest.raises(fa.FatheoryError, match="pass one of them"):
        asked.run(tmp_path / "x.zarr", workers=2, scheduler="tcp://127.0.0.1:1")
    with pytest.raises(fa.FatheoryError, match="1 or more; got 0"):
        asked.run(tmp_path / "x.zarr", workers=0)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_of_losses_alone(tmp_path):
    asked = sweep({RATES: [0.02, 0.03]}, record={"quantities": [], "snapshots": 3})
    stored = asked.run(tmp_path / "x.zarr")
    for cell in asked.cells():
        assert_cell_is_run(stored, cell.place, fa.simulate(cell.experiment))


ROWS = {RATES: [0.01 * (i + 1) for i in range(8)], "root_seed": [0, 1, 2, 3]}
"""Of 32 cells, four at a time share files."""


@pytest.fixture(scope="module")
def rowed(tmp_path_factory):
    """The sweep of `ROWS`, carried out in one go."""
    return sweep(ROWS).run(tmp_path_factory.mktemp("rows") / "sweep.zarr")


def test_cells_of_a_row_share_files(rowed, tmp_path):
    for cell in sweep(ROWS).cells():
        assert_cell_is_run(rowed, cell.place, fa.simulate(cell.experiment))
    sweep(ROWS).run(tmp_path / "x.zarr")
    chunks = sorted(path.name for path in (tmp_path / "x.zarr" / "loss").glob("c.*"))
    assert chunks == [f"c.{i}.0.0.0.0" for i in range(8)]


def test_rows_are_gone_on_with_and_taken_over(rowed, tmp_path, monkeypatch, counted):
    path = tmp_path / "x.zarr"
    with monkeypatch.context() as patch:
        interrupted_after(patch, 3)
        with pytest.raises(KeyboardInterrupt, match="after 12 of 32"):
            sweep(ROWS).run(path)
    assert_same_numbers(sweep(ROWS).run(path), rowed)
    assert len(counted) == 32
    wider = sweep(ROWS | {"root_seed": [0, 1, 2, 3, 4]})
    stored = wider.run(path)
    assert len(counted) == len(set(counted)) == 40
    inner = stored.sel(root_seed=[0, 1, 2, 3])
    np.testing.assert_array_equal(inner["loss"], rowed["loss"])


def test_cells_that_fail_among_others_of_a_row(rowed, tmp_path):
    asked = sweep(ROWS | {"root_seed": [0, -1, 2, 3], RATES: [*ROWS[RATES][:7], -1.0]})
    stored = asked.run(tmp_path / "x.zarr")
    expected = np.ones((8, 4))
    expected[:, 1] = expected[7] = 3
    np.testing.assert_array_equal(stored["status"], expected)
    np.testing.assert_allclose(stored["loss"][:7, [0, 2, 3]], rowed["loss"][:7, [0, 2, 3]])
    assert stored["loss"].where(stored["status"] == 3).isnull().all()
    assert "root_seed" in stored["error"].values[0, 1]


def test_a_lost_row_of_a_repaired_sweep_is_trained_again(rowed, tmp_path, counted):
    path = tmp_path / "x.zarr"
    sweep(ROWS).run(path)
    (path / "loss" / "c.3.0.0.0.0").unlink()
    fa.archive.repair(path)
    assert sweep_status(path).counts["pending"] == 4
    assert_same_numbers(sweep(ROWS).run(path), rowed)
    assert len(counted) == 36
