"""Rules of one's own that do not keep the contract: one message that names rule and package."""

from dataclasses import InitVar, dataclass, field
from functools import partial

import numpy as np
import pytest

import fatheory as fa
from fatheory.arrays import namespace
from fatheory.errors import DivergedWarning, PluginError, PluginWarning
from fatheory.figures.style import NO_COLOUR, rule_colour
from fatheory.rules import RULES, DirectRule, LayeredRule, as_rule, find_rule, register
from fatheory.rules.drawing import PassedTrial, passed_signals
from fatheory.rules.guard import guard


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

    @staticmethod
    def backward_weights(W, state):
        return W


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


def direct(signals, draw=None, **declared):
    """Register a direct rule called bad, of functions, and return it."""

    def drawn(self, sampler, shape):
        return None if draw is None else draw(sampler, shape)

    def teaching_signals(self, trial, states, sampler):
        return signals(trial, states, sampler)

    body = {"name": "bad", "summary": "a rule at fault", "source": "this test", **declared}
    own = {"draw": drawn, "teaching_signals": teaching_signals, "__module__": __name__}
    return register(dataclass(frozen=True)(type("Bad", (DirectRule,), body | own)))


def sent(trial, states, sampler):
    """Feedback that is drawn at every step."""
    B = sampler.normal(0.0, 1.0, (2, 4))
    return (trial.output_error @ B,)


def perturbed(trial, states, sampler):
    """One and the same perturbation at every step, without a random number."""
    xi = namespace(trial.output_error).ones(trial.hidden_shapes[0])
    still = namespace(xi).zeros_like(xi)
    return ((trial.loss((still,)) - trial.loss((xi,)))[..., None] * xi,)


UNMARKED = {
    "draws": (sent, "asks for random numbers"),
    "perturbs": (perturbed, r"asks for the loss of perturbed activities \(trial.loss\)"),
}


@pytest.mark.parametrize("fault", UNMARKED)
def test_a_direct_rule_that_draws_and_is_not_marked_says_how_to_mark_it(fault):
    signals, told = UNMARKED[fault]
    message = rf"the rule 'bad' of {__name__}.* {told} in .*set stochastic = True"
    direct(signals)
    experiment = asked({"bad": 0.01}, record=fa.Record(snapshots=2, quantities=("weights",)))
    run = fa.simulate(experiment, progress=False)
    with pytest.raises(PluginError, match=message):
        fa.metrics.angle(run, "delta")
    with pytest.raises(PluginError, match=message):
        passed_signals(find_rule("bad")(), PassedTrial(((5, 4),), np.ones((5, 2)), np.ones(2)), ())
    # Marked, it is known to have no signals that follow from an archive.
    direct(signals, stochastic=True)
    found = fa.metrics.angle(run, "delta")
    assert np.isnan(found.sel(layer=1)).all()
    assert "drawn anew at every update" in found.attrs["comment"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["layered", "direct"])
def test_drawn_feedback_that_is_not_finite_is_refused(kind, value):
    def draw(sampler, shape):
        B = sampler.normal(size=shape)
        B[1, 2] = value
        return B

    if kind == "direct":
        direct(lambda trial, states, sampler: (trial.output_error @ states[0],), draw)
    else:

        @register
        @dataclass(frozen=True)
        class Bad(Crooked):
            name = "bad"
            backward_weights = staticmethod(lambda W, state: state)

        Bad.draw = lambda self, sampler, shape: draw(sampler, shape)
        guard(Bad)

    message = rf"'bad' of .* drew feedback of which 1 of 8 entries are not finite \({value} at "
    with pytest.raises(PluginError, match=message + r"\[1, 2\]\).* must return finite numbers"):
        fa.simulate(asked({"bad": 0.1}), progress=False)


LOST = {
    "NaN": lambda trial, states, sampler: (trial.output_error @ np.full((2, 4), np.nan),),
    "infinite": lambda trial, states, sampler: (trial.output_error @ np.ones((2, 4)) * np.inf,),
}


@pytest.mark.parametrize("fault", LOST)
def test_signals_that_are_not_finite_at_the_start_are_no_divergence(fault, recwarn):
    direct(LOST[fault])
    message = (
        r"the rule 'bad' of .* signals of layer 1 that are not finite before the first "
        r"update, in 2 of 2 runs"
    )
    with pytest.raises(PluginError, match=message):
        fa.simulate(asked({"backprop": 0.1, "bad": 0.1}, seeds=2), progress=False)
    assert not recwarn.list
    # Read of an archive of finite errors, too.
    error = np.ones((5, 2))
    with pytest.raises(PluginError, match="layer 1 with entries that are not finite, for errors"):
        passed_signals(find_rule("bad")(), PassedTrial(((5, 4),), error, error), ())


def test_a_rule_of_finite_signals_that_diverges_is_announced_as_diverged():
    direct(lambda trial, states, sampler: (-1e30 * trial.output_error @ np.ones((2, 4)),))
    with pytest.warns(DivergedWarning):
        run = fa.simulate(asked({"bad": 1e30}), progress=False)
    assert run.diverged.all()


def test_rules_that_say_nothing_of_what_layers_learn_from_are_refused():
    class Bare(DirectRule):
        name, summary, source = "bare", "a rule at fault", "this test"

    class Plain(LayeredRule):
        name, summary, source = "plain", "a rule at fault", "this test"

    for rule, method in ((Bare, "teaching_signals"), (Plain, "backward_weights")):
        with pytest.raises(PluginError, match=f"{__name__} .* defines no {method}, from which"):
            register(dataclass(frozen=True)(rule))
        with pytest.raises(PluginError, match=f"rule {rule.name!r} of .* defines no {method}"):
            as_rule(rule())


def test_init_vars_and_missing_summaries_are_refused_and_empty_ones_are_not():
    @dataclass(frozen=True)
    class Passing(Crooked):
        name = "passing"
        share: InitVar[float] = 0.5

    with pytest.raises(PluginError, match=r"has share as InitVar.*: make it a field"):
        register(Passing)

    class Mute(LayeredRule):
        name, source = "mute", "this test"
        backward_weights = staticmethod(lambda W, state: W)

    with pytest.raises(PluginError, match=r"has no summary, which is text; got None"):
        register(Mute)
    Mute.summary = ""
    assert register(Mute) is RULES.find("mute")
