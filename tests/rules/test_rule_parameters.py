"""Parameters of rules: numbers, whole numbers, words and matrices, from JSON and back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import InvalidExperimentError, PluginError, UnknownNameError
from fatheory.rules import RULES, FixedFeedback, Matrix, make_rule, register


@dataclass(frozen=True)
class Every(FixedFeedback):
    """A rule with a parameter of every kind."""

    name, summary, source = "every", "all kinds of parameters", "this test"
    size: float = 1
    count: int = 3
    word: str = "none"
    kind: Literal["tall", "wide"] = "tall"
    table: Matrix = ()

    def draw(self, sampler, shape):
        return self.size * sampler.normal(0.0, 1.0, shape)


@pytest.fixture(autouse=True)
def registered():
    register(Every)
    yield
    RULES.forget()


def asked(**parameters):
    return fa.Experiment(
        task=fa.LinearTask(inputs=3, outputs=2),
        network=fa.DenseNetwork(hidden=(3,)),
        rules={"one": {"rule": "every", "learning_rate": 0.1} | parameters},
        schedule=fa.Schedule(phases=(fa.Phase(steps=2),)),
    )


def test_defaults_are_of_their_kinds():
    assert Every.parameters() == {
        "size": 1.0,
        "count": 3,
        "word": "none",
        "kind": "tall",
        "table": (),
    }
    assert type(Every.parameters()["size"]) is float
    assert type(Every.parameters()["count"]) is int


def test_all_kinds_survive_json_and_reach_the_rule():
    given = {"count": np.int64(5), "word": "ü", "kind": "wide", "table": np.eye(2)}
    experiment = asked(size=2, **given)
    rule = experiment.rules[0][1].make()
    assert rule == Every(2.0, 5, "ü", "wide", ((1.0, 0.0), (0.0, 1.0)))
    again = fa.Experiment.from_json(experiment.to_json())
    assert again == experiment
    assert again.content_hash == experiment.content_hash
    changes = [{"count": 4}, {"word": ""}, {"kind": "wide"}, {"table": [[0]]}, {}]
    assert len({asked(**change).content_hash for change in changes}) == 5


def test_settings_and_the_rules_own_constructor_take_them():
    changed = asked().with_settings({"rules.one.kind": "wide", "rules.one.count": 7})
    assert changed == asked(kind="wide", count=7)
    assert make_rule("every", kind="wide").kind == "wide"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 2.0}, "count must be a whole number; got 2.0"),
        ({"count": True}, "count must be a whole number; got True"),
        ({"size": "1"}, "size must be a number; got '1'"),
        ({"word": 3}, "word must be text; got 3"),
        ({"kind": "flat"}, "kind must be one of 'tall', 'wide'; got 'flat'"),
        ({"kind": ["tall"]}, "kind must be one of 'tall', 'wide'; got"),
        ({"table": [[1, 2], [3]]}, "table must be a matrix: its rows have different lengths"),
        ({"table": [["a"]]}, "table must be a number; got 'a'"),
        ({"table": 3}, "table must be a matrix of numbers; got 3"),
        ({"table": "ab"}, "table must be a matrix of numbers; got 'ab'"),
        ({"table": [[float("nan")]]}, "table must be a matrix of finite numbers"),
    ],
)
def test_other_kinds_are_refused_by_name(given, message):
    with pytest.raises(InvalidExperimentError) as caught:
        asked(**given)
    assert message in str(caught.value)


def test_names_that_every_choice_has_cannot_be_parameters():
    @dataclass(frozen=True)
    class Taken(FixedFeedback):
        name, summary, source = "taken", "", ""
        slopes: float = 1.0

    with pytest.raises(PluginError, match="of names that every rule has already: slopes"):
        register(Taken)


def test_a_parameter_of_an_unknown_kind_is_refused_when_the_rule_is_registered():
    @dataclass(frozen=True)
    class Odd(FixedFeedback):
        name, summary, source = "odd", "", ""
        size: complex = 1j

    with pytest.raises(PluginError, match="size of the rule 'odd' must be annotated as float"):
        register(Odd)
    with pytest.raises(UnknownNameError):
        make_rule("odd")
