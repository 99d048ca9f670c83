"""Sweeps of theory beside sweeps of simulation: the same axes and labels, cell by cell a run."""

import numpy as np
import pytest
import xarray as xr
from sweep_examples import RATES, SCALES, small, sweep

import fatheory as fa
from fatheory.archive import validate
from fatheory.errors import ArchiveError, ArchiveWriteError, RegimeError, UnknownNameError
from fatheory.experiment import Record, Update
from fatheory.sweep import cell, omissions, over_cells, run_sweep, side_by_side
from fatheory.sweep.plan import Plan

PARTS = {
    "rules": {"feedback_alignment": 0.02},
    "update": Update(momentum=0.0),
    "record": Record(quantities=("weights", "weight_norm"), snapshots=4),
}
AXES = {
    RATES: [0.01, 0.02, -1.0],
    "size": {"seeds": [[0, 3], [3, 4]], "task.noise": [0.0, 0.5]},
}
SCALE = SCALES["scale"]["keys"][0]


def asked(axes=AXES, **changes):
    return sweep(axes, **(PARTS | changes))


def points(place):
    return {RATES: AXES[RATES][place[0]], "size": ["[0, 3], 0.0", "[3, 4], 0.5"][place[1]]}


@pytest.fixture(scope="module")
def theory(tmp_path_factory):
    return asked().run(tmp_path_factory.mktemp("theory") / "x.zarr", method="reduced_sgd")


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    return run_sweep(asked(), tmp_path_factory.mktemp("simulation") / "x.zarr")


def solved(place):
    found = next(one for one in asked().cells() if one.place == place)
    return fa.solve(found.experiment, "reduced_sgd")


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (1, 1)])
def test_a_cell_of_theory_is_its_solution(theory, place):
    found, alone = cell(theory, points(place)), solved(place)
    validate(found)
    assert found.attrs.keys() == alone.attrs.keys()
    for name in ("source", "experiment", "experiment_hash", "precision", "device", "versions"):
        assert found.attrs[name] == alone.attrs[name], name
    xr.testing.assert_identical(found.drop_attrs(deep=False), alone.drop_attrs(deep=False))


def test_both_sources_have_one_set_of_axes_and_labels(theory, simulation):
    assert theory.attrs["source"] == "theory/reduced_sgd"
    assert theory.attrs["sweep_hash"] == simulation.attrs["sweep_hash"]
    assert theory["loss"].dims == simulation["loss"].dims
    for name in simulation.coords:
        xr.testing.assert_identical(theory[name].variable, simulation[name].variable)
    np.testing.assert_array_equal(theory["status"], simulation["status"])
    np.testing.assert_allclose(theory["loss"], simulation["loss"], rtol=1e-10)


def test_a_cell_of_simulation_is_its_run(simulation):
    found = cell(simulation, points((1, 1)))
    alone = fa.simulate(next(one for one in asked().cells() if one.place == (1, 1)).experiment)
    xr.testing.assert_allclose(found, alone, rtol=1e-12)
    assert {name: found[name].dtype for name in found} == {
        name: alone[name].dtype for name in alone
    }
    assert found.sizes == alone.sizes
    assert {name: own.attrs for name, own in found.variables.items()} == {
        name: own.attrs for name, own in alone.variables.items()
    }


def test_metrics_and_comparison_go_over_cells(theory, simulation):
    angles = over_cells(fa.metrics.angle, theory)
    assert angles.dims[:2] == (RATES, "size")
    for place in ((0, 0), (1, 1)):
        own = angles.sel(points(place)).dropna("seed", how="all")
        expected = fa.metrics.angle(solved(place))
        np.testing.assert_array_equal(own["seed"], expected["seed"])
        np.testing.assert_array_equal(own, expected.transpose(*own.dims))
        np.testing.assert_allclose(own["time"], expected["time"])
    assert angles.sel({RATES: -1.0}).isnull().all()
    assert angles["time"].sel({RATES: -1.0}).isnull().all()
    compared = over_cells(fa.compare, theory, simulation)
    assert compared["relative_error"].max() < 1e-10
    assert compared["relative_error"].notnull().sum() == 4 * 2 * compared.sizes["variable"]


