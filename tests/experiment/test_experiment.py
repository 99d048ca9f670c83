"""The experiment as a value: JSON, hash, settings, display."""

import html
import json

import numpy as np
import pytest
from small_experiment import convolved, small

from fatheory.errors import FatheoryError, InvalidExperimentError
from fatheory.experiment import (
    Experiment,
    Normal,
    Phase,
    Record,
    RuleChoice,
    presets,
)


@pytest.mark.parametrize("describe", [small, convolved])
def test_json_round_trip_is_the_same_value(describe):
    asked = describe()
    again = Experiment.from_json(asked.to_json())
    assert again == asked
    assert again.content_hash == asked.content_hash
    assert hash(again) == hash(asked)
    assert Experiment.from_json(asked.to_json(indent=2).encode()) == asked
    assert Experiment(**json.loads(asked.to_json())) == asked


def test_content_hash_is_pinned():
    """Kept runs are found by it: a change here must be meant."""
    assert small().content_hash == "1cf716d5992c0cf8"
    assert convolved().content_hash == "863ce9f300be6929"
    assert small().former_hashes == ("65e1f9997ac9be64",)
    assert convolved().former_hashes == ("0fca7c0b780a44af",)


def test_content_hash_sees_everything_but_the_name():
    asked = small()
    assert small(name="another").content_hash == asked.content_hash
    flat = dict(_leaves(json.loads(asked.to_json())))
    changed = {
        "task.inputs": 7,
        "task.target.std": 0.8,
        "task.samples": 21,
        "network.hidden": [5, 5],
        "network.activation": "relu",
        "rules.backprop.learning_rate": 0.03,
        "rules.frsf 0.75.concordance": 0.75,
        "schedule.phases.1.frozen": [1],
        "schedule.phases.0.steps": 29,
        "schedule.batch_size": 8,
        "update.momentum": 0.25,
        "update.weight_decay": 0.125,
        "record.steps": [9, 18],
        "record.spacing": "logarithmic",
        "record.probe_samples": 99,
        "seeds": [8, 14],
        "root_seed": 24,
        "precision": "float32",
    }
    assert set(changed) <= set(flat)
    hashes = {asked.with_settings({key: value}).content_hash for key, value in changed.items()}
    assert len(hashes | {asked.content_hash}) == len(changed) + 1


def test_content_hash_sees_every_part_of_a_convolutional_network():
    asked = convolved()
    flat = dict(_leaves(json.loads(asked.to_json())))
    changed = {
        "network.blocks.0.channels": 4,
        "network.blocks.0.kernel": 5,
        "network.blocks.0.pool.kind": "max",
        "network.blocks.0.pool.stride": 2,
        "network.normalization.learnable": False,
        "network.normalization.memory": 0.5,
        "network.dropout": 0.25,
        "network.output": "softmax",
        "rules.rndf.initial_concordance": 0.5,
        "rules.usf, backprop.layers.3.scale": 1.0,
        "schedule.decay.at": [2, 2],
        "schedule.decay.warmup": 0,
        "update.manhattan": 3,
    }
    assert set(changed) <= set(flat)
    hashes = {asked.with_settings({key: value}).content_hash for key, value in changed.items()}
    assert len(hashes | {asked.content_hash}) == len(changed) + 1


def test_content_hash_does_not_see_how_it_was_written():
    one = small(record=Record(quantities=("weights", "delta_angle")))
    other = small(record=Record(quantities=("delta_angle", "weights", "weights")))
    assert one.content_hash == other.content_hash
    assert small(seeds=2).content_hash == small(seeds=[0, 1]).content_hash
    whole = small(update={"momentum": 0, "weight_decay": 1})
    assert whole.content_hash == small(update={"momentum": 0.0, "weight_decay": 1.0}).content_hash


