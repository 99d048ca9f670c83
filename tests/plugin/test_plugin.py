"""A package that is not ours brings a rule, a quantity, a method and a task."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import (
    InvalidExperimentError,
    PluginWarning,
    RegimeError,
    SchemaError,
)
from fatheory.experiment.packages import REGISTRIES
from fatheory.theory import METHODS

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ALL = [*REGISTRIES.values(), METHODS]


def install(target, described=HERE, change=lambda points: points):
    """Install the package into a folder as pip would, of which Python needs the entry points."""
    about = tomllib.loads((described / "pyproject.toml").read_text())["project"]
    shutil.copytree(described / "fatheory_example", target / "fatheory_example")
    info = target / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    )
    points = change(about["entry-points"])
    lines = [
        line
        for group, parts in points.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in parts.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return target


def forget():
    for registry in ALL:
        registry.forget()
    for name in [name for name in sys.modules if name.split(".")[0] == "fatheory_example"]:
        del sys.modules[name]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package, installed where this process finds it."""
    folder = install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    forget()
    yield folder
    forget()


def experiment(**changes):
    parts = {
        "task": {"kind": "waves", "inputs": 4, "outputs": 2, "frequency": 0.5},
        "network": {"hidden": [3], "start": {"distribution": "uniform", "bound": 0.4}},
        "rules": {"backprop": 0.05, "halved": 0.05},
        "schedule": {"phases": [{"steps": 40}]},
        "record": {"quantities": ["weights", "largest_weight"], "snapshots": 3},
        "precision": "float64",
        "seeds": 2,
    }
    return fa.Experiment(**(parts | changes))


LINEAR = {"task": {"inputs": 4, "outputs": 2}}


def command(folder, *words, where):
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "200"}
    program = "import sys; from fatheory.cli import main; sys.argv[0] = 'fatheory'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_all_four_are_used_from_python(installed):
    for registry, name in zip(
        ALL, ("halved", "largest_weight", "waves", "standstill"), strict=True
    ):
        assert name in registry.known()
        assert registry.package_of(name) == "fatheory-example 1.2"
    run = fa.simulate(experiment())
    assert run["largest_weight"].dims == ("rule", "seed", "step", "layer")
    for layer in (1, 2):
        np.testing.assert_allclose(
            run["largest_weight"].sel(layer=layer),
            abs(run[f"weight_{layer}"]).max([f"unit_{layer}", f"unit_{layer - 1}"]),
            rtol=1e-14,
        )
    x, y = run["probe_input"].values, run["probe_target"].values
    assert np.abs(x).max() <= 1
    assert 0.1 < np.abs(y).max() <= 1
    assert (run["loss"][:, :, -1] < run["loss"][:, :, 0]).all()
    # The rule's own law, and what figures call it.
    whole = experiment(rules={"halved": {"learning_rate": 0.05, "share": 1}, "backprop": 0.05})
    whole = fa.simulate(whole)
    np.testing.assert_allclose(*(whole["weight_1"].sel(rule=r) for r in whole["rule"]), rtol=1e-12)
    assert fa.rules.find_rule("halved").display_name == "halved backprop"
    # A metric of an archive with the package's rule: V = W / 2 makes no angle with W.
    angle = fa.metrics.angle(run).sel(rule="halved", layer=2)
    np.testing.assert_allclose(angle, 0, atol=1e-4)
    # A method.
    asked = experiment(**LINEAR, rules={"halved": 1e-6})
    theory, simulation = fa.solve(asked, "standstill"), fa.simulate(asked)
    np.testing.assert_allclose(theory["loss"], simulation["loss"], rtol=1e-3)
    assert theory.attrs["source"] == "theory/standstill"
    with pytest.raises(RegimeError, match="the task is of kind 'waves'"):
        fa.solve(experiment(), "standstill")


def test_descriptions_say_where_parts_come_from(installed):
    described = json.loads(experiment().to_json())
    assert described["packages"] == {
        "fatheory.rules": {"halved": "fatheory-example 1.2"},
        "fatheory.quantities": {"largest_weight": "fatheory-example 1.2"},
        "fatheory.tasks": {"waves": "fatheory-example 1.2"},
    }
    assert fa.Experiment.from_json(json.dumps(described)) == experiment()
    plain = experiment(**LINEAR, rules={"backprop": 0.1}, record={"snapshots": 2})
    assert "packages" not in json.loads(plain.to_json())


