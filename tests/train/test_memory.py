"""Memory: the estimate against the arrays themselves, and the refusal before anything is drawn."""

import jax
import jax.numpy as jnp
import pytest

import fatheory as fa
from fatheory import machine
from fatheory.errors import MemoryEstimateError
from fatheory.initial import draw_initial_state
from fatheory.train import many, memory
from fatheory.train.group import Group
from fatheory.train.loader import Loader
from fatheory.train.programs.step_by_step import StepRange, advance

# How large arrays are is what counts here, not what they hold.
pytestmark = pytest.mark.filterwarnings("ignore::fatheory.errors.DivergedWarning")


def asked(**changes):
    parts = {
        "task": fa.LinearTask(inputs=40, outputs=30),
        "network": fa.DenseNetwork(hidden=(50, 60), biases=fa.Uniform(bound=0.1)),
        "rules": {"backprop": 0.01, "feedback_alignment": 0.01},
        "schedule": fa.Schedule(phases=(fa.Phase(steps=30),)),
        "record": fa.Record(snapshots=31),
        "seeds": 4,
    }
    return fa.Experiment(**(parts | changes))


def test_weights_and_record_are_the_arrays_that_are_made():
    experiment = asked()
    parts = memory.estimate_memory(experiment)
    starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
    groups = Group.all_of(experiment, starts)
    on_device = sum(
        leaf.nbytes for group in groups for leaf in jax.tree.leaves(group.ensemble.parameters)
    )
    drawn = sum(A.nbytes for start in starts for A in (*start.weights, *start.biases))
    assert parts["weights"] == drawn + 3 * on_device
    archive = fa.simulate(experiment)
    recorded = sum(
        v.nbytes for name, v in archive.data_vars.items() if v.dims[:3] == ("rule", "seed", "step")
    )
    assert parts["record"] == 3 * recorded


@pytest.mark.parametrize("samples", [0, 250])
def test_signals_are_recorded_on_the_probe(samples):
    """Which is all of the finite samples where there are any."""
    record = fa.Record(quantities=("teaching_signals", "pseudobackprop_angles"), snapshots=2)
    experiment = asked(
        task=fa.LinearTask(inputs=4, outputs=3, samples=samples),
        network=fa.DenseNetwork(hidden=(5,)),
        rules={"feedback_alignment": 0.01},
        record=record,
    )
    archive = fa.simulate(experiment)
    recorded = sum(v.nbytes for v in archive.data_vars.values() if "step" in v.dims)
    assert memory.estimate_memory(experiment)["record"] == 3 * recorded


def test_more_of_anything_needs_more():
    base = sum(memory.estimate_memory(asked()).values())
    more = [
        {"seeds": 5},
        {"network": fa.DenseNetwork(hidden=(51, 60), biases=fa.Uniform(bound=0.1))},
        {"update": fa.Update(momentum=0.5)},
        {"record": fa.Record(snapshots=31, probe_samples=200)},
        {"task": fa.LinearTask(inputs=40, outputs=30, samples=5000)},
        {"precision": "float64"},
        {"record": fa.Record(snapshots=31, quantities=("weights", "teaching_signals"))},
    ]
    for changes in more:
        assert sum(memory.estimate_memory(asked(**changes)).values()) > base


@pytest.mark.parametrize(
    ("task", "held"),
    [
        (fa.LinearTask(inputs=90, outputs=3), lambda p: (p.T, p.Sigma)),
        (fa.LinearTask(inputs=90, outputs=3, spectrum_decay=1.0), lambda p: (p.T, p.Sigma, p.root)),
        (fa.QuadraticTask(inputs=90, outputs=3), lambda p: (p.Q,)),
        (fa.TeacherTask(inputs=90, outputs=3, hidden=(80,)), lambda p: (*p.weights, *p.biases)),
    ],
)
def test_what_tasks_are_made_of_is_counted(task, held):
    """As drawn, and for linear tasks as put into the archive; not much more."""
    experiment = asked(task=task)
    drawn = sum(
        A.nbytes for s in experiment.seeds for A in held(draw_initial_state(experiment, s).problem)
    )
    archived = sum(
        v.nbytes
        for name, v in fa.simulate(experiment.with_settings({"record.snapshots": 2})).items()
        if name in ("target_map", "input_covariance")
    )
    estimated = memory.estimate_memory(experiment)["task"]
    assert drawn + archived <= estimated < 3.5 * (drawn + archived)


def test_a_covariance_that_does_not_fit_is_refused_at_once(monkeypatch):
    """14,000 inputs and 4 seeds draw more than 6 GB; no more than 0.1 were promised."""
    monkeypatch.setattr(memory, "available_memory", lambda: 5 * 10**9)
    monkeypatch.setattr(many, "draw_initial_state", lambda *_: pytest.fail("drew before refusing"))
    with pytest.raises(MemoryEstimateError, match=r"\(task 1\d\.\d\d GB"):
        fa.simulate(asked(task=fa.LinearTask(inputs=14_000, outputs=3)))


