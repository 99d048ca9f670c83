"""A sweep in one process: what it stores, and what becomes of its cells."""

import json

import numpy as np
import pytest
from sweep_examples import AXES, HASH, RATES, ROWS, assert_cell_is_run, small, sweep, sweep_of_rows

import fatheory as fa
from fatheory.errors import DivergedWarning
from fatheory.sweep import Sweep, result


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
    "layers of one size": {"network.hidden": [[2], [2, 2, 2], [2, 2]]},
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
    original = result.train_many

    def failing(experiments, **options):
        if any(experiment.learning_rates[0] == 0.03 for experiment in experiments):
            raise MemoryError("no room")
        return original(experiments, **options)

    monkeypatch.setattr(result, "train_many", failing)
    monkeypatch.setattr("fatheory.sweep.plan.LEAST_BATCHES", 1)
    asked = sweep({RATES: [0.01, 1e9, 0.03, 0.04, -1.0]})
    with pytest.warns(DivergedWarning, match="4 of 12 runs diverged: backprop .2 runs, the first"):
        stored = asked.run(tmp_path / "x.zarr")
    assert stored["status"].values.tolist() == [1, 2, 3, 1, 3]
    good, diverged, failed, also_good, invalid = stored["error"].values
    assert good == also_good == ""
    with pytest.warns(DivergedWarning):
        lost = fa.simulate(small(rules={"backprop": 1e9, "feedback_alignment": 1e9}))
    assert diverged == f"4 of 4 runs diverged, the first at step {lost['diverged_at'].values.min()}"
    assert failed == "MemoryError: no room"
    assert "learning_rate" in invalid
    assert "got -1" in invalid
    assert_cell_is_run(stored, (1,), lost)
    for place, cell in enumerate(asked.cells()):
        if place in (0, 3):
            assert_cell_is_run(stored, (place,), fa.simulate(cell.experiment))
    assert np.isnan(stored["loss"][[2, 4]]).all()
    assert stored["diverged_at"][[2, 4]].isnull().all()
    assert np.isnan(stored["time"].sel({RATES: -1.0})).all()


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


def test_cells_of_a_row_share_files(rowed, rowed_path):
    for cell in sweep_of_rows().cells():
        if cell.place[1] == cell.place[0] % 4:  # one of every row
            assert_cell_is_run(rowed, cell.place, fa.simulate(cell.experiment))
    chunks = sorted(path.name for path in (rowed_path / "loss").glob("c.*"))
    assert chunks == [f"c.{i}.0.0.0.0" for i in range(8)]


def test_cells_that_fail_among_others_of_a_row(rowed, tmp_path):
    asked = sweep_of_rows(ROWS | {"root_seed": [0, -1, 2, 3], RATES: [*ROWS[RATES][:7], -1.0]})
    stored = asked.run(tmp_path / "x.zarr")
    expected = np.ones((8, 4))
    expected[:, 1] = expected[7] = 3
    np.testing.assert_array_equal(stored["status"], expected)
    np.testing.assert_allclose(stored["loss"][:7, [0, 2, 3]], rowed["loss"][:7, [0, 2, 3]])
    assert stored["loss"].where(stored["status"] == 3).isnull().all()
    assert "root_seed" in stored["error"].values[0, 1]
