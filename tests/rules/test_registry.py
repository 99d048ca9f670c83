"""Rules by name, and those that other packages register."""

from dataclasses import dataclass, fields
from types import SimpleNamespace

import numpy as np
import pytest
from halved import Halved

from fatheory import DenseNetwork, Experiment, LinearTask, Phase, Schedule, Uniform, simulate
from fatheory.errors import PluginError, PluginWarning, UnknownNameError
from fatheory.rules import (
    RULES,
    DirectRule,
    LayeredRule,
    Rule,
    find_rule,
    known_rules,
    make_rule,
)

NAMES = [
    "backprop",
    "feedback_alignment",
    "shallow",
    "node_perturbation",
    "usf",
    "frsf",
    "brsf",
    "rndf",
    "pseudobackprop",
    "direct_feedback_alignment",
    "kolen_pollack",
    "weight_mirror",
]


class NoTrial:
    hidden_shapes = ()
    output_error = np.zeros((0, 0))
    target = np.zeros((0, 0))

    def loss(self, perturbations):
        return np.zeros(0)


@pytest.fixture
def registered(monkeypatch):
    """Register entry points as an installed package would."""

    def register(*loaded):
        points = [
            SimpleNamespace(name=f"point{i}", value=f"thirdparty:r{i}", load=lambda rule=rule: rule)
            for i, rule in enumerate(loaded)
        ]
        monkeypatch.setattr(
            "fatheory.registry.entry_points",
            lambda group: points if group == "fatheory.rules" else [],
        )
        RULES.forget()

    yield register
    RULES.forget()


def test_built_in_rules():
    assert [name for name in known_rules() if name in NAMES] == NAMES
    for name, rule in known_rules().items():
        assert rule.name == name
        assert rule.summary
        assert rule.source
        assert rule.__doc__
        assert rule.parameters() == {f.name: f.default for f in fields(rule)}
        assert make_rule(name) == rule()
        assert rule.stochastic == (name in ("node_perturbation", "brsf"))
        direct = name == "node_perturbation" or name.startswith("direct_")
        assert issubclass(rule, DirectRule) == direct
        assert rule.adaptive == (name in ("kolen_pollack", "weight_mirror"))


def test_parameters_are_passed_on():
    assert make_rule("frsf", concordance=0.75).concordance == 0.75
    assert find_rule("frsf").parameters() == {"scale": 1.0, "concordance": 1.0}


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown rule 'usff'; did you mean 'usf'"):
        find_rule("usff")
    with pytest.raises(UnknownNameError, match="parameter of rndf 'sdt'; did you mean 'std'"):
        make_rule("rndf", sdt=1)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("feedback_alignment", {"scale": 0}, "positive, finite scale; got 0.0"),
        ("rndf", {"std": np.nan}, "positive, finite std; got nan"),
        ("usf", {"scale": np.inf}, "positive, finite scale; got inf"),
        ("frsf", {"concordance": -0.01}, "concordance between 0 and 1; got -0.01"),
        ("brsf", {"scale": -2}, "positive, finite scale; got -2.0"),
        ("node_perturbation", {"perturbation": 0}, "positive, finite perturbation; got 0.0"),
    ],
)
def test_parameters_out_of_range(name, parameters, message):
    with pytest.raises(ValueError, match=f"{name} needs .*{message}"):
        make_rule(name, **parameters)


def test_a_third_party_rule_is_a_rule(registered):
    registered(Halved)
    assert list(known_rules())[-1] == "halved"
    assert find_rule("halved") is Halved
    asked = Experiment(
        task=LinearTask(inputs=4, outputs=2),
        network=DenseNetwork(hidden=(3,), start=Uniform(bound=0.3)),
        rules={
            "backprop": 0.05,
            "halved": 0.05,
            "whole": {"rule": "halved", "learning_rate": 0.05, "share": 1},
        },
        schedule=Schedule(phases=(Phase(steps=60),)),
        precision="float64",
    )
    run = simulate(asked)
    assert float(run.loss.sel(rule="halved", step=60)[0]) < 0.5 * float(run.loss[0, 0, 0])
    whole, backprop = run.weight_1.sel(rule="whole"), run.weight_1.sel(rule="backprop")
    np.testing.assert_allclose(whole, backprop, rtol=1e-12)
    assert np.abs(run.weight_1.sel(rule="halved") - backprop).max() > 1e-3


def test_an_entry_point_that_is_no_rule(registered):
    for part in (dict, lambda: Rule):
        registered(part)
        message = "entry point 'point0' of thirdparty is no rule .*not a subclass of fatheory.rules"
        with pytest.warns(PluginWarning, match=message):
            assert "point0" not in known_rules()
        with pytest.raises(PluginError, match=message):
            find_rule("point0")
        assert find_rule("usf").name == "usf"


def test_an_entry_point_that_takes_a_name(registered):
    @dataclass(frozen=True)
    class Usurper(Halved):
        name = "backprop"

    registered(Usurper)
    with pytest.warns(PluginWarning, match="thirdparty brings a rule 'backprop', a name that fath"):
        assert known_rules()["backprop"] is find_rule("backprop")
    assert find_rule("backprop") is not Usurper

    @dataclass(frozen=True)
    class Second(Halved):
        pass

    registered(Halved, Second)
    with pytest.warns(PluginWarning, match="a rule 'halved', a name that thirdparty has already"):
        assert known_rules()["halved"] is Halved


def test_a_rule_that_defines_nothing_says_so():
    with pytest.raises(NotImplementedError, match="layered rule defines backward_weights"):
        LayeredRule.backward_weights(np.eye(2), None)
    with pytest.raises(NotImplementedError, match="direct rule defines teaching_signals"):
        DirectRule().teaching_signals(NoTrial(), (), np.random.default_rng(0))
