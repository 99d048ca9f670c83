"""Runs continued by descriptions that are equal, however they are written, and by no others."""

import importlib
import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from resumable import BOTH_WAYS, asked, same

import fatheory as fa
from fatheory.errors import ArchiveWriteError, InvalidExperimentError, StoppedRun
from fatheory.experiment import Update
from fatheory.train import run as running

simulating = importlib.import_module("fatheory.train.simulate")


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    monkeypatch.setattr(running, "LONGEST_SEGMENT", 4)


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """Begin a run and stop it in its second segment; return where it is."""

    @contextmanager
    def stopping():
        yield SimpleNamespace(asked=True)

    def begin(experiment):
        path = tmp_path / "begun"
        with monkeypatch.context() as patch:
            patch.setattr(simulating, "stop_request", stopping)
            with pytest.raises(StoppedRun):
                fa.simulate(experiment, path=path)
        assert fa.archive.is_unfinished(path)
        return path

    return begin


def turned(experiment):
    return experiment.replaced(rules=dict(reversed(experiment.rules)))


@pytest.mark.parametrize(
    "case",
    ["momentum, two phases, rates that fall", pytest.param(BOTH_WAYS, marks=pytest.mark.slow)],
)
def test_rules_in_another_order_are_continued_under_their_own_labels(case, begun):
    experiment = asked(case)
    wanted = fa.simulate(experiment)
    path = begun(experiment)
    found = fa.simulate(turned(experiment), path=path)
    assert found["rule"].values.tolist() == list(turned(experiment).rule_labels)
    same(found.sel(rule=wanted["rule"]), wanted)
    stored = fa.load(path)
    same(stored, wanted)
    # One that is done is found, in the order in which it is asked for.
    for order in (experiment, turned(experiment)):
        again = fa.simulate(order, path=path)
        assert again["rule"].values.tolist() == list(order.rule_labels)
        same(again.sel(rule=wanted["rule"]), wanted)


class LaterUpdate(Update):
    """An update with a field that the next version gives it."""

    nesterov: bool = False


class LaterExperiment(fa.Experiment):
    replicas: int = 1
    update: LaterUpdate = LaterUpdate()


def test_runs_go_on_when_descriptions_have_gained_a_field(begun, monkeypatch):
    experiment = asked("momentum, two phases, rates that fall")
    later = LaterExperiment(**dict(experiment) | {"update": dict(experiment.update)})
    path = begun(experiment)
    found = fa.simulate(later, path=path)
    same(found, fa.simulate(experiment))
    monkeypatch.setattr(simulating, "start_run", None)
    xr.testing.assert_identical(fa.simulate(later, path=path), found)
    with pytest.raises(ArchiveWriteError, match="holds another archive"):
        fa.simulate(later.replaced(replicas=2), path=path)


def test_another_experiment_is_refused(begun):
    experiment = asked("momentum, two phases, rates that fall")
    path = begun(experiment)
    for change in ({"rules.backprop.learning_rate": 0.03}, {"seeds": [3, 0]}):
        with pytest.raises(ArchiveWriteError, match="unfinished archive of another run"):
            fa.simulate(experiment.with_settings(change), path=path)


def test_a_default_that_has_changed_is_another_experiment(begun, monkeypatch):
    """The hash leaves defaults out; what was stored is complete and tells."""
    experiment = asked("momentum, two phases, rates that fall", rules={"frsf": 0.02})
    path, called = begun(experiment), experiment.content_hash
    rule = fa.rules.find_rule("frsf")
    monkeypatch.setattr(rule, "parameters", classmethod(lambda _: {"scale": 2, "concordance": 1}))
    today = experiment.with_settings({"rules.frsf.scale": 2.0})
    assert today.content_hash == called
    with pytest.raises(ArchiveWriteError, match="defaults have changed since"):
        fa.simulate(today, path=path)


def test_an_archive_of_a_newer_version_is_refused_in_words(begun):
    experiment = asked("momentum, two phases, rates that fall")
    path = begun(experiment)
    about = json.loads((path / "zarr.json").read_text())
    described = json.loads(about["attributes"]["experiment"]) | {"version": 99, "replicas": 3}
    about["attributes"]["experiment"] = json.dumps(described)
    (path / "zarr.json").write_text(json.dumps(about))
    with pytest.raises(InvalidExperimentError, match="of version 99, and this fatheory reads up"):
        fa.simulate(experiment, path=path)


def test_experiments_that_differ_in_order_are_trained_side_by_side():
    experiment = asked("spikes")
    one, other = fa.simulate_many([experiment, turned(experiment)])
    assert one["rule"].values.tolist() == other["rule"].values.tolist()[::-1]
    np.testing.assert_array_equal(other["loss"].sel(rule=one["rule"]), one["loss"])