def test_side_by_side_they_are_told_apart_by_source(theory, simulation):
    both = side_by_side(simulation, theory)
    assert both["source"].values.tolist() == ["simulation", "theory/reduced_sgd"]
    for source, alone in (("simulation", simulation), ("theory/reduced_sgd", theory)):
        np.testing.assert_array_equal(both["loss"].sel(source=source), alone["loss"])
        one = cell(both, points((1, 1)) | {"source": source})
        xr.testing.assert_equal(one, cell(alone, points((1, 1))))
        assert one.attrs["source"] == source
    norms = over_cells(fa.metrics.angle, both)
    np.testing.assert_allclose(norms[0], norms[1], atol=1e-6)
    with pytest.raises(ArchiveError, match="of which source"):
        cell(both, points((1, 1)))
    with pytest.raises(ArchiveError, match="different sources"):
        side_by_side(theory, theory)


def test_cells_are_found_by_label_in_selections(simulation):
    turned = simulation.isel({RATES: slice(None, None, -1)}).transpose("seed", ...)
    expected = cell(simulation, points((1, 0)))
    xr.testing.assert_identical(cell(turned, points((1, 0))), expected)
    one = simulation.sel(points((1, 0)))
    xr.testing.assert_identical(cell(one), expected)


def test_labels_of_an_axis_left_as_one_point_are_checked(simulation):
    point = points((1, 0))
    one = simulation.sel(point)
    expected = cell(simulation, point)
    xr.testing.assert_identical(cell(one, point), expected)
    xr.testing.assert_identical(cell(one, {RATES: 0.02 * (1 + 1e-15)}), expected)
    for other in ({RATES: 0.01}, {"size": "[3, 4], 0.5"}, {"source": "theory/flow"}):
        with pytest.raises(ArchiveError, match="has no point"):
            cell(one, other)


@pytest.mark.parametrize("place", [{RATES: 1}, {RATES: [1]}, {"size": 1}, {RATES: [1, 0]}])
def test_over_cells_goes_over_what_a_selection_has(simulation, place):
    of_all = over_cells(fa.metrics.angle, simulation)
    found = over_cells(fa.metrics.angle, simulation.isel(place))
    expected = of_all.isel(place)
    assert set(found.coords) == set(expected.coords)
    there = {dim: found[dim] for dim in ("rule", "seed", "step", "layer")}
    assert expected.notnull().sum() == found.notnull().sum()
    expected = expected.sel(there).transpose(*found.dims)
    # Times that are those of all cells have no dimension of cells.
    times = ["time", "learning_rate"]
    xr.testing.assert_equal(found.drop_vars(times), expected.drop_vars(times))
    for name in times:
        assert ((found[name] == expected[name]) | expected[name].isnull()).all()


def test_over_cells_of_a_single_cell_is_that_of_its_run(simulation):
    point = points((1, 1))
    found = over_cells(fa.metrics.angle, simulation.sel(point))
    expected = fa.metrics.angle(cell(simulation, point))
    xr.testing.assert_equal(found.drop_vars([RATES, "size", "seeds", "task.noise"]), expected)
    assert float(found[RATES]) == 0.02


def test_over_cells_refuses_selections_of_other_cells(theory, simulation):
    for one, other in (([0, 1], [0]), ([0], [1])):
        with pytest.raises(ArchiveError, match=r"other points|has no point"):
            over_cells(fa.compare, theory.isel({RATES: one}), simulation.isel({RATES: other}))
    turned = simulation.isel({RATES: [1, 0]})
    compared = over_cells(fa.compare, theory.isel({RATES: [0, 1]}), turned)
    assert compared["relative_error"].max() < 1e-10
    both = side_by_side(theory, simulation)
    with pytest.raises(ArchiveError, match="each is of one source"):
        over_cells(fa.compare, both, simulation)


