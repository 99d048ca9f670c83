"""Rules of one's own that do not keep the contract: one message that names rule and package."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import PluginError, PluginWarning
from fatheory.figures.style import NO_COLOUR, rule_colour
from fatheory.rules import RULES, DirectRule, LayeredRule, register


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    RULES.forget()


def asked(rules, **changes):
    parts = {
        "task": fa.LinearTask(inputs=3, outputs=2),
        "network": fa.DenseNetwork(hidden=(4,), start=fa.Uniform(bound=0.5)),
        "rules": rules,
        "schedule": fa.Schedule(phases=(fa.Phase(steps=3),)),
        "record": fa.Record(snapshots=2, probe_samples=5),
        "precision": "float64",
    }
    return fa.Experiment(**(parts | changes))


@dataclass(frozen=True)
class Crooked(LayeredRule):
    name, summary, source = "crooked", "a rule at fault", "this test"
    drawn: float = 1.0

    def draw(self, sampler, shape):
        if self.drawn > 1:
            raise OSError("no feedback today")
        return sampler.normal(size=shape)


FAULTS = {
    "broadcast": (lambda W, state: W[:1], r"shape \(1, 4\), where the shape \(2, 4\) is"),
    "transposed": (lambda W, state: W.T, r"shape \(4, 2\), where the shape \(2, 4\) is"),
    "a number": (lambda W, state: 1.0, "as float, where an array"),
    "complex": (lambda W, state: W * 1j, "as complex128, where real numbers"),
    "NaN": (lambda W, state: W * float("nan"), "entries that are not finite"),
    "infinite": (lambda W, state: W + float("inf"), "entries that are not finite"),
    "raises": (lambda W, state: 1 / 0, "fails in backward_weights: ZeroDivisionError"),
}


@pytest.mark.parametrize("source", ["simulate", "flow"])
@pytest.mark.parametrize("fault", FAULTS)
def test_backward_weights_at_fault_are_told(fault, source):
    function, message = FAULTS[fault]

    @register
    @dataclass(frozen=True)
    class Bad(Crooked):
        name = "bad"
        backward_weights = staticmethod(function)

    whole = rf"the rule 'bad' of test_own_rules.*{message}.*backward_weights\(W, state\) must"
    experiment = asked({"bad": 0.1})
    ask = partial(fa.simulate, progress=False) if source == "simulate" else fa.solve
    with pytest.raises(PluginError, match=whole):
        ask(experiment)


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        (lambda trial: (), "as 0, where 1 arrays"),
        (lambda trial: (trial.output_error,), r"layer 1 with shape \(\d+, 2\), where the shape"),
        (lambda trial: None, "as NoneType"),
        (lambda trial: trial.nothing, "fails in teaching_signals: AttributeError"),
    ],
)
def test_teaching_signals_at_fault_are_told(signals, message):
    @register
    @dataclass(frozen=True)
    class Bad(DirectRule):
        name, summary, source = "bad", "a rule at fault", "this test"

        def teaching_signals(self, trial, states, sampler):
            return signals(trial)

    with pytest.raises(PluginError, match=f"the rule 'bad' of .*{message}"):
        fa.simulate(asked({"bad": 0.1}), progress=False)


def test_a_rule_that_cannot_be_drawn_fails_its_cells_alone(tmp_path):
    @register
    @dataclass(frozen=True)
    class Fixed(Crooked):
        name = "fixed"

        @staticmethod
        def backward_weights(W, state):
            return state

    sweep = fa.Sweep(experiment=asked({"fixed": 0.1}), axes={"rules.fixed.drawn": [1.0, 2.0]})
    found = sweep.run(tmp_path / "sweep", progress=False)
    assert found["status"].values.tolist() == [1, 3]
    told = str(found["error"].values[1])
    assert "the rule 'fixed' of" in told
    assert "fails in draw: OSError: no feedback today" in told
    alone = fa.simulate(asked({"fixed": 0.1}), progress=False)
    np.testing.assert_array_equal(found["loss"][0], alone["loss"])


def test_a_class_that_loses_its_parameters_is_refused():
    class Lossy(Crooked):
        name = "lossy"
        share: float = 0.5

    with pytest.raises(PluginError, match=r"no dataclass and loses share: write @dataclass"):
        register(Lossy)

    @register
    @dataclass(frozen=True)
    class Kept(Crooked):
        name = "kept"
        share: float = field(default=0.5)

    assert RULES.find("kept") is Kept


@pytest.mark.parametrize(("colour", "seen"), [("red", "#FF0000"), ("nonsense", NO_COLOUR)])
def test_colours_are_those_that_matplotlib_knows(colour, seen):
    @register
    @dataclass(frozen=True)
    class Painted(Crooked):
        name = "painted"

    Painted.colour = colour
    if seen == NO_COLOUR:
        with pytest.warns(PluginWarning, match="'painted' of .* 'nonsense', which Matplotlib"):
            assert rule_colour("painted") == seen
    else:
        assert rule_colour("painted") == seen
