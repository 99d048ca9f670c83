"""Whatever two descriptions differ in and archives do not show is refused, field by field."""

import pytest
import xarray as xr

import fatheory as fa
from fatheory.comparison.same_settings import of_experiments, of_records
from fatheory.errors import ArchiveError

ASKED = fa.Experiment(
    task=fa.LinearTask(inputs=4, outputs=2),
    network=fa.DenseNetwork(hidden=(3,), start=fa.Uniform(bound=0.4)),
    rules={"feedback_alignment": 0.01},
    schedule=fa.Schedule(phases=(fa.Phase(steps=20),), batch_size=2),
    record=fa.Record(snapshots=3, probe_samples=6),
)
OTHER = {
    "update": {
        "momentum": 0.5,
        "weight_decay": 0.1,
        "manhattan": 1,
        "optimizer": "adam",
    },
    "schedule": {"decay": {"kind": "exponential", "factor": 0.5, "every": 10}},
    "network": {
        "activation": "tanh",
        "output": "sigmoid",
        "biases": {"distribution": "uniform", "bound": 0.1},
        "sparsity": {"forward": 0.5},
        "normalization": {"learnable": True},
        "dropout": 0.25,
        "hidden": [3, 3],
    },
}
REFUSED = [(f"{part}.{name}", value) for part, own in OTHER.items() for name, value in own.items()]
FREE = {
    "name": "another",
    "precision": "float64",
    "schedule.batch_size": 3,
    "schedule.phases": [{"steps": 40}],
    "rules.feedback_alignment.learning_rate": 0.02,
    "record.snapshots": 5,
    "record.quantities": [],
    "task.noise": 0.1,
}
BY_ARRAYS = {"network.start", "network.kind"}
"""What is compared by what was drawn, or by its other fields."""


@pytest.fixture(scope="module")
def theory():
    return fa.solve(ASKED)


@pytest.fixture(scope="module")
def simulation():
    return fa.simulate(ASKED, progress=False)


def told(archive, settings):
    """Return an archive as if it were of other settings: what compare must find in words alone."""
    return archive.assign_attrs(experiment=ASKED.with_settings(settings).to_json())


@pytest.mark.parametrize(("key", "value"), REFUSED)
def test_what_theory_does_not_hold_for_is_refused(theory, simulation, key, value):
    """A flow was compared with momentum, weight decay, tanh, biases, decaying rates, silently."""
    part = key if key.startswith("network.") else key.removesuffix(f".{key.split('.')[-1]}")
    part = {"schedule": "schedule.decay"}.get(part, part)
    with pytest.raises(ArchiveError, match=rf"different questions(.|\n)*{part}\S* is "):
        fa.compare(theory, told(simulation, {key: value}))
    with pytest.raises(ArchiveError, match="different questions"):
        fa.compare(told(theory, {key: value}), simulation)


@pytest.mark.parametrize(("key", "value"), FREE.items())
def test_what_a_flow_does_not_depend_on_may_differ(theory, simulation, key, value):
    assert fa.compare(theory, told(simulation, {key: value})).identical(
        fa.compare(theory, simulation).assign_attrs(
            simulation_experiment=ASKED.with_settings({key: value}).to_json()
        )
    )


def test_every_field_is_refused_or_named_as_free():
    known = {key for key, _ in REFUSED} | set(FREE) | BY_ARRAYS
    for part in ("update", "schedule", "network"):
        fields = {f"{part}.{name}" for name in type(getattr(ASKED, part)).model_fields}
        assert fields <= known


@pytest.mark.parametrize(("key", "value"), [("schedule.batch_size", 3), ("task.noise", 0.1)])
def test_what_follows_single_updates_depends_on_more(simulation, key, value):
    steps = fa.solve(ASKED, "reduced_sgd")
    for own in (steps, simulation):
        assert fa.compare(own, simulation).relative_error.notnull().all()
        with pytest.raises(ArchiveError, match=rf"updates differ: ({key}|task) is "):
            fa.compare(own, told(simulation, {key: value}))


def test_memory_ends_with_phases_and_cosines_with_the_run(simulation):
    momentum = {"update.momentum": 0.5}
    parted = momentum | {"schedule.phases": [{"steps": 10}, {"steps": 10}]}
    longer = momentum | {"schedule.phases": [{"steps": 20}, {"steps": 10}]}
    with pytest.raises(ArchiveError, match=r"ends of phases is \[\] in theory and \[10\]"):
        fa.compare(told(simulation, momentum), told(simulation, parted))
    assert fa.compare(told(simulation, momentum), told(simulation, longer)).sizes["rule"] == 1
    cosine = {"schedule.decay": {"kind": "cosine"}}
    with pytest.raises(ArchiveError, match=r"schedule\.steps is 20 in theory and 40"):
        fa.compare(
            told(simulation, cosine), told(simulation, cosine | {"schedule.phases.0.steps": 40})
        )


def test_quantities_of_one_name_are_the_same_by_their_source_and_probe():
    asked = fa.Experiment(
        task=fa.ImageTask(dataset="synthetic-digits", limit=200),
        network=fa.DenseNetwork(hidden=(5,), activation="tanh", start=fa.Normal(std=0.2)),
        rules={"feedback_alignment": 0.01},
        schedule=fa.Schedule(phases=(fa.Phase(steps=3),), batch_size=5),
        record=fa.Record(snapshots=2, quantities=("delta_angle",), probe_samples=20),
    )
    run = fa.simulate(asked, progress=False)
    other = run.assign_attrs(experiment=asked.with_settings({"record.probe_samples": 30}).to_json())
    with pytest.raises(ArchiveError, match="delta_angle: measured on 20 samples in theory and on"):
        fa.compare(run, other)
    # Losses are of all held-out images, whatever the probe.
    lean = [
        one.assign_attrs(
            experiment=asked.with_settings(
                {"record.probe_samples": n, "record.quantities": []}
            ).to_json()
        )
        for one, n in ((run, 20), (run, 30))
    ]
    assert fa.compare(*lean).sizes["rule"] == 1


class Later(fa.Experiment):
    """Of a version that describes one thing more."""

    weather: str = "dry"


def test_a_field_that_experiments_gain_later_is_compared():
    ours, theirs = (Later(**dict(ASKED), weather=one) for one in ("dry", "wet"))
    assert list(of_experiments(ours, theirs)) == ["weather is dry in theory and wet in simulation"]
    assert not list(of_experiments(ours, ours))


def test_quantities_of_one_name_and_two_sources_are_told():
    ours, theirs = (
        ASKED.model_copy(
            update={
                "record": ASKED.record.model_copy(
                    update={"quantities": ("weight_angle",), "sources": (("weight_angle", source),)}
                )
            }
        )
        for source in ("a1", "b2")
    )
    nothing = xr.Dataset()
    said = "the quantity 'weight_angle' has the source a1 in theory and b2 in simulation"
    assert list(of_records(nothing, nothing, ours, theirs)) == [said]
    assert not list(of_records(nothing, nothing, ours, ours))
