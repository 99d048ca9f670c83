"""Values stand at their labels, in whatever order cells name rules and seeds."""

import itertools
from functools import cache

import numpy as np
import pytest
from interrupted import interrupted_after
from sweep_examples import assert_cell_is_run, small, sweep

import fatheory as fa
from fatheory.sweep import cluster, result

RULES = {
    "backprop": {"rule": "backprop", "learning_rate": 0.02},
    "feedback_alignment": {"rule": "feedback_alignment", "learning_rate": 0.01},
    "usf": {"rule": "usf", "learning_rate": 0.03},
}
ORDERS = dict(enumerate(itertools.permutations(RULES)))
SEEDS = {"up": (0, 3, 5), "down": (5, 3, 0), "mixed": (3, 5, 0), "others": (9, 3), "one": (5,)}
NOISE = {"keys": ["task.noise"], "values": [0.0, 0.5]}


def of(names):
    return {"rules": {name: RULES[name] for name in names}}


def plain(axes):
    record = {"quantities": ["weights"], "snapshots": 3}
    return sweep(axes, record=record, update={"momentum": 0.0})


@cache
def run_alone(description, method):
    experiment = fa.Experiment.from_json(description)
    return fa.simulate(experiment) if method is None else fa.solve(experiment, method)


def assert_all_at_their_labels(stored, asked, method=None):
    for cell in asked.cells():
        alone = run_alone(cell.experiment.to_json(), method)
        assert_cell_is_run(stored, cell.place, alone)
        own = stored["loss"].isel(dict(zip(asked.dims, cell.place, strict=True)))
        assert own.notnull().sum() == alone["loss"].size


CHOICES = {
    "both": of(["usf", "backprop"]) | {"seeds": [5, 0]},
    "turned": of(["backprop", "usf"]) | {"seeds": [0, 5]},
    "others": of(["feedback_alignment", "usf"]) | {"seeds": [7, 5]},
    "one": of(["feedback_alignment"]) | {"seeds": [7]},
}
ALL = {
    "the order of rules alone": {str(i): of(order) for i, order in ORDERS.items()},
    "rules and seeds": CHOICES,
    "seeds alone": {name: {"seeds": list(seeds)} for name, seeds in SEEDS.items()},
}


@pytest.mark.parametrize("case", ALL)
def test_every_cell_has_its_own_values(case, tmp_path):
    asked = plain({"choice": ALL[case]})
    assert_all_at_their_labels(asked.run(tmp_path / "x.zarr"), asked)


@pytest.mark.parametrize("way", ["stopped", "extended", "narrowed"])
def test_and_keeps_them_however_it_was_begun(way, tmp_path, monkeypatch):
    """Solved, which compiles nothing: what is stored where does not depend on the source."""
    path, turned = tmp_path / "x.zarr", dict(reversed(CHOICES.items()))
    asked = plain({"choice": CHOICES, "noise": NOISE})
    if way == "stopped":
        interrupted_after(monkeypatch, 1)
        with pytest.raises(KeyboardInterrupt):
            asked.run(path, method="flow")
        monkeypatch.undo()
    elif way == "extended":
        plain({"choice": turned, "noise": NOISE | {"values": [0.5]}}).run(path, method="flow")
    else:
        plain({"noise": NOISE | {"values": [0.5, 0.0]}, "choice": turned}).run(path, method="flow")
    assert_all_at_their_labels(asked.run(path, method="flow"), asked, "flow")


def test_an_axis_that_is_asked_for_with_its_rules_turned_is_gone_on_with(tmp_path, monkeypatch):
    path, names = tmp_path / "x.zarr", ("usf", "backprop")
    settings = {"a": of(names), "b": of(["feedback_alignment", *names])}
    turned = {
        label: {"rules": dict(reversed(own["rules"].items()))} for label, own in settings.items()
    }
    first, second = (plain({"choice": form, "noise": NOISE}) for form in (settings, turned))
    assert first == second
    assert first.content_hash == second.content_hash
    interrupted_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        first.run(path, method="flow")
    monkeypatch.undo()
    assert_all_at_their_labels(second.run(path, method="flow"), second, "flow")
    assert_all_at_their_labels(first.run(path, method="flow"), first, "flow")


def test_batches_that_workers_are_sent_keep_the_order_of_rules():
    turned = small(rules=dict(reversed(RULES.items())))
    wanted = ("loss", "feedback_2", "diverged_at")
    here = result.carry_out([turned], [wanted])[0]
    there = cluster._carry_out([turned.to_json()], [wanted], "simulation")[0]
    for name in wanted:
        np.testing.assert_array_equal(here.values[name], there.values[name], err_msg=name)
    by_theory = turned.with_settings({"update.momentum": 0.0})
    found = cluster._carry_out([by_theory.to_json()], [wanted], "theory/flow")[0]
    np.testing.assert_array_equal(found.values["loss"], fa.solve(by_theory)["loss"])