def test_a_cell_of_a_source_is_labelled_by_it(tmp_path):
    """Also in single precision, which theory does not have, and whatever came first."""
    changed = asked({RATES: [0.01, 0.02]}, precision="float32")
    simulated = changed.run(tmp_path / "x.zarr")
    solved = changed.run(tmp_path / "y.zarr", method="reduced_sgd")
    for both in (side_by_side(simulated, solved), side_by_side(solved, simulated)):
        assert not {"source", "precision"} & set(both.attrs)
        for alone in (simulated, solved):
            source = alone.attrs["source"]
            one = both.sel({"source": source})
            expected = cell(alone, {RATES: 0.02})
            for found in (
                cell(both, {RATES: 0.02, "source": source}),
                cell(one, {RATES: 0.02}),
                cell(one, {RATES: 0.02, "source": source}),
            ):
                assert found.attrs["source"] == source
                assert found.attrs["precision"] == expected.attrs["precision"]
                assert {name: found[name].dtype for name in found} == {
                    name: expected[name].dtype for name in expected
                }
        with pytest.raises(ArchiveError, match="lost its source"):
            cell(both.isel(source=0, drop=True), {RATES: 0.02})
        again = side_by_side(*(both.sel(source=s) for s in both["source"].values))
        xr.testing.assert_identical(again, both)
    assert {cell(alone, {RATES: 0.02}).attrs["precision"] for alone in (simulated, solved)} == {
        "float32",
        "float64",
    }


def test_weighted_steps_of_some_cells_are_kept_in_any_order(tmp_path):
    decays = [{"kind": "cosine"}, None]
    found = []
    for i, values in enumerate((decays, decays[::-1])):
        axes = {"decay": {"keys": ["schedule.decay"], "values": values}}
        stored = asked(axes).run(tmp_path / f"{i}.zarr")
        found.append(over_cells(fa.metrics.angle, stored).isel(decay=[i, 1 - i]))
    xr.testing.assert_equal(*found)
    steps = found[0]["weighted_step"]
    assert steps[0].notnull().all()
    assert steps[1].isnull().all()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, r"which point of 'rules.*0\.01, 0\.02, -1\.0"),
        ({RATES: 0.03, "size": "[0, 3], 0.0"}, r"no point 0\.03; it has 0\.01"),
        ({RATES: 0.01, "size": "[0, 3], 0.0", "depth": 2}, "no axis depth"),
        ({"learning_rate": 0.01}, r"no axis learning_rate; it has rules\.\*"),
        ({RATES: -1.0, "size": "[0, 3], 0.0"}, r"is failed: invalid Experiment.*holds no run"),
    ],
)
def test_what_is_no_cell_is_refused(simulation, given, words):
    with pytest.raises(ArchiveError, match=f"(?s){words}"):
        cell(simulation, given)


def test_a_cell_is_found_by_the_values_that_its_axes_were_given(tmp_path):
    starts = [fa.Uniform(bound=0.1), fa.Normal(std=0.2)]
    axes = {"network.hidden": [[2], [3, 2]], "network.start": starts, "task.noise": [0.0, 0.5]}
    stored = asked(axes).run(tmp_path / "x.zarr")
    for own in ({"network.hidden": [3, 2]}, {"network.hidden": (3, 2)}):
        found = cell(stored, own | {"network.start": starts[1], "task.noise": 0.5})
        experiment = fa.Experiment.from_archive(found)
        assert experiment.network.hidden == (3, 2)
        assert experiment.network.start == starts[1]
        assert experiment.task.noise == 0.5
    for other in ([2, 3], [3], "3", {3}, None, object()):
        with pytest.raises(ArchiveError, match=r"no point .*; it has \[2\], \[3, 2\]"):
            cell(stored, {"network.hidden": other})


def test_what_is_no_sweep_is_refused(simulation):
    with pytest.raises(ArchiveError, match="none of a sweep"):
        cell(cell(simulation, points((0, 0))), {})
    with pytest.raises(ArchiveError, match="lost seed"):
        cell(simulation.sel(seed=3), points((0, 0)))
    with pytest.raises(ArchiveError, match="lacks labels"):
        cell(simulation.sel(seed=[3]), points((0, 0)))


