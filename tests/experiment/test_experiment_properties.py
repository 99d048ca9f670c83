"""The experiment over many descriptions: valid ones round-trip, junk meets our errors only."""

import contextlib
import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_experiment import small

from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Experiment
from fatheory.experiment.record import Quantity
from fatheory.rules import known_rules

sizes = st.integers(1, 50)
finite = st.floats(0, 1e6)
positive = st.floats(1e-12, 1e6)
part = st.floats(0, 0.99)
functions = st.sampled_from(["linear", "tanh", "sigmoid", "relu", "erf"])
entry_laws = st.fixed_dictionaries({"law": st.just("uniform"), "bound": finite}) | (
    st.fixed_dictionaries({"law": st.just("normal"), "std": finite})
)
laws = entry_laws | st.fixed_dictionaries(
    {
        "law": st.just("scaled"),
        "gain": finite,
        "fan": st.sampled_from(["in", "average"]),
        "shape": st.sampled_from(["normal", "uniform"]),
    }
)


def drawn_task(kind, **own):
    shared = {"inputs": sizes, "outputs": sizes, "noise": finite, "samples": st.just(0) | sizes}
    return st.fixed_dictionaries({"kind": st.just(kind), **shared, **own})


image_task = st.fixed_dictionaries(
    {
        "kind": st.just("images"),
        "dataset": st.sampled_from(["mnist", "fashion-mnist", "cifar-10", "synthetic-digits"]),
        "evaluation": st.sampled_from(["validation", "test"]),
        "limit": st.integers(0, 2000),
    }
)
tasks = st.one_of(
    drawn_task("linear", target=laws, spectrum_decay=finite),
    drawn_task("quadratic", coefficients=entry_laws, input=entry_laws),
    drawn_task(
        "teacher",
        hidden=st.lists(sizes, min_size=1, max_size=3),
        activation=functions,
        weights=laws,
        biases=st.none() | entry_laws,
        input=entry_laws,
    ),
    image_task,
)


@st.composite
def sparsities(draw, layers):
    shared, forward = draw(st.booleans()), draw(part)
    return {
        "forward": forward,
        "feedback": forward if shared else draw(part),
        "shared": shared,
        "layers": draw(st.lists(layers, max_size=3)),
    }


@st.composite
def descriptions(draw):
    """Random valid experiments, as plain data."""
    hidden = draw(st.lists(sizes, min_size=1, max_size=4))
    layers = st.integers(1, len(hidden) + 1)
    task = draw(tasks)
    classes = {"classification_error", "training_error"}
    quantities = set(get_args(Quantity)) - (set() if task["kind"] == "images" else classes)
    batch = st.integers(1, task.get("samples") or 20)
    choice = st.fixed_dictionaries(
        {"rule": st.sampled_from(sorted(known_rules())), "learning_rate": positive}
    )
    phase = st.fixed_dictionaries({"steps": sizes, "frozen": st.lists(layers, max_size=3)})
    return {
        "name": draw(st.text(max_size=10)),
        "task": task,
        "network": {
            "hidden": hidden,
            "activation": draw(functions),
            "output": draw(functions),
            "start": draw(laws),
            "biases": draw(st.none() | entry_laws),
            "sparsity": draw(sparsities(layers)),
        },
        "rules": draw(st.dictionaries(st.text(max_size=8), choice, min_size=1, max_size=4)),
        "schedule": {
            "phases": draw(st.lists(phase, min_size=1, max_size=3)),
            "batch_size": 1 if task.get("limit") else draw(batch),
        },
        "update": {"momentum": draw(part), "weight_decay": draw(finite)},
        "record": {
            "quantities": draw(st.lists(st.sampled_from(sorted(quantities)))),
            "snapshots": draw(st.integers(2, 30)),
            "probe_samples": draw(sizes),
            "receptive_units": draw(sizes),
        },
        "seeds": draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True)),
        "precision": draw(st.sampled_from(["float32", "float64"])),
    }


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=descriptions())
def test_every_valid_experiment_round_trips(data):
    asked = Experiment(**data)
    again = Experiment.from_json(asked.to_json())
    assert again == asked
    assert again.content_hash == asked.content_hash
    assert asked.with_settings({}) == asked
    assert repr(asked)
    assert asked._repr_html_()


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary()
)
keys = st.sampled_from(
    [*Experiment.model_fields, "hidden", "backprop", "rule", "learning_rate", "parameters", "law"]
) | st.text(max_size=6)
junk = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(st.integers() | st.booleans(), inner, max_size=2)
    ),
    max_leaves=12,
)


def _refused_or_valid(data):
    with contextlib.suppress(InvalidExperimentError):
        Experiment(**data)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.dictionaries(keys, junk, max_size=6))
def test_junk_is_refused_by_our_errors_only(data):
    _refused_or_valid(data)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(field=st.sampled_from(sorted(Experiment.model_fields)), value=junk)
def test_junk_in_one_field_is_refused_by_our_errors_only(field, value):
    _refused_or_valid(dict(small()) | {field: value})


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    part=st.sampled_from(["task", "network", "schedule", "update", "record", "rules"]),
    data=st.data(),
)
def test_junk_below_one_field_is_refused_by_our_errors_only(part, data):
    dump = json.loads(small().to_json())
    key = data.draw(st.sampled_from(sorted(dump[part])))
    _refused_or_valid(dump | {part: dump[part] | {key: data.draw(junk)}})


@settings(deadline=None, derandomize=True, max_examples=50)
@given(text=st.text(max_size=30))
def test_text_that_is_no_experiment(text):
    with pytest.raises(InvalidExperimentError):
        Experiment.from_json(text)
