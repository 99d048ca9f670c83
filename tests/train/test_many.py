"""Experiments trained together are those trained alone."""

import gc
import itertools
import os
import subprocess
import sys
import weakref
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import xarray as xr
from default_run import slow_but
from resumable import CASES, asked

import fatheory as fa
from fatheory import labels
from fatheory.errors import DivergedWarning, LearningRateWarning, MemoryEstimateError
from fatheory.train import many, program_of
from fatheory.train.ensemble import Batches
from fatheory.train.loader import Loader
from fatheory.train.programs import step_by_step

LINEAR = "momentum, two phases, rates that fall"


def slow(case):
    """Return a case that takes long to compile for every number of seeds."""
    return pytest.param(case, marks=pytest.mark.slow)


def alike(together: xr.Dataset, alone: xr.Dataset) -> None:
    """Assert that all numbers agree to rounding, and all labels exactly."""
    assert set(together.variables) == set(alone.variables)
    for name, wanted in alone.variables.items():
        found = together.variables[name]
        assert (found.dims, found.dtype, found.attrs) == (wanted.dims, wanted.dtype, wanted.attrs)
        if wanted.dtype.kind == "f":
            scale = np.nanmax(np.abs(wanted.values), initial=1.0)
            np.testing.assert_allclose(found.values, wanted.values, rtol=0, atol=1e-12 * scale)
        else:
            np.testing.assert_array_equal(found.values, wanted.values)
    told = {"created", "wall_time_s"}
    assert {k: v for k, v in together.attrs.items() if k not in told} == {
        k: v for k, v in alone.attrs.items() if k not in told
    }


def varied(base: fa.Experiment) -> list[fa.Experiment]:
    """Return experiments that differ in all that may differ within a program."""
    label = base.rule_labels[0]
    changes = [
        {},
        {f"rules.{label}.learning_rate": 0.003},
        {"network.start": {"distribution": "normal", "std": 0.3}},
        {"seeds": [5, 0, 2]},
        {"name": "another"},
    ]
    if base.task.kind == "linear":
        changes += [{"task.noise": 0.3}, {"task.target": {"distribution": "normal", "std": 2.0}}]
    if "feedback_alignment" in base.rule_labels:
        changes.append({"rules.feedback_alignment.scale": 0.7})
    return [base.with_settings(change) for change in changes]


@pytest.mark.parametrize(
    "case",
    [case if "rates" in case or "online" in case else slow(case) for case in CASES],
)
def test_together_and_alone_agree(case):
    experiments = varied(asked(case, precision="float64"))
    assert len({program_of(one) for one in experiments}) == 1
    found = fa.simulate_many(experiments)
    assert len(found) == len(experiments)
    for together, one in zip(found, experiments, strict=True):
        alike(together, fa.simulate(one))


def same_examples(base: fa.Experiment) -> list[fa.Experiment]:
    """Return experiments of one seed that differ in learning rates only."""
    label, rate = base.rule_labels[0], base.learning_rates[0]
    return [
        base.with_settings({"seeds": [3], f"rules.{label}.learning_rate": factor * rate})
        for factor in (0.25, 0.5, 1.0, 2.0)
    ]


def first_block(experiments: list[fa.Experiment]) -> Batches:
    with many.numerics(experiments[0]):
        batches, _ = Loader(experiments[0], many.start_run(experiments).starts).block(0)
    return batches


@pytest.mark.parametrize(
    ("case", "at_a_time", "samples"),
    slow_but(
        [(LINEAR, 2**24, 12), ("blocks of online examples", 1, 0)],
        itertools.product([LINEAR, "blocks of online examples"], [2**24, 1], [0, 12]),
    ),
)
def test_experiments_that_see_the_same_examples_share_them(case, samples, at_a_time, monkeypatch):
    monkeypatch.setattr("fatheory.train.device.CACHE_BYTES", at_a_time)
    experiments = same_examples(asked(case, precision="float64"))
    experiments = [one.with_settings({"task.samples": samples}) for one in experiments]
    batches = first_block(experiments)
    assert batches.replicas == 1
    for together, one in zip(fa.simulate_many(experiments), experiments, strict=True):
        alike(together, fa.simulate(one))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["convolutions with normalisation", "spikes"])
def test_experiments_that_see_the_same_images_share_their_order(case):
    experiments = same_examples(asked(case, precision="float64"))
    batches = first_block(experiments)
    assert len(batches.order) == 1
    for together, one in zip(fa.simulate_many(experiments), experiments, strict=True):
        alike(together, fa.simulate(one))


def test_experiments_that_see_other_examples_do_not_share_them():
    base = asked(LINEAR)
    for change in ({"seeds": [0]}, {"task.noise": 0.3}):
        experiments = [
            base.with_settings({"seeds": [3]}),
            base.with_settings({"seeds": [3]} | change),
        ]
        batches = first_block(experiments)
        assert batches.replicas == 2
        assert not np.array_equal(batches.inputs[0], batches.inputs[1]) or not np.array_equal(
            batches.targets[0], batches.targets[1]
        )


def test_rules_of_one_program_may_differ_in_what_they_draw():
    base = asked(LINEAR, precision="float64", rules={"a": {"rule": "frsf", "learning_rate": 0.01}})
    experiments = [
        base.with_settings({"rules.a.concordance": share, "rules.a.learning_rate": rate})
        for share in (0.5, 0.9)
        for rate in (0.01, 0.02)
    ]
    assert len({program_of(one) for one in experiments}) == 1
    for together, one in zip(fa.simulate_many(experiments), experiments, strict=True):
        alike(together, fa.simulate(one))


