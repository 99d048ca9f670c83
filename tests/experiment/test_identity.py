"""When two descriptions are one: equality, hash and content hash say the same."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_experiment import convolved, small

from fatheory import Experiment, Normal, Sweep, Uniform
from fatheory.experiment import Phase, Schedule, Sparsity, StepDecay, Update, presets

SAME = {
    "zero and minus zero": [{"network.start.bound": 0.0}, {"network.start.bound": -0.0}],
    "whole numbers as floats": [{"update.weight_decay": 1}, {"update.weight_decay": 1.0}],
    "frozen layers": [
        {"schedule.phases.0.frozen": [1, 2]},
        {"schedule.phases.0.frozen": [2, 1, 2]},
    ],
    "recorded steps": [{"record.steps": [9, 17]}, {"record.steps": [17, 9, 9]}],
    "layers that lose connections": [
        {"network.sparsity": {"forward": 0.25, "layers": [2, 3]}},
        {"network.sparsity": {"forward": 0.25, "layers": [3, 2]}},
    ],
    "steps of decay": [
        {"schedule.decay": {"at": [3, 5, 5]}},
        {"schedule.decay": {"at": [5, 3, 5]}},
    ],
    "names": [{"name": "one"}, {"name": "other"}],
    "a rule's default": [
        {"rules.usf": 0.5},
        {"rules.usf": {"rule": "usf", "learning_rate": 0.5, "scale": 1}},
    ],
}
OTHER = {
    "seeds in another order": [{"seeds": [1, 2]}, {"seeds": [2, 1]}],
    "phases in another order": [
        {"schedule.phases": [{"steps": 13}, {"steps": 24}]},
        {"schedule.phases": [{"steps": 24}, {"steps": 13}]},
    ],
    "a step of decay twice": [
        {"schedule.decay": {"at": [3, 5, 5]}},
        {"schedule.decay": {"at": [3, 5]}},
    ],
    "laws of one width": [
        {"network.start": {"distribution": "uniform", "bound": 0.5}},
        {"network.start": {"distribution": "normal", "std": 0.5}},
    ],
    "a value that is another law's default": [
        {"network.start": {"distribution": "scaled"}},
        {"network.start": {"distribution": "scaled", "gain": 2}},
    ],
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_what_means_the_same_is_the_same(pair):
    one, other = (small().with_settings(form) for form in pair)
    assert one == other
    assert hash(one) == hash(other)
    assert one.content_hash == other.content_hash
    assert Experiment.from_json(one.to_json()) == other


@pytest.mark.parametrize("pair", OTHER.values(), ids=OTHER)
def test_what_means_something_else_is_something_else(pair):
    one, other = (small().with_settings(form) for form in pair)
    assert one != other
    assert one.content_hash != other.content_hash


def test_the_order_of_rules_and_of_their_layers_means_nothing():
    asked = convolved()
    back = dict(reversed(asked.rules))
    turned = asked.replaced(rules=back)
    assert turned.rule_labels == asked.rule_labels[::-1]
    layered = dict(asked.rules)["usf, backprop"]
    again = layered.replaced(layers=dict(reversed(layered.layers)))
    for other in (turned, asked.replaced(rules=back | {"usf, backprop": again})):
        assert other == asked
        assert hash(other) == hash(asked)
        assert other.content_hash == asked.content_hash


def test_parts_are_equal_by_content_too():
    assert Uniform(bound=0.0) == Uniform(bound=-0.0)
    assert Uniform(bound=-0.0).model_dump_json() == '{"distribution":"uniform","bound":0.0}'
    assert hash(Phase(steps=1, frozen=(1, 2))) == hash(Phase(steps=1, frozen=(2, 1)))
    assert Normal(std=0.5) != Uniform(bound=0.5)
    assert Update() != Sparsity()
    assert Update() != "Update()"
    assert StepDecay(at=(1, 2)) in {StepDecay(at=(2, 1))}


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "update.weight_decay": st.sampled_from([0, 0.0, -0.0, 1, 1.0, 0.5]),
        "network.start.bound": st.sampled_from([0, -0.0, 1, 1.0, 0.01]),
        "task.noise": st.sampled_from([0, -0.0, 0.125]),
        "record.steps": st.lists(st.integers(0, 3), max_size=3),
        "schedule.phases.1.frozen": st.lists(st.integers(1, 2), max_size=3),
        "seeds": st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True),
        "precision": st.sampled_from(["float32", "float64"]),
        "network.biases": st.sampled_from([None, {"distribution": "uniform", "bound": 0}]),
        "name": st.sampled_from(["", "x"]),
    },
)


@settings(deadline=None, derandomize=True, database=None)
@given(SETTINGS, SETTINGS, st.booleans())
def test_equality_hash_and_content_hash_say_the_same(first, second, turned):
    one, other = small().with_settings(first), small().with_settings(second)
    if turned:
        other = other.replaced(rules=dict(reversed(other.rules)))
    assert (one == other) == (one.content_hash == other.content_hash)
    if one == other:
        assert hash(one) == hash(other)
    for asked in (one, other):
        again = Experiment.from_json(asked.to_json())
        assert again == asked
        assert again.to_json() == asked.to_json()


def test_presets_differ_from_each_other():
    hashes = [presets[name].content_hash for name in presets]
    assert len(set(hashes)) == len(hashes)


def test_sweeps_are_equal_by_content():
    def sweep(axes, **changes):
        return Sweep(experiment=small(**changes), axes=axes)

    rates = "rules.*.learning_rate"
    same = [
        sweep({rates: [1, 2]}),
        sweep({rates: [1.0, 2.0]}),
        sweep({rates: [1, 2]}, name="other"),
        sweep({rates: [1, 2]}, rules=dict(reversed(small().rules))),
    ]
    for one, other in itertools.combinations(same, 2):
        assert one == other
        assert hash(one) == hash(other)
        assert one.content_hash == other.content_hash
        assert Sweep.from_json(one.to_json()) == other
    # Later settings are made on top of earlier ones, so that their order means something.
    later = {"schedule": Schedule(phases=(Phase(steps=50),)), "schedule.batch_size": 3}
    others = [
        sweep({"record.steps": [[1], [2]]}),
        sweep({"seeds": [1, 2]}),
        sweep({"of": {"a": later}}),
        sweep({"of": {"a": dict(reversed(later.items()))}}),
        sweep({rates: [1, 2], "root_seed": [1]}),
        sweep({"root_seed": [1], rates: [1, 2]}),
    ]
    assert len({one.content_hash for one in [same[0], *others]}) == len(others) + 1
    assert len({same[0], *others}) == len(others) + 1