def test_rules_are_read_in_every_form():
    short = small(rules={"backprop": 0.1, "usf": 0.2})
    long = small(
        rules={
            "backprop": {"rule": "backprop", "learning_rate": 0.1},
            "usf": RuleChoice(rule="usf", learning_rate=0.2, scale=1.0),
        }
    )
    assert short == long == small(rules=short.rules)
    assert short.rule_labels == ("backprop", "usf")
    assert short.learning_rates == (0.1, 0.2)
    assert dict(short.rules)["usf"].parameters == (("scale", 1.0),)


def test_numpy_numbers_are_numbers():
    asked = small(
        task={"inputs": np.int64(6), "outputs": np.uint8(3), "noise": np.float32(0.5)},
        network={"hidden": np.array([5, 4])},
        rules={"backprop": np.float64(0.02), "usf": {"learning_rate": 1, "scale": np.int32(2)}},
        seeds=np.int16(3),
    )
    assert asked.sizes == (6, 5, 4, 3)
    assert asked.seeds == (0, 1, 2)
    assert Experiment.from_json(asked.to_json()) == asked
    assert all(type(size) is int for size in asked.sizes)
    assert type(asked.task.noise) is float


def test_it_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        small().seeds = (1,)


def test_settings_reach_every_level_and_labels_with_dots():
    asked = small().with_settings(
        {
            "network.hidden": [9],
            "rules.frsf 0.75.concordance": 0.75,
            "rules.frsf 0.75.learning_rate": 0.5,
            "schedule.phases.1.steps": 5,
            "record.steps": [],
            "seeds": 4,
        }
    )
    choice = dict(asked.rules)["frsf 0.75"]
    assert (choice.learning_rate, dict(choice.parameters)["concordance"]) == (0.5, 0.75)
    assert asked.network.hidden == (9,)
    assert asked.schedule.steps == 35
    assert asked.seeds == (0, 1, 2, 3)
    replaced = small().with_settings({"rules.frsf 0.75": {"rule": "frsf", "learning_rate": 1}})
    assert replaced.learning_rates == (0.02, 1.0)
    replaced = small().with_settings({"schedule.phases.0": {"steps": 2}, "rules.usf": 0.25})
    assert replaced.schedule.ends == (2, 33)
    assert replaced.rule_labels == ("backprop", "frsf 0.75", "usf")


def test_settings_prefer_the_longest_label():
    rules = {"a": {"rule": "usf", "learning_rate": 1}, "a.b": {"rule": "usf", "learning_rate": 2}}
    asked = small(rules=rules).with_settings({"rules.a.b.scale": 3, "rules.a.scale": 4})
    assert [dict(choice.parameters)["scale"] for _, choice in asked.rules] == [4.0, 3.0]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "networks.hidden",
            r"there is no 'networks' here; did you mean 'network'",
        ),
        ("rules.bakprop.learning_rate", r"there is no 'bakprop' here; did you mean 'backprop'"),
        ("schedule.phases.2.steps", r"there is no '2' here \(known: 0, 1\)"),
        ("schedule.phases.-1", r"there is no '-1' here"),
        ("root_seed.value", r"there is no 'value' here"),
        ("task.imputs", r"task.imputs: unknown key; did you mean 'inputs'"),
        ("seed", r"seed: unknown key; did you mean 'seeds'"),
        ("rules.backprop.rate", r"rules.backprop: unknown parameter of backprop 'rate'"),
        ("", r"unknown key"),
    ],
)
def test_settings_that_do_not_exist(key, message):
    with pytest.raises(InvalidExperimentError, match=message):
        small().with_settings({key: 1})