def test_metrics_and_compare_say_how_sweeps_are_read(theory, simulation):
    with pytest.raises(ArchiveError, match=r"fatheory\.sweep\.over_cells"):
        fa.metrics.angle(simulation)
    with pytest.raises(ArchiveError, match=r"theory is the archive of a sweep.*over_cells"):
        fa.compare(theory, simulation)


def test_other_sources_are_not_gone_on_with(tmp_path):
    path = tmp_path / "x.zarr"
    asked({RATES: [0.01]}).run(path, method="reduced")
    with pytest.raises(ArchiveWriteError, match=r"sweep of theory/reduced, and this one is of th"):
        asked({RATES: [0.01, 0.02]}).run(path, method="reduced_sgd")
    with pytest.raises(ArchiveWriteError, match="this one is of simulation"):
        asked({RATES: [0.01]}).run(path)
    # It is extended by its own, and done cells are not solved again.
    more = asked({RATES: [0.01, 0.02]}).run(path, method="reduced")
    assert more["status"].values.tolist() == [1, 1]


def test_cells_outside_a_method_fail_alone_and_say_why(tmp_path):
    momentum = {"update.momentum": [0.0, 0.5]}
    stored = asked(momentum).run(tmp_path / "x.zarr", method="reduced_sgd")
    assert stored["status"].values.tolist() == [1, 3]
    assert stored["error"].values[1].startswith("RegimeError: theory's method 'reduced_sgd'")
    with pytest.raises(RegimeError, match="no cell of this sweep"):
        asked({"update.momentum": [0.1, 0.5]}).run(tmp_path / "y.zarr", method="reduced_sgd")
    with pytest.raises(UnknownNameError, match="reduced"):
        asked(momentum).run(tmp_path / "y.zarr", method="reducd")
    with pytest.raises(fa.FatheoryError, match=r"'simulation' or by 'theory/<method>'"):
        run_sweep(asked(momentum), tmp_path / "y.zarr", answer="solve")
    assert not (tmp_path / "y.zarr").exists()


def test_what_a_method_cannot_give_is_said_cell_by_cell(tmp_path):
    record = Record(quantities=("weights", "delta_angle"), snapshots=3)
    wanted = asked({"network.hidden": [[3], [5]]}, record=record)
    stored = wanted.run(tmp_path / "x.zarr", method="infinite_width")
    told = list(omissions(stored))
    assert {what for _, what, _ in told} >= {"weights"}
    assert all(why for *_, why in told)
    found = cell(stored, {"network.hidden": "[5]"})
    assert "weight_1" not in found
    alone = fa.solve(
        small(**PARTS | {"record": record}).with_settings({"network.hidden": [5]}), "infinite_width"
    )
    assert found.attrs["absent_quantities"] == alone.attrs["absent_quantities"]
    xr.testing.assert_equal(found, alone.drop_vars("feedback_2"))


def test_what_has_no_room_is_said_cell_by_cell(tmp_path):
    stored = asked({"network.hidden": [[3], [5]]}).run(tmp_path / "x.zarr", method="flow")
    told = list(omissions(stored))
    assert [where for where, *_ in told] == ["network.hidden=[3]", "network.hidden=[5]"]
    assert told[1][1] == "feedback_2, weight_1, weight_2"
    assert "unit_1 5" in told[1][2]
    assert cell(stored, {"network.hidden": "[5]"}).attrs["left_out"] == stored.attrs["left_out"]


def test_scales_of_one_program_are_batched_whatever_moves_together():
    zipped = {
        "both": {RATES: [0.001 * i for i in range(1, 33)], SCALE: [i / 9 for i in range(1, 33)]}
    }
    plain = {RATES: zipped["both"][RATES]}
    lengths = [
        [len(batch.hashes) for batch in Plan.of(tuple(own.cells()), own.shape).batches]
        for own in (sweep(zipped), sweep(plain))
    ]
    assert lengths[0] == lengths[1] == [4] * 8
