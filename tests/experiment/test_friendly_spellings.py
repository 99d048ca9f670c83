"""Short spellings mean what the long ones mean; near misses are named; signatures read."""

import inspect
from typing import get_args

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import InvalidExperimentError, UnknownNameError
from fatheory.experiment.description import Description


@pytest.fixture(scope="module")
def asked():
    return fa.presets["lillicrap2016/fig2"]


@pytest.mark.parametrize("width", [20, np.int64(20), [20], (20,)])
def test_one_hidden_layer_is_a_number(width):
    for kind in (fa.DenseNetwork, fa.SpikingNetwork, fa.ConvolutionalNetwork):
        more = {"blocks": [fa.Block(channels=3)]} if kind is fa.ConvolutionalNetwork else {}
        assert kind(hidden=width, **more).hidden == (20,)


def test_a_number_can_be_set(asked):
    short = asked.with_settings({"network.hidden": 7})
    assert short == asked.with_settings({"network.hidden": [7]})
    assert short.content_hash == asked.with_settings({"network.hidden": [7]}).content_hash


@pytest.mark.parametrize("width", [0, -3, 2.5, True, "20", None])
def test_other_widths_are_refused(width):
    with pytest.raises(InvalidExperimentError, match="hidden"):
        fa.DenseNetwork(hidden=width)


def test_a_schedule_of_one_phase_is_its_steps(asked):
    short, long = fa.Schedule(steps=2000), fa.Schedule(phases=(fa.Phase(steps=2000),))
    assert short == long
    assert short.steps == 2000
    assert fa.Schedule(steps=5, batch_size=3).batch_size == 3
    assert asked.replaced(schedule={"steps": 9}).schedule.ends == (9,)
    assert fa.Experiment.from_json(asked.replaced(schedule=short).to_json()).schedule == short


def test_steps_and_phases_are_not_given_both():
    with pytest.raises(InvalidExperimentError, match="give steps or phases"):
        fa.Schedule(steps=3, phases=(fa.Phase(steps=3),))
    with pytest.raises(InvalidExperimentError, match=r"phases\.0\.steps.*got 0"):
        fa.Schedule(steps=0)


def test_rules_are_found_by_label_and_stay_a_sequence_of_pairs(asked):
    assert asked.rules["backprop"].learning_rate == 0.013
    assert asked.rules[0] == ("shallow", asked.rules["shallow"])
    assert dict(asked.rules)["backprop"] is asked.rules["backprop"]
    assert len(asked.rules[:2]) == 2
    with pytest.raises(UnknownNameError, match="unknown rule 'bakprop'; did you mean 'backprop'"):
        asked.rules["bakprop"]
    assert asked == fa.Experiment.from_json(asked.to_json())
    assert asked.replaced(seeds=2).rules["backprop"] == asked.rules["backprop"]


def test_axes_of_sweeps_are_found_by_name(asked):
    sweep = fa.Sweep(experiment=asked, axes={"root_seed": [1, 2]})
    assert sweep.axes["root_seed"].values == (1, 2)
    with pytest.raises(UnknownNameError, match="unknown axis 'width'"):
        sweep.axes["width"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("rules.backprop.lr", "learning_rate"),
        ("rules.bakprop.learning_rate", "backprop"),
        ("netwrok.hidden", "network"),
        ("network.width", "hidden"),
        ("network.start.bond", "bound"),
        ("schedule.batch", "batch_size"),
        ("schedule.step", "steps"),
        ("update.wd", "weight_decay"),
        ("record.snapshot", "snapshots"),
    ],
)
def test_near_misses_are_named(asked, key, meant):
    with pytest.raises(InvalidExperimentError, match=f"did you mean '{meant}'"):
        asked.with_settings({key: 3})


@pytest.mark.parametrize("rules", [["backprop"], "backprop", [("backprop", 0.1, 2)], 0.1])
def test_rules_without_rates_are_told_what_rules_are(asked, rules):
    with pytest.raises(InvalidExperimentError, match=r"rules: must be a mapping from names"):
        asked.replaced(rules=rules)


def test_a_word_where_a_list_is_due_is_told_how_to_write_it(asked):
    with pytest.raises(InvalidExperimentError, match=r"got 'weights': write \['weights'\]"):
        asked.with_settings({"record.quantities": "weights"})
    with pytest.raises(InvalidExperimentError, match=r"valid tuple; got 3$"):
        asked.with_settings({"record.quantities": 3})


def test_a_schedule_of_nothing_names_both_ways_to_give_one():
    with pytest.raises(InvalidExperimentError, match=r"phases: is required.*give it, or steps"):
        fa.Schedule(batch_size=2)


def test_an_axis_over_rules_that_lack_the_key_says_what_the_star_is(asked):
    with pytest.raises(InvalidExperimentError, match=r"every entry, in 'rules\.\*\.scale': name"):
        fa.Sweep(experiment=asked, axes={"rules.*.scale": [0.1, 0.2]})


def described():
    """All kinds of descriptions that the package names."""
    found = [value for name in fa.__all__ if isinstance(value := getattr(fa, name), type)]
    return [kind for kind in found if issubclass(kind, Description)]


@pytest.mark.parametrize("kind", described(), ids=lambda kind: kind.__name__)
def test_signatures_name_all_fields_in_words(kind):
    signature = inspect.signature(kind)
    if kind.__init__ is not Description.__init__:
        _, *own = inspect.signature(kind.__init__).parameters
        assert list(signature.parameters) == own
        return
    # What only says which class it is has one value.
    fields = {n for n, field in kind.model_fields.items() if len(get_args(field.annotation)) != 1
              or not isinstance(field.default, str)}  # fmt: skip
    assert set(signature.parameters) == fields
    for parameter in signature.parameters.values():
        words = repr(parameter.annotation)
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
        assert "Annotated" not in words
        assert "Validator" not in words


def test_a_signature_says_what_the_documentation_says():
    text = str(inspect.signature(fa.DenseNetwork))
    assert text.startswith("(*, hidden: int or tuple of int, activation: str = 'linear'")
    assert "start: Uniform, Normal or Scaled = Uniform(bound=0.01)" in text