def _leaves(node, prefix=""):
    """Dotted keys and values; lists of values count as one value."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, f"{prefix}{key}.")
    elif isinstance(node, list) and any(isinstance(entry, dict) for entry in node):
        for index, value in enumerate(node):
            yield from _leaves(value, f"{prefix}{index}.")
    else:
        yield prefix.rstrip("."), node


def test_repr_shows_every_value():
    asked = small()
    shown = repr(asked)
    assert str(asked) == shown
    assert asked.content_hash in shown
    assert "Experiment 'small'" in shown
    for key, value in _leaves(json.loads(asked.to_json())):
        assert key in ("version", "name") or f"  {key}: {value}" in shown.splitlines()


def test_repr_shortens_runs_of_seeds_only():
    assert "seeds: 0 … 19 (20)" in repr(small(seeds=20))
    assert "seeds: [0, 1, 2]" in repr(small(seeds=3))
    assert "seeds: [0, 1, 2, 4]" in repr(small(seeds=[0, 1, 2, 4]))
    assert "seeds: [0, 1, 2, 4294967295]" in repr(small(seeds=[0, 1, 2, 2**32 - 1]))


def test_html_escapes_labels():
    label = "<script>alert('&')</script>"
    shown = small(rules={label: {"rule": "usf", "learning_rate": 0.1}})._repr_html_()
    assert "<script>" not in shown
    assert html.escape(label) in shown
    for key, value in _leaves(json.loads(small().to_json())):
        if key not in ("version", "name"):
            assert f"<td>{html.escape(key)}</td><td>{html.escape(str(value))}</td>" in (
                small()._repr_html_()
            )


def test_parts_show_their_values():
    assert repr(Phase(steps=3, frozen=(1,))) == "Phase(steps=3, frozen=(1,))"
    assert repr(Normal(std=0.5)) == "Normal(distribution='normal', std=0.5)"


def test_derived_sizes_and_steps():
    asked = small()
    assert (asked.sizes, asked.layers) == ((6, 5, 4, 3), 3)
    assert (asked.schedule.steps, asked.schedule.ends) == (61, (30, 61))
    assert asked.snapshot_steps == (0, 9, 17, 30, 61)


def test_derived_shapes_of_convolutions():
    """A 8 x 8 image: ceil(8 / 3) = 3 rows and columns after the first pool, no other pool."""
    asked = convolved()
    assert asked.image_shape == (8, 8, 1)
    assert asked.activity_shapes == [(3, 3, 2), (3, 3, 3), (4,), (10,)]
    assert asked.weight_shapes == [(2, 1, 3, 3), (3, 2, 1, 1), (4, 27), (10, 4)]
    assert (asked.sizes, asked.layers) == ((64, 18, 27, 4, 10), 4)
    assert (small().image_shape, small().network.convolutions) == ((), 0)


def test_every_layer_has_its_rule():
    choice = dict(convolved().rules)["usf, backprop"]
    assert [choice.at(layer, 4).rule for layer in (2, 3, 4)] == ["usf", "frsf", "backprop"]
    assert dict(choice.at(3, 4).parameters)["scale"] == 2.0
    plain = dict(convolved().rules)["rndf"]
    assert all(plain.at(layer, 4) is plain for layer in (2, 3, 4))


def test_presets():
    asked = presets["lillicrap2016/fig2"]
    assert (asked.sizes, asked.network.start.bound) == ((30, 20, 10), 0.01)
    assert dict(asked.rules)["feedback_alignment"].parameters == (("scale", 0.5),)
    assert presets.summary("lillicrap2016/fig2").startswith("Linear function approximation")
    with pytest.raises(FatheoryError, match=r"unknown preset 'fig2'.*lillicrap2016/fig2"):
        presets["fig2"]


def test_arrays_of_numpy_are_read_as_lists_or_refused():
    asked = small()
    for seeds in (np.array([3, 5]), [np.int64(3), np.int32(5)]):
        assert asked.replaced(seeds=seeds).seeds == (3, 5)
    assert asked.replaced(seeds=np.array(2)).seeds == (0, 1)
    for key in ("record", "schedule", "task"):
        for value in (np.array([0, 1]), np.array([0.0, 0.0]), np.array([])):
            with pytest.raises(InvalidExperimentError, match=key):
                asked.replaced(**{key: value})
    with pytest.raises(InvalidExperimentError, match=r"record\.snapshots.*array\(\[1, 2\]\)"):
        asked.with_settings({"record.snapshots": np.array([1, 2])})
