"""The command line with images: what a run shows, and what missing or damaged files get."""

import json

import pytest

import fatheory as fa
from fatheory.initial.stored_samples import stored_samples

ERROR = "classification_error"
ASKED = fa.Experiment(
    name="first look",
    task=fa.ImageTask(dataset="synthetic-digits", limit=600),
    network=fa.DenseNetwork(hidden=(8,), activation="tanh", start=fa.Scaled()),
    rules={"backprop": 0.1, "wild": {"rule": "backprop", "learning_rate": 1e6}},
    schedule=fa.Schedule(phases=(fa.Phase(steps=300),), batch_size=2),
    record=fa.Record(quantities=(ERROR,), snapshots=2),
    seeds=2,
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asked.json").write_text(ASKED.to_json(), encoding="utf-8")


def test_runs_show_classification_errors(fatheory, tmp_path):
    code, shown, err = fatheory("run", "asked.json")
    assert code == 0, err
    stored = fa.load(tmp_path / "first-look-simulation.zarr")
    error = stored.classification_error.sel(rule="backprop").median("seed").values
    assert error[1] < 60 < error[0]
    code, inspected, _ = fatheory("inspect", "first-look-simulation.zarr")
    assert code == 0
    for screen in (shown, inspected):
        row = next(line for line in screen.splitlines() if line.startswith("backprop "))
        assert row.split()[-7:-3] == [f"{error[0]:.4g}", "%", f"{error[1]:.4g}", "%"]
        assert "first error  last error" in screen
        # A diverged network has no error: its largest output means nothing.
        assert "nan %" in next(line for line in screen.splitlines() if line.startswith("wild"))
    assert "classification error" in inspected
    assert "2 of 4 runs diverged" in err
    code, compared, _ = fatheory("compare", *["first-look-simulation.zarr"] * 2)
    assert code == 0
    assert any(line.split()[:2] == [ERROR, "backprop"] for line in compared.splitlines())


def test_runs_without_classes_show_losses_alone(fatheory, tmp_path):
    changed = json.loads(ASKED.to_json()) | {"record": {"snapshots": 2}}
    (tmp_path / "loss.json").write_text(json.dumps(changed), encoding="utf-8")
    code, shown, _ = fatheory("run", "loss.json", '--set=schedule.phases=[{"steps": 2}]')
    assert code == 0
    assert "last loss" in shown
    assert "error" not in shown


@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_files_that_cannot_be_read_are_named_before_the_run(fatheory, monkeypatch, tmp_path, state):
    folder = tmp_path / "data"
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(folder))
    stored_samples.cache_clear()
    if state == "damaged":
        (folder / "mnist").mkdir(parents=True)
        for file in fa.tasks.image_set("mnist").files:
            (folder / "mnist" / file.name).write_bytes(b"cut short")
    code, _, err = fatheory("run", "asked.json", "--set=task.dataset=mnist", "--out=x.zarr")
    assert code == 1
    assert "Traceback" not in err
    assert err.count(f": {state}") == 4
    assert str(folder / "mnist" / "train-images-idx3-ubyte.gz") in err
    assert "`fatheory data fetch mnist`" in err
    assert not (tmp_path / "x.zarr").exists()


def test_an_image_set_that_is_not_known(fatheory):
    code, _, err = fatheory("run", "asked.json", "--set=task.dataset=mnst")
    assert code == 1
    assert "task.dataset: unknown image set 'mnst'; did you mean 'mnist'" in err


def test_a_run_that_does_not_fit_into_memory_says_what_to_reduce(fatheory, monkeypatch, tmp_path):
    monkeypatch.setattr("fatheory.train.memory.available_memory", lambda: 10**6)
    code, _, err = fatheory("run", "asked.json", "--out=x.zarr")
    assert code == 1
    assert "needs about" in err
    assert "fewer seeds" in err
    assert not (tmp_path / "x.zarr").exists()
