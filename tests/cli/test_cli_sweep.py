"""Sweeps on the command line: run, status, show, and what a mistake gets."""

import csv
import io
import json
import re

import numpy as np
import pytest
from interrupted import interrupted_after

import fatheory as fa
from fatheory.cli import console
from fatheory.cli.sweep import parse_axis
from fatheory.errors import DivergedWarning
from fatheory.sweep import Sweep, sweep_status
from fatheory.sweep.summary import final_values

PRESET = "lillicrap2016/fig2"
RATES = "rules.*.learning_rate"
SMALL = [
    '--set=schedule.phases=[{"steps": 20}]',
    "--set=record.snapshots=3",
    "--set=record.quantities=[]",
    "--set=task.inputs=5",
    "--set=task.outputs=3",
    '--set=rules={"backprop": {"learning_rate": 0.02}, "usf": {"learning_rate": 0.01}}',
    "--seeds=2",
]
AXES = [f"--axis={RATES}=0.01,0.02,1e9,-1", "--axis=network.hidden=[4],[3,4]"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The archive of a small sweep with cells that diverge and cells that fail."""
    folder = tmp_path_factory.mktemp("sweep")
    base = fa.presets[PRESET].with_settings(
        {
            "schedule.phases": [{"steps": 20}],
            "record.snapshots": 3,
            "record.quantities": [],
            "task.inputs": 5,
            "task.outputs": 3,
            "rules": {"backprop": {"learning_rate": 0.02}, "usf": {"learning_rate": 0.01}},
            "seeds": 2,
        }
    )
    axes = {RATES: [0.01, 0.02, 1e9, -1], "network.hidden": [[4], [3, 4]]}
    with pytest.warns(DivergedWarning):
        Sweep(experiment=base, axes=axes).run(folder / "sweep.zarr")
    return folder / "sweep.zarr"


def test_inspect_shows_a_sweep(fatheory, place):
    code, out, _ = fatheory("inspect", place)
    assert code == 0
    assert "experiment_hash" in out
    # The sweep is told by its axes, not as JSON.
    assert "\n  rules.*.learning_rate: 0.01, 0.02, " in out
    assert '{"version"' not in out


def test_long_heads_break_between_words(place, capsys, monkeypatch):
    columns = ("rules.*.learning_rate", "node_perturbation", "loss")
    monkeypatch.setattr(console.out, "width", 36)
    console.show_table("x", columns, [("0.01", "1", "2")])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["rules.*.", "node_"],
        ["learning_rate", "perturbation", "loss"],
        ["0.01", "1", "2"],
    ]
    monkeypatch.setattr(console.out, "width", 80)
    console.show_table("x", columns, [("0.01", "1", "2")])
    assert list(columns) in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_run_carries_out_the_sweep_and_goes_on(place, fatheory, tmp_path):
    path = tmp_path / "x.zarr"
    code, out, err = fatheory("sweep", "run", PRESET, *SMALL, *AXES, "--out", path)
    assert code == 0, err
    stored, expected = fa.load(path), fa.load(place)
    assert stored.attrs["sweep_hash"] == expected.attrs["sweep_hash"]
    np.testing.assert_array_equal(stored["loss"], expected["loss"])
    assert re.search(r"done +4 ", out)
    assert "4 cells failed or diverged" in err
    assert f"{RATES}=-1.0, network.hidden=[4]: invalid Experiment rules.backprop" in err
    assert f"{RATES}=1000000000.0, network.hidden=[3, 4]: " in err
    code, _, _ = fatheory("sweep", "run", PRESET, *SMALL, *AXES[:1], "--out", path)
    assert code == 1  # network.hidden=[20] is no cell of the first
    code, _, _ = fatheory("sweep", "run", PRESET, *SMALL, *AXES[:1], "--out", path, "--restart")
    assert code == 0
    assert fa.load(path)["status"].shape == (4,)


def test_status_counts_cells(place, fatheory):
    code, out, err = fatheory("sweep", "status", place)
    assert code == 0
    for name, count in sweep_status(place).counts.items():
        assert re.search(rf"{name} +{count} ", out)
    assert "not finished" not in out
    assert "runs diverged" in err


def test_status_of_an_unfinished_sweep_says_what_is_left(fatheory, tmp_path, monkeypatch):
    path = tmp_path / "x.zarr"
    interrupted_after(monkeypatch, 1)
    code, _, err = fatheory("sweep", "run", PRESET, *SMALL, *AXES[:1], "--out", path)
    assert code == 130
    assert "the sweep was stopped after 1 of 3 experiments, which are kept" in err
    assert "run it again at the same place to go on" in err
    code, out, _ = fatheory("sweep", "status", path)
    assert code == 0
    assert "not finished" in out
    assert re.search(r"pending +2 ", out)
    assert re.search(r"batches left +2 ", out)
    assert re.search(r"time left +\d+:\d\d:\d\d", out)
    code, out, _ = fatheory("sweep", "show", path)
    assert code == 0
    assert re.search(r"0\.02 +pending", out)


def test_show_prints_final_values_over_the_axes(place, fatheory):
    code, out, _ = fatheory("sweep", "show", place)
    assert code == 0
    stored = fa.load(place)
    median = float(stored["loss"][1, 0].sel(rule="usf", step=20).median())
    assert re.search(rf"0\.02 +\[4\] +done +\S+ +{re.escape(f'{median:.4g}')}", out)
    assert re.search(r"-1\.0 +\[3, 4\] +failed +\n", out)
    assert "loss (last values, medians of 2 seeds)" in out


def test_show_prints_csv_with_all_digits(place, fatheory):
    code, out, _ = fatheory("sweep", "show", place, "--csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == [RATES, "network.hidden", "status", "backprop", "usf"]
    assert len(rows) == 8
    loss = fa.load(place)["loss"].isel(step=-1).median("seed").values.reshape(8, 2)
    found = np.array([[float(row[rule] or "nan") for rule in ("backprop", "usf")] for row in rows])
    np.testing.assert_array_equal(found, loss)
    assert [row["status"] for row in rows[:4]] == ["done"] * 4


def test_final_values_are_those_of_each_cells_own_last_step(tmp_path):
    base = fa.presets[PRESET].with_settings(
        {"rules": {"backprop": {"learning_rate": 0.01}}, "seeds": 3, "network.hidden": [3]}
    )
    axes = {
        "length": {
            "short": {"schedule.phases": [{"steps": 10}], "record.snapshots": 3},
            "long": {"schedule.phases": [{"steps": 16}], "record.snapshots": 5},
        }
    }
    stored = Sweep(experiment=base, axes=axes).run(tmp_path / "x.zarr")
    assert stored["step"].values.tolist() == [0, 4, 5, 8, 10, 12, 16]
    found = final_values(stored, "delta_angle")
    assert found.dims == ("length", "rule", "layer")
    for label, last in (("short", 10), ("long", 16)):
        expected = stored["delta_angle"].sel(length=label, step=last).median("seed")
        assert not expected.isnull().all()
        np.testing.assert_array_equal(found.sel(length=label), expected)


def test_medians_are_of_all_seeds_of_a_cell_or_nan(fatheory, tmp_path):
    """Of a rule of which a seed diverged there is none; seeds that a cell lacks are no matter."""
    base = fa.presets[PRESET].with_settings(
        {"schedule.phases": [{"steps": 4}], "record.snapshots": 2, "network.hidden": [3]}
    )
    path = tmp_path / "x.zarr"
    Sweep(experiment=base, axes={"seeds": [[0, 1], [0, 1, 2]]}).run(path)
    stored = fa.load(path)
    lost = stored.copy(deep=True)
    where = {"seeds": 1, "rule": 0, "seed": 2}
    lost["loss"][{**where, "step": -1}] = np.nan
    lost["diverged"][where] = 1
    plain, found = final_values(stored, "loss"), final_values(lost, "loss")
    assert plain.notnull().all()
    np.testing.assert_array_equal(plain[0], stored["loss"][0, :, :2, -1].median("seed"))
    assert np.isnan(found[1, 0])
    np.testing.assert_array_equal(found.isnull().sum(), 1)
    assert found.attrs == plain.attrs
    assert final_values(lost, "diverged").notnull().all()
    code, out, _ = fatheory("sweep", "show", path)
    assert code == 0
    assert "medians of 2 to 3 seeds" in out


def test_a_sweep_can_come_from_a_file(fatheory, tmp_path):
    path = tmp_path / "mine.json"
    axes = {"depth": {"2": {"network.hidden": [5]}, "3": {"network.hidden": [5, 5]}}}
    path.write_text(Sweep(experiment=fa.presets[PRESET], axes=axes).to_json())
    code, out, _ = fatheory(
        "sweep", "run", path, "--print", "--seeds=3", "--set=root_seed=4", f"--axis={RATES}=1,2"
    )
    assert code == 0
    found = Sweep.from_json(out)
    assert found.dims == ("depth", RATES)
    assert found.experiment == fa.presets[PRESET].with_settings({"seeds": 3, "root_seed": 4})


def test_an_experiment_can_come_from_a_file(fatheory, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(fa.presets[PRESET].to_json())
    code, out, _ = fatheory("sweep", "run", path, "--print", "--axis=root_seed=1,2")
    assert code == 0
    assert json.loads(out)["axes"] == {"root_seed": {"keys": ["root_seed"], "values": [1, 2]}}


SOLVED = [
    *SMALL[:-2],
    '--set=rules={"feedback_alignment": {"learning_rate": 0.01}}',
    "--seeds=2",
    "--zip=size:network.hidden=[4],[5]",
    "--zip=size:root_seed=1,2",
]


def test_keys_move_together_and_cells_are_solved(fatheory, tmp_path):
    path = tmp_path / "x.zarr"
    code, out, err = fatheory("sweep", "run", PRESET, *SOLVED, "--method=reduced", "--out", path)
    assert code == 0, err
    stored = fa.load(path)
    assert stored.attrs["source"] == "theory/reduced"
    assert stored["status"].dims == ("size",)
    assert stored["size"].values.tolist() == ["[4], 1", "[5], 2"]
    assert stored["network.hidden"].values.tolist() == ["[4]", "[5]"]
    assert stored["root_seed"].values.tolist() == [1, 2]
    code, out, _ = fatheory("sweep", "show", path)
    assert (code, bool(re.search(r"\[5\], 2 +done", out))) == (0, True)
    code, out, _ = fatheory("inspect", path)
    assert code == 0
    assert "What cells have not kept" in out
    assert re.search(r"size=\[5\], 2 .*feedback_2.*unit_1 5", " ".join(out.split()))
    # By default theory and simulation have places of their own.
    code, out, _ = fatheory("sweep", "run", PRESET, *SOLVED, "--print")
    assert json.loads(out)["axes"] == {"size": {"network.hidden": [[4], [5]], "root_seed": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=0.01,2", ("a.b", [0.01, 2])),
        ("network.hidden=[10],[20,20]", ("network.hidden", [[10], [20, 20]])),
        ("network.activation=tanh,linear", ("network.activation", ["tanh", "linear"])),
        ("decay=null,other", ("decay", [None, "other"])),
        ('a={"x": [1, 2]},null', ("a", [{"x": [1, 2]}, None])),
        ("seeds=5", ("seeds", [5])),
    ],
)
def test_axes_are_read_as_json_or_as_words(text, expected):
    assert parse_axis(text) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", PRESET], ["needs an axis", "--axis"]),
        (["run", PRESET, "--axis=seeds"], ["KEY=VALUE,VALUE", "'seeds'"]),
        (["run", PRESET, "--axis=seeds="], ["KEY=VALUE,VALUE", "'seeds='"]),
        (["run", PRESET, "--axis=network.hiden=[3]"], ["no cell is a valid", "network.hiden"]),
        (["run", "lillicrap2016/fig22", "--axis=seeds=1"], ["unknown preset", "fig2"]),
        (["run", "missing.json", "--axis=seeds=1"], ["missing.json", "cannot read"]),
        (["run", PRESET, "--axis=seeds=1", "--workers=0"], ["1 or more", "got 0"]),
        (["run", PRESET, "--zip=seeds=1,2"], ["AXIS:KEY=VALUE", "'seeds=1,2'"]),
        (["run", PRESET, "--zip=a:seeds=1", "--zip=a:seeds=2"], ["'seeds'", "twice"]),
        (["run", PRESET, "--zip=a:seeds=1,2", "--zip=a:root_seed=1"], ["equally many", "has 2"]),
        (["run", PRESET, "--axis=seeds=1,2", "--method=flwo"], ["method", "did you mean 'flow'"]),
        (["status", "nothing.zarr"], ["nothing.zarr", "no archive"]),
        (["show", "nothing.zarr"], ["nothing.zarr", "no archive"]),
    ],
)
def test_mistakes_are_explained(fatheory, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = fatheory("sweep", *arguments)
    assert code == 1
    assert err.startswith("error: ")
    for word in words:
        assert word in err
    assert list(tmp_path.iterdir()) == []


def test_show_of_an_unknown_variable_lists_those_there_are(place, fatheory):
    code, _, err = fatheory("sweep", "show", place, "--variable=los")
    assert code == 1
    assert "did you mean 'loss'" in err


def test_help_names_the_commands(fatheory):
    code, out, _ = fatheory("sweep", "--help")
    assert code == 0
    for command in ("run", "status", "show"):
        assert command in out