@pytest.mark.parametrize(
    "change",
    [
        {"network.hidden": [6]},
        slow({"network.activation": "tanh"}),
        slow({"schedule.batch_size": 1}),
        slow({"update.momentum": 0.5}),
        {"record.snapshots": 3},
        {"precision": "float64"},
        {"root_seed": 7},
        slow({"task.inputs": 7}),
        {"rules": {"usf": 0.02, "brsf": 0.01, "direct_feedback_alignment": 0.01}},
        {"rules": {"other": {"rule": "backprop", "learning_rate": 0.02}}},
    ],
)
def test_other_programs_are_trained_apart(change):
    base = asked(LINEAR)
    other = base.with_settings(change)
    assert program_of(base) != program_of(other)
    first, second = fa.simulate_many([base, other])
    assert first.attrs["experiment_hash"] == base.content_hash
    assert second.attrs["experiment_hash"] == other.content_hash


def test_answers_come_in_the_order_of_the_questions():
    base, other = asked(LINEAR), asked("spikes")
    mixed = [other, base, base.with_settings({"seeds": 1}), other, base]
    found = fa.simulate_many(mixed)
    assert [run.attrs["experiment_hash"] for run in found] == [one.content_hash for one in mixed]
    xr.testing.assert_equal(found[0], found[3])
    xr.testing.assert_equal(found[1], found[4])
    assert fa.simulate_many([]) == []


def test_batches_follow_from_order_and_size_alone(monkeypatch):
    base = asked(LINEAR)
    experiments = [base.with_settings({"root_seed": i % 2, "seeds": 3}) for i in range(8)]
    monkeypatch.setattr(many, "MOST_REPLICAS", 7)
    assert list(many._batches(experiments)) == [[0, 2], [4, 6], [1, 3], [5, 7]]
    monkeypatch.setattr(many, "MOST_BYTES", 1)
    assert [len(batch) for batch in many._batches(experiments)] == [1] * 8


def test_one_program_is_compiled_once_for_all(monkeypatch):
    experiments = varied(asked(LINEAR, seeds=2))
    fa.simulate_many(experiments)
    compiled = step_by_step.advance._cache_size()
    fa.simulate_many([one.with_settings({"rules.brsf.learning_rate": 1e-4}) for one in experiments])
    assert step_by_step.advance._cache_size() == compiled


def test_refusals_and_warnings_are_those_of_simulate(monkeypatch):
    signs = asked(LINEAR, update={"manhattan": 1}, rules={"backprop": 50.0})
    with pytest.warns(LearningRateWarning, match="backprop"):
        fa.simulate_many([signs])
    monkeypatch.setattr(sys.modules["fatheory.train.memory"], "available_memory", lambda: 1000)
    with pytest.raises(MemoryEstimateError):
        fa.simulate_many([asked(LINEAR)])


def test_divergence_is_marked_where_it_happens():
    base = asked(LINEAR, rules={"backprop": 0.01})
    wild = base.with_settings({"rules.backprop.learning_rate": 1e9})
    with pytest.warns(DivergedWarning, match=r"archive 1: 2 of 2 runs diverged: backprop"):
        calm, lost = fa.simulate_many([base, wild])
    assert not calm["diverged"].any()
    assert lost["diverged"].all()


_ON_TWO_DEVICES = """
import sys
import jax
import numpy as np
import fatheory as fa
from fatheory.train import group
assert len(jax.devices()) == 2
places = set()
real = group.Group.advance
def noted(self, *args):
    real(self, *args)
    places.update(d.id for a in jax.tree.leaves(self.ensemble) for d in a.devices())
group.Group.advance = noted
for text in sys.argv[2:]:
    asked = fa.Experiment.from_json(text)
    places.clear()
    run = fa.simulate(asked)
    assert places == {0, 1}, places
    fa.save(run, f"{sys.argv[1]}/{asked.content_hash}")
    # Cells that see the same examples, of which there is one copy.
    cells = [asked.with_settings({"seeds": [3], "root_seed": 0, "name": name}) for name in "ab"]
    places.clear()
    first, second = fa.simulate_many(cells)
    assert places == {0, 1}, places
    assert first.equals(second) and first.equals(fa.simulate(cells[0]))
"""


def test_replicas_are_parted_over_devices(tmp_path):
    rules = {"feedback_alignment": 0.01, "node_perturbation": 0.01}
    experiments = [asked(LINEAR, seeds=5, precision="float64", rules=rules)]
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    places = os.pathsep.join([str(Path(labels.__file__).parents[1]), *sys.path])
    texts = [one.to_json() for one in experiments]
    subprocess.run(
        [sys.executable, "-c", _ON_TWO_DEVICES, str(tmp_path), *texts],
        env=os.environ | flags | {"PYTHONPATH": places},
        check=True,
    )
    for one in experiments:
        alike(fa.load(tmp_path / one.content_hash), fa.simulate(one))


def test_what_batches_started_from_is_let_go():
    experiments = [asked(LINEAR, root_seed=i) for i in range(4)]
    drawn, original = [], many.start_run

    def start_run(together):
        run = original(together)
        drawn.extend(map(weakref.ref, run.starts))
        return run

    with mock.patch.object(many, "start_run", start_run):
        for _, answer in many.train_many(experiments):
            assert answer.archive()["loss"].notnull().any()
            del answer
            gc.collect()
            assert sum(start() is not None for start in drawn) <= 2  # one experiment's seeds
    assert len(drawn) == 8