def test_an_archive_whose_package_is_not_here_names_it(installed, tmp_path, monkeypatch):
    asked = experiment()
    run = fa.simulate(asked, path=tmp_path / "run")
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(installed)])
    forget()
    # The message names what is missing and where it came from; everything else works on.
    with pytest.raises(SchemaError, match=r"(?s)'largest_weight'.*example 1.2; is that in"):
        fa.load(tmp_path / "run")
    with pytest.raises(InvalidExperimentError) as refused:
        fa.metrics.angle(run)
    for word in ("the rule 'halved' comes from fatheory-example 1.2: install", "'largest_weight'"):
        assert word in str(refused.value)
    assert "the kind of task 'waves' comes from fatheory-example 1.2" in str(refused.value)
    assert fa.simulate(
        experiment(**LINEAR, rules={"backprop": 0.1}, record={"snapshots": 2})
    ).loss.size


def test_a_sweep_over_the_packages_parts(installed, tmp_path):
    axes = {"rules.halved.share": [0.5, 1.0], "task.frequency": [0.5, 1.0]}
    found = fa.Sweep(experiment=experiment(), axes=axes).run(tmp_path / "sweep", progress=False)
    assert (found["status"] == 1).all()
    assert found["largest_weight"].notnull().all()
    whole = found.sel({"rules.halved.share": 1.0})
    np.testing.assert_allclose(
        whole["loss"].sel(rule="halved"), whole["loss"].sel(rule="backprop"), rtol=1e-9
    )
    for i, frequency in enumerate((0.5, 1.0)):
        run = fa.simulate(experiment().with_settings({"task.frequency": frequency}))
        np.testing.assert_allclose(found["loss"][0, i], run["loss"], rtol=1e-9)


def test_the_command_line_lists_runs_and_solves(installed, tmp_path):
    shown = command(installed, "list", where=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for name in ("halved", "largest_weight", "standstill"):
        assert name in shown.stdout
    (tmp_path / "asked.json").write_text(experiment().to_json())
    done = command(
        *(installed, "run", "asked.json", "--out", "run", "--set", "rules.halved.share=0.25"),
        where=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    stored = fa.load(tmp_path / "run")
    assert "largest_weight" in stored
    described = fa.Experiment.from_json(stored.attrs["experiment"])
    assert dict(described.rules)["halved"].make().share == 0.25
    (tmp_path / "linear.json").write_text(experiment(**LINEAR).to_json())
    words = ("solve", "linear.json", "--method", "standstill", "--out", "theory")
    solved = command(installed, *words, where=tmp_path)
    assert solved.returncode == 0, solved.stderr
    # Where it is not installed, one message says what is missing.
    (tmp_path / "empty").mkdir()
    missing = command(tmp_path / "empty", "run", "asked.json", where=tmp_path)
    assert missing.returncode == 1
    assert "comes from fatheory-example 1.2: install or register it" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_a_package_that_is_broken_stops_nothing_else(tmp_path, monkeypatch):
    def broken(points):
        return points | {
            "fatheory.rules": {"gone": "fatheory_example.gone:Gone", **points["fatheory.rules"]},
            "fatheory.tasks": {"linear": "fatheory_example.task:Waves"},
        }

    monkeypatch.syspath_prepend(str(install(tmp_path / "site", change=broken)))
    forget()
    try:
        with pytest.warns(PluginWarning, match="the rule 'gone' of fatheory-example 1.2 cannot be"):
            assert "halved" in fa.rules.known_rules()
        with pytest.warns(
            PluginWarning, match="'linear' of fatheory-example 1.2 is no kind of task"
        ):
            assert "linear" in fa.tasks.TASKS.known()
        found = fa.simulate(experiment(**LINEAR, record={"snapshots": 2}))
        assert found["loss"].notnull().all()
        with pytest.raises(
            InvalidExperimentError, match=r"'gone' of fatheory-example 1.2 cannot be"
        ):
            experiment(rules={"gone": 0.1})
    finally:
        forget()
