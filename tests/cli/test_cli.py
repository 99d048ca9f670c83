"""The command line: what a newcomer types, and what a mistake gets."""

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import fatheory as fa
from fatheory.cli import console, main
from fatheory.quantities import QUANTITIES
from fatheory.rules import RULES, Backprop
from fatheory.tasks import TASKS
from fatheory.theory import METHODS
from fatheory.train.run import Run

PRESET = "lillicrap2016/fig2"
SMALL = [
    '--set=schedule.phases=[{"steps": 30}]',
    "--set=record.snapshots=4",
    "--set=task.inputs=5",
    "--set=task.outputs=3",
    "--set=network.hidden=[4]",
    '--set=rules={"backprop": {"learning_rate": 0.02}, "feedback_alignment": 0.01}',
]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Run and solve the small experiment once through the command line."""
    folder = tmp_path_factory.mktemp("archives")
    patch = pytest.MonkeyPatch()
    for command, name in (("run", "sim.zarr"), ("solve", "theory.zarr")):
        arguments = [command, PRESET, "--seeds=2", f"--out={folder / name}", *SMALL]
        patch.setattr(sys, "argv", ["fatheory", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
    patch.undo()
    return folder


def test_version(fatheory):
    code, out, _ = fatheory("--version")
    assert (code, out.strip()) == (0, f"fatheory {fa.__version__}")


def test_help_shows_every_command(fatheory):
    code, out, _ = fatheory("--help")
    assert code == 0
    for command in ("list", "run", "solve", "compare", "inspect", "data"):
        assert command in out


def test_list_shows_presets_rules_and_methods(fatheory):
    code, out, _ = fatheory("list")
    assert code == 0
    for word in (PRESET, "feedback_alignment", "node_perturbation", "flow"):
        assert word in out


def test_list_keeps_names_whole_and_shows_every_kind_of_task(fatheory, monkeypatch):
    monkeypatch.setattr(console.out, "_width", 80)
    code, out, _ = fatheory("list")
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    for known in (RULES, QUANTITIES, METHODS, TASKS):
        assert {line.partition(" ")[0] for line in lines} >= set(known.known())
    assert "parameters, weights" in " ".join(out.split())  # nothing is cut
    assert not any(line.endswith(" from") for line in lines)  # all parts are fatheory's


def test_list_says_which_package_a_part_comes_from(fatheory):
    class Doubled(Backprop):
        name = "doubled"

    RULES.register(Doubled)
    try:
        _, out, _ = fatheory("list")
    finally:
        RULES.forget()
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["doubled"][-1] != rows["backprop"][-1]
    assert __name__ in "".join(out.split())


def test_a_method_in_its_former_spelling_is_carried_out_and_warns(fatheory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with warnings.catch_warnings():
        fixed = '--set=rules={"feedback_alignment": 0.01}'
        code, _, err = fatheory("solve", PRESET, "--method=reduced-sgd", *SMALL[:-1], fixed)
    assert code == 0, err
    assert err.count("'reduced-sgd' is called 'reduced_sgd'") == 1
    (stored,) = tmp_path.iterdir()
    assert "theory-reduced_sgd" in stored.name


def test_list_of_a_preset_shows_the_keys_that_set_takes(fatheory):
    code, out, _ = fatheory("list", PRESET)
    assert code == 0
    assert "rules.backprop.learning_rate: 0.013" in out


def test_run_stores_what_simulate_returns(archives):
    stored = fa.load(archives / "sim.zarr")
    again = fa.simulate(fa.Experiment.from_json(stored.attrs["experiment"]))
    np.testing.assert_array_equal(stored["weight_1"], again["weight_1"])
    assert stored.sizes["seed"] == 2
    assert stored.attrs["source"] == "simulation"


def test_solve_stores_the_same_shape(archives):
    theory, simulation = fa.load(archives / "theory.zarr"), fa.load(archives / "sim.zarr")
    assert theory.sizes == simulation.sizes
    assert theory.attrs["source"] == "theory/flow"


def test_compare_prints_and_stores(archives, fatheory, tmp_path):
    place = tmp_path / "difference.zarr"
    code, out, _ = fatheory(
        "compare", archives / "theory.zarr", archives / "sim.zarr", "--out", place
    )
    assert code == 0
    assert "weight_2" in out
    assert "feedback_alignment" in out
    assert "residual_loss" in fa.load(place)


def test_numbers_say_of_how_many_seeds_they_are(archives, fatheory, tmp_path):
    lost = fa.load(archives / "sim.zarr").load()
    lost["loss"].loc[{"rule": "backprop", "seed": 1}] = np.nan
    lost["delta_angle"].loc[{"rule": "feedback_alignment"}] = np.nan
    fa.save(lost, tmp_path / "lost.zarr")
    code, out, _ = fatheory("inspect", tmp_path / "lost.zarr")
    known = float(lost["loss"].sel(rule="backprop", seed=0)[-1])
    assert (code, f"{known:.4g} (of 1)" in out) == (0, True)
    code, out, _ = fatheory("compare", archives / "theory.zarr", tmp_path / "lost.zarr")
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in out.splitlines()[2:]}
    assert code == 0
    assert rows["loss", "backprop"][-3:] == ["1", "of", "2"]
    assert rows["delta_angle", "feedback_alignment"] == ["nan", "nan", "nan", "0", "of", "2"]
    told = " ".join(out.split())
    angle = "no error of delta_angle under feedback_alignment, 0 of 2 seeds: it is NaN throughout"
    assert f"{angle} in simulation" in told
    assert "no error of loss under backprop, 1 of 2 seeds: it is NaN throughout in simul" in told


def test_inspect_shows_provenance_and_variables(archives, fatheory):
    code, out, _ = fatheory("inspect", archives / "sim.zarr")
    assert code == 0
    for word in ("experiment_hash", "network.hidden: [4]", "weight_1", "2 seeds, 30 steps"):
        assert word in out


def test_run_prints_the_experiment_as_json(fatheory):
    code, out, _ = fatheory("run", PRESET, "--print", "--set=network.hidden=[7]")
    assert code == 0
    assert json.loads(out)["network"]["hidden"] == [7]


def test_an_experiment_can_come_from_a_file(fatheory, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(fa.presets[PRESET].replaced(name="mine").to_json())
    code, out, _ = fatheory("run", path, "--print", "--seeds=3")
    assert code == 0
    assert json.loads(out) | {"name": ""} == json.loads(
        fa.presets[PRESET].replaced(seeds=3, name="").to_json()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "lillicrap2016/fig22"], ["unknown preset", "did you mean 'lillicrap2016/fig2'"]),
        (["run", PRESET, "--set=network.hiden=[3]"], ["network.hiden", "did you mean 'hidden'"]),
        (["run", PRESET, "--set=task.inputs=-1"], ["task.inputs", "greater than 0", "got -1"]),
        (["run", PRESET, "--set=task.inputs"], ["KEY=VALUE", "task.inputs"]),
        (["run", PRESET, "--seeds=0"], ["seeds", "got 0"]),
        (["run", "missing.json"], ["missing.json", "cannot read"]),
        (["solve", PRESET, "--method=flwo"], ["unknown method", "did you mean 'flow'"]),
        (["solve", PRESET, "--set=network.activation=tanh"], ["linear", "tanh"]),
        (["inspect", "nothing.zarr"], ["nothing.zarr", "no archive"]),
        (["data", "fetch", "mnst"], ["mnst", "mnist"]),
        (["data", "verify", "mnst"], ["mnst", "mnist"]),
    ],
)
def test_mistakes_are_explained_without_a_traceback(
    fatheory, arguments, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, _, err = fatheory(*arguments)
    assert code == 1
    assert err.startswith("error: ")
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_wrong_usage_has_its_own_exit_code(fatheory):
    code, _, err = fatheory("run", PRESET, "--sedes=3")
    assert code == 2
    assert "--sedes" in err


def test_an_archive_in_the_way_is_refused_before_the_run(archives, fatheory, monkeypatch):
    monkeypatch.setattr("fatheory.train.run.Run.go", lambda *_: pytest.fail("it ran"))
    before = fa.load(archives / "sim.zarr")
    code, _, err = fatheory("run", PRESET, "--out", archives / "sim.zarr")
    assert code == 1
    assert "--restart" in err
    code, _, err = fatheory("solve", PRESET, "--out", archives / "theory.zarr")
    assert code == 1
    assert "--overwrite" in err
    assert before.identical(fa.load(archives / "sim.zarr"))


def test_an_unwritable_place_is_refused_before_the_run(fatheory, monkeypatch, tmp_path):
    monkeypatch.setattr("fatheory.train.run.Run.go", lambda *_: pytest.fail("it ran"))
    (tmp_path / "file").write_text("in the way")
    code, _, err = fatheory("run", PRESET, "--out", tmp_path / "file" / "sim.zarr")
    assert code == 1
    assert str(tmp_path / "file") in err


def test_diverged_runs_are_counted(fatheory, tmp_path):
    code, out, err = fatheory(
        "run", PRESET, "--seeds=2", "--out", tmp_path / "x.zarr", *SMALL,
        "--set=rules.backprop.learning_rate=1e6",
    )  # fmt: skip
    assert code == 0, err
    assert "2 of 4 runs diverged" in err
    assert "2 of 2" in out


def test_an_interrupted_command_says_so(fatheory, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fa.theory, "solve", interrupted)
    code, _, err = fatheory("solve", PRESET, "--out", tmp_path / "x.zarr")
    assert code == 130
    assert "interrupted" in err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_stopped_is_continued_by_the_same_command(fatheory, monkeypatch, tmp_path):
    monkeypatch.setattr("fatheory.train.run.LONGEST_SEGMENT", 4)
    go = Run.go

    def stopped(self, sink, bar):
        sink._stop.asked = True
        go(self, sink, bar)

    command = ["run", PRESET, "--seeds=1", "--out", tmp_path / "x.zarr", *SMALL]
    monkeypatch.setattr(Run, "go", stopped)
    code, _, err = fatheory(*command)
    assert code == 130
    assert "stopped after 4 of 30 steps" in err
    code, out, _ = fatheory("inspect", tmp_path / "x.zarr")
    assert "1 of 4 snapshots" in out
    code, out, _ = fatheory("archive", "check", tmp_path / "x.zarr")
    assert code == 0
    assert "unfinished run: 1 of 1 snapshots whole" in out
    monkeypatch.setattr(Run, "go", go)
    assert fatheory(*command)[0] == 0
    assert fa.load(tmp_path / "x.zarr")["step"].values.tolist() == [0, 10, 20, 30]
    code, out, _ = fatheory(*command)
    assert code == 0
    assert "stored" in out


def test_archives_are_checked_repaired_and_exported(fatheory, archives, tmp_path):
    path = shutil.copytree(archives / "sim.zarr", tmp_path / "x.zarr")
    assert fatheory("archive", "check", path)[0] == 0
    (path / "loss" / "c.0.0.1").write_bytes(b"")
    code, out, err = fatheory("archive", "check", path)
    assert code == 1
    assert "3 of 4 snapshots whole" in out
    assert "loss/c.0.0.1 has 0 bytes" in out
    assert "fatheory archive repair" in err
    code, out, _ = fatheory("archive", "repair", path)
    assert code == 0
    assert "the damaged archive is kept as" in out
    assert fa.load(path).sizes["step"] == 3
    code, out, _ = fatheory("archive", "export", path, tmp_path / "x.nc")
    assert code == 0
    assert (tmp_path / "x.nc").is_file()
    assert fatheory("archive", "check", tmp_path / "nothing")[0] == 1


def test_data_list_shows_where_sets_are_kept(fatheory, monkeypatch, tmp_path):
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(tmp_path))
    code, out, _ = fatheory("data", "list")
    assert code == 0
    assert "fashion-mnist" in out
    assert str(tmp_path) in out


def test_data_verify_says_what_is_missing_and_how_to_get_it(fatheory, monkeypatch, tmp_path):
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(tmp_path))
    code, out, err = fatheory("data", "verify", "mnist")
    assert code == 1
    assert "missing" in out
    assert "fatheory data fetch mnist" in err


def test_theory_list_shows_every_statement(fatheory):
    code, out, _ = fatheory("theory", "list")
    assert code == 0
    for entry in ("reduction.flow", "modes.zero_start", "signs.angle"):
        assert entry in out


def test_theory_show_prints_latex_and_source(fatheory):
    code, out, _ = fatheory("theory", "show", "reduction.flow")
    assert code == 0
    assert r"\dot X = E \Sigma" in out
    assert "derived for this project" in out


def test_theory_show_of_an_unknown_statement_names_the_nearest(fatheory):
    code, _, err = fatheory("theory", "show", "reduction.flwo")
    assert code == 1
    assert "reduction.flow" in err


def test_a_warning_is_one_message_without_code(fatheory, tmp_path):
    steep = ["--set=update.manhattan=1", "--set=rules.backprop.learning_rate=0.5"]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, err = fatheory(
            "run", PRESET, "--seeds=1", f"--out={tmp_path / 'run.zarr'}", *SMALL, *steep
        )
    assert code == 0
    assert "warning: Batch Manhattan moves every weight" in err
    assert ".py" not in err


def test_convolutional_networks_run_on_generated_images(fatheory, tmp_path):
    place = tmp_path / "run.zarr"
    code, _, err = fatheory(
        "run",
        "liao2016/table_a",
        "--seeds=1",
        f"--out={place}",
        "--set=task.dataset=synthetic-digits",
        '--set=network.blocks=[{"channels": 2, "kernel": 3}]',
        "--set=network.hidden=[]",
        '--set=schedule.phases=[{"steps": 3}]',
        "--set=schedule.decay=null",
        "--set=record.snapshots=2",
        '--set=record.quantities=["weights", "gradient_norm"]',
    )
    assert (code, err) == (0, "")
    run = fa.load(place)
    assert run["kernel_1"].dims[-2:] == ("kernel_row_1", "kernel_column_1")
    code, out, _ = fatheory("inspect", place)
    assert code == 0
    assert "kernels of layer 1" in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: only Linux has one")
def test_output_that_cannot_be_written_is_one_message():
    command = [sys.executable, "-c", "from fatheory.cli.app import main; main()", "list"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "error: could not write the output: [Errno 28] No space left on device\n"
    )
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as piped:
        piped.stdout.close()  # as `| head` does when it has enough
        _, errors = piped.communicate(timeout=60)
    assert errors == ""