def test_factors_of_learning_rates_are_counted():
    falling = {"phases": [{"steps": 10**9}], "decay": {"kind": "cosine"}}
    kept = {"phases": [{"steps": 10**9}]}
    record = fa.Record(snapshots=2)
    with_decay, without = (
        memory.estimate_memory(asked(schedule=schedule, record=record))["rate factors"]
        for schedule in (falling, kept)
    )
    assert (with_decay, without) == (28 * 10**9, 0)


def test_images_are_counted_once_for_all_seeds():
    task = fa.ImageTask(dataset="mnist")
    one, many = (memory.estimate_memory(asked(task=task, seeds=n)) for n in (1, 20))
    assert one["examples"] == many["examples"]
    assert 70_000 * 794 * 8 < one["examples"] < 1e9


def test_a_run_that_does_not_fit_is_refused_before_anything_is_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    monkeypatch.setattr(many, "draw_initial_state", lambda *_: pytest.fail("drew before refusing"))
    with pytest.raises(
        MemoryEstimateError, match=r"needs about [1-9].* MB .* 1\.00 MB are free.*fewer seeds"
    ) as refusal:
        fa.simulate(asked())
    with pytest.raises(MemoryEstimateError):
        fa.simulate(asked(), path=tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
    assert refusal.value.available == 10**6
    assert set(refusal.value.needed) == {
        "task",
        "weights",
        "feedback",
        "examples",
        "rate factors",
        "activities",
        "record",
    }


def test_nothing_is_refused_where_nobody_tells_what_is_free(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    memory.require_memory(asked(seeds=100_000))


def test_what_is_free_is_read_from_the_machine_and_from_the_containers_limit(monkeypatch, tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal: 900 kB\nMemAvailable: 500 kB\n", encoding="ascii")
    monkeypatch.setattr(machine, "_MEMORY_INFO", info)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert memory.available_memory() == 500 * 1024
    (tmp_path / "memory.max").write_text("300000\n", encoding="ascii")
    (tmp_path / "memory.current").write_text("100000\n", encoding="ascii")
    assert memory.available_memory() == 200_000
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert memory.available_memory() == 500 * 1024
    monkeypatch.setattr(machine, "_MEMORY_INFO", tmp_path / "none")
    assert memory.available_memory() is None


def test_the_estimate_of_images_is_of_the_arrays_that_are_held():
    task = fa.ImageTask(dataset="synthetic-digits")
    experiment = asked(task=task, network=fa.DenseNetwork(hidden=(20,)))
    start = draw_initial_state(experiment, 0)
    held = sum(A.nbytes for A in (start.samples.inputs, start.evaluation.inputs))
    assert held < memory.estimate_memory(experiment)["examples"] < 4 * held


@pytest.mark.parametrize(
    ("blocks", "normalization", "batch"),
    [
        ([{"channels": 16, "kernel": 3}], None, 1000),
        ([{"channels": 12}, {"channels": 16, "kernel": 3}], {"learnable": True}, 400),
    ],
)
def test_activities_of_convolutions_are_what_the_compiled_program_takes(
    blocks, normalization, batch
):
    """Within a factor of two."""
    experiment = asked(
        task=fa.ImageTask(dataset="synthetic-digits"),
        network=fa.ConvolutionalNetwork(blocks=blocks, hidden=(), normalization=normalization),
        schedule=fa.Schedule(phases=(fa.Phase(steps=1),), batch_size=batch),
        record=fa.Record(quantities=(), snapshots=2),
        seeds=2,
    )
    starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
    (group, *_) = Group.all_of(experiment, starts)
    batches, _ = Loader(experiment, starts).block(0)
    one = jnp.asarray(1)
    steps = StepRange(jnp.ones(experiment.layers, bool), one - 1, one - 1, one)
    program = advance.lower(group.ensemble, group._constants, batches, steps, spec=group._spec)
    measured = program.compile().memory_analysis().temp_size_in_bytes
    estimated = memory.estimate_memory(experiment)["activities"]
    assert measured / 2 < estimated < 2 * measured


def test_every_seed_has_a_root_of_its_covariance():
    """What one seed more of coloured inputs needs beyond one of white ones, which has no root."""
    tasks = [fa.LinearTask(inputs=90, outputs=3, spectrum_decay=decay) for decay in (1.0, 0.0)]
    coloured, white = (
        memory.estimate_memory(asked(task=task, seeds=5))["task"]
        - memory.estimate_memory(asked(task=task, seeds=4))["task"]
        for task in tasks
    )
    roots = [draw_initial_state(asked(task=task, seeds=5), 4).problem.root for task in tasks]
    assert roots[1] is None or roots[1].nbytes < roots[0].nbytes
    assert coloured - white == roots[0].nbytes == 90 * 90 * 8


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (5_240_000, "5.24 MB"),
        (64 * 10**9, "64.00 GB"),
        (2.5e12, "2.50 TB"),
    ],
)
def test_sizes_are_in_units_that_fit(size, text):
    assert machine.size_text(size) == text
