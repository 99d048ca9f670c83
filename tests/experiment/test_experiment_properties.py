"""The experiment over many descriptions: valid ones round-trip, junk meets our errors only."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_experiment import convolved, small

from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Experiment
from fatheory.quantities import known_quantities
from fatheory.rules import FixedFeedback, LayeredRule, known_rules

OF_NEURONS = {"firing_rate", "traces"}
"""Quantities of spiking networks."""
PROFILE = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same cases at every run, however slow the machine is."""
QUANTITIES = set(known_quantities()) - OF_NEURONS
OF_MATRICES = {name for name, quantity in known_quantities().items() if quantity.of_matrices}

sizes = st.integers(1, 50)
finite = st.floats(0, 1e6)
positive = st.floats(1e-12, 1e6)
part = st.floats(0, 0.99)
functions = st.sampled_from(["linear", "tanh", "sigmoid", "relu", "erf"])
entry_laws = st.fixed_dictionaries({"distribution": st.just("uniform"), "bound": finite}) | (
    st.fixed_dictionaries({"distribution": st.just("normal"), "std": finite})
)
laws = entry_laws | st.fixed_dictionaries(
    {
        "distribution": st.just("scaled"),
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


normalizations = st.none() | st.fixed_dictionaries(
    {"learnable": st.booleans(), "epsilon": positive, "memory": part}
)
outputs = st.sampled_from(["linear", "sigmoid", "softmax"])
pools = st.none() | st.fixed_dictionaries(
    {"kind": st.sampled_from(["max", "average"]), "size": sizes, "stride": sizes}
)
block = st.fixed_dictionaries(
    {"channels": sizes, "kernel": st.sampled_from([1, 3, 5]), "pool": pools}
)
warmup = st.integers(0, 9)
decays = st.none() | st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("steps"),
            "at": st.lists(sizes, min_size=1, max_size=3),
            "factor": st.floats(0.01, 1),
            "warmup": warmup,
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("exponential"),
            "factor": st.floats(0.01, 1),
            "every": sizes,
            "warmup": warmup,
        }
    ),
    st.fixed_dictionaries({"kind": st.just("cosine"), "floor": part, "warmup": warmup}),
)
LAYERED = sorted(
    name
    for name, rule in known_rules().items()
    if issubclass(rule, LayeredRule) and not rule.adaptive
)
FIXED = sorted(name for name in LAYERED if issubclass(known_rules()[name], FixedFeedback))
fixed_feedback = st.fixed_dictionaries(
    {
        "rule": st.sampled_from(FIXED),
        "initial_concordance": st.none() | st.floats(0, 1),
        "learning_rate": positive,
    }
)


def by_layer(layers):
    """A rule for all layers but some."""
    own = st.fixed_dictionaries({"rule": st.sampled_from(LAYERED)})
    keys = st.sampled_from([*map(str, range(2, layers)), "last"])
    return st.fixed_dictionaries(
        {
            "rule": st.sampled_from(LAYERED),
            "learning_rate": positive,
            "layers": st.dictionaries(keys, own, max_size=3),
        }
    )


@st.composite
def convolutional(draw):
    """Random valid experiments with convolutional networks, as plain data."""
    blocks = draw(st.lists(block, min_size=1, max_size=3))
    hidden = draw(st.lists(sizes, max_size=2))
    layers = len(blocks) + len(hidden) + 1
    names = {name for name, rule in known_rules().items() if getattr(rule, "entrywise", True)}
    everywhere = st.fixed_dictionaries(
        {"rule": st.sampled_from(sorted(names)), "learning_rate": positive}
    )
    choice = by_layer(layers) | fixed_feedback | everywhere
    rules = draw(st.dictionaries(st.text(max_size=8), choice, min_size=1, max_size=3))
    return {
        "task": draw(image_task) | {"limit": 0},
        "network": {
            "kind": "convolutional",
            "blocks": blocks,
            "hidden": hidden,
            "activation": draw(functions),
            "output": draw(outputs),
            "start": draw(laws),
            "biases": draw(st.none() | entry_laws),
            "normalization": draw(normalizations),
            "dropout": draw(part),
        },
        "rules": {
            label: own
            for label, own in rules.items()
            if all(_of(own, layer, layers) in names for layer in range(2, len(blocks) + 1))
        }
        or {"backprop": 1.0},
        "schedule": {
            "phases": [{"steps": (steps := draw(sizes))}],
            "batch_size": draw(st.integers(2, 20)),
            "decay": within(draw(decays), steps),
        },
        "update": {"momentum": draw(part), "manhattan": draw(st.integers(0, 3))},
        "record": {"quantities": draw(st.lists(st.sampled_from(sorted(QUANTITIES - OF_MATRICES))))},
    }


def within(decay, steps):
    """Let learning rates fall before the run ends."""
    if decay is None or "at" not in decay:
        return decay
    return decay | {"at": [min(at, steps) for at in decay["at"]]}


def _of(choice, layer, layers):
    """The rule that a choice has for one layer."""
    own = choice.get("layers", {})
    at = "last" if layer == layers and "last" in own else str(layer)
    return own.get(at, choice)["rule"]


@st.composite
def descriptions(draw):
    """Random valid experiments, as plain data."""
    hidden = draw(st.lists(sizes, min_size=1, max_size=4))
    layers = st.integers(1, len(hidden) + 1)
    task = draw(tasks)
    classes = {"classification_error", "training_error"}
    quantities = QUANTITIES - (set() if task["kind"] == "images" else classes)
    # Fresh examples are no training set.
    trained = task["kind"] == "images" or task.get("samples")
    quantities -= set() if trained else {"training_loss"}
    batch = st.integers(1, task.get("samples") or 20)
    choice = st.fixed_dictionaries(
        {"rule": st.sampled_from(sorted(known_rules())), "learning_rate": positive}
    )
    choice = choice | by_layer(len(hidden) + 1) | fixed_feedback
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
            "dropout": draw(part),
        },
        "rules": draw(st.dictionaries(st.text(max_size=8), choice, min_size=1, max_size=4)),
        "schedule": {
            "phases": (phases := draw(st.lists(phase, min_size=1, max_size=3))),
            "batch_size": 1 if task.get("limit") else draw(batch),
            "decay": within(draw(decays), sum(phase["steps"] for phase in phases)),
        },
        "update": {
            "momentum": draw(part),
            "weight_decay": draw(finite),
            "manhattan": draw(st.integers(0, 3)),
        },
        "record": {
            "quantities": draw(st.lists(st.sampled_from(sorted(quantities)))),
            "snapshots": draw(st.integers(2, 30)),
            "probe_samples": draw(sizes),
            "receptive_units": draw(sizes),
        },
        "seeds": draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True)),
        "precision": draw(st.sampled_from(["float32", "float64"])),
    }


@settings(PROFILE, max_examples=80)
@given(data=descriptions() | convolutional())
def test_every_valid_experiment_round_trips(data):
    asked = Experiment(**data)
    again = Experiment.from_json(asked.to_json())
    assert again == asked
    assert again.content_hash == asked.content_hash
    assert asked.with_settings({}) == asked
    assert [len(shape) for shape in asked.weight_shapes] == (
        [4] * asked.network.convolutions + [2] * (asked.layers - asked.network.convolutions)
    )
    assert repr(asked)
    assert asked._repr_html_()


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary()
)
keys = st.sampled_from(
    [
        *Experiment.model_fields,
        *(
            "hidden",
            "backprop",
            "rule",
            "learning_rate",
            "parameters",
            "distribution",
            "kind",
            "layers",
        ),
    ]
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


@settings(PROFILE, max_examples=50)
@given(data=st.dictionaries(keys, junk, max_size=6))
def test_junk_is_refused_by_our_errors_only(data):
    _refused_or_valid(data)


@settings(PROFILE, max_examples=50)
@given(field=st.sampled_from(sorted(Experiment.model_fields)), value=junk)
def test_junk_in_one_field_is_refused_by_our_errors_only(field, value):
    _refused_or_valid(dict(small()) | {field: value})


@settings(PROFILE, max_examples=50)
@given(
    part=st.sampled_from(["task", "network", "schedule", "update", "record", "rules"]),
    data=st.data(),
)
def test_junk_below_one_field_is_refused_by_our_errors_only(part, data):
    # Not drawn as values: hashing them is checked by beartype, which draws random numbers itself.
    describe = data.draw(st.sampled_from([small, convolved]))
    dump = json.loads(describe().to_json())
    key = data.draw(st.sampled_from(sorted(dump[part])))
    _refused_or_valid(dump | {part: dump[part] | {key: data.draw(junk)}})


@settings(PROFILE, max_examples=50)
@given(text=st.text(max_size=30))
def test_text_that_is_no_experiment(text):
    with pytest.raises(InvalidExperimentError):
        Experiment.from_json(text)
