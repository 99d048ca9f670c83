"""Direct feedback alignment: by hand, and where it is feedback alignment."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from fatheory import (
    DenseNetwork,
    Experiment,
    Normal,
    Phase,
    Record,
    Schedule,
    Sparsity,
    TeacherTask,
    simulate,
)
from fatheory.errors import PluginError
from fatheory.initial import draw_initial_state
from fatheory.rules import RULES as RULE_REGISTRY
from fatheory.rules import DirectRule, make_rule, register

NOTHING_MISSING = Sparsity()
RULES = ("feedback_alignment", "direct_feedback_alignment")


SHARED = {"forward": 0.5, "feedback": 0.5, "shared": True}


def asked(hidden, rules=None, sparsity=NOTHING_MISSING):
    return Experiment(
        task=TeacherTask(inputs=4, outputs=3, hidden=(5,)),
        network=DenseNetwork(
            hidden=hidden,
            activation="tanh",
            output="sigmoid",
            start=Normal(std=0.5),
            biases=Normal(std=0.3),
            sparsity=sparsity,
        ),
        rules=rules or {rule: {"learning_rate": 0.1, "scale": 0.8} for rule in RULES},
        schedule=Schedule(phases=(Phase(steps=60),), batch_size=3),
        record=Record(quantities=("weights", "teaching_signals"), snapshots=3),
        seeds=(0, 4),
        precision="float64",
    )


def test_errors_reach_every_layer_through_its_own_weights():
    rng = np.random.default_rng(0)
    error, states = rng.normal(size=(6, 2)), (rng.normal(size=(2, 5)), rng.normal(size=(2, 3)))
    trial = SimpleNamespace(
        output_error=error,
        target=np.full((6, 2), np.nan),
        hidden_shapes=((6, 5), (6, 3)),
        loss=lambda _: np.zeros(6),
    )
    rule = make_rule("direct_feedback_alignment")
    found = rule.teaching_signals(trial, states, np.random.default_rng(1))
    assert [delta.shape for delta in found] == [(6, 5), (6, 3)]
    for delta, state in zip(found, states, strict=True):
        for s, j in np.ndindex(delta.shape):
            expected = sum(state[k, j] * error[s, k] for k in range(2))
            np.testing.assert_allclose(delta[s, j], expected, rtol=1e-14)


def test_with_two_layers_it_is_feedback_alignment():
    """The same draws, the same teaching signals, the same weights."""
    experiment = asked((6,))
    start = draw_initial_state(experiment, 4)
    layered, direct = (start.states[rule] for rule in RULES)
    np.testing.assert_array_equal(direct[0], layered[1])
    run = simulate(experiment)
    one, other = (run.sel(rule=rule) for rule in RULES)
    for name in ("weight_1", "weight_2", "bias_1", "bias_2", "teaching_signal_1", "loss"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-11, atol=1e-13)
    assert float(np.abs(one.weight_1.isel(step=-1) - one.weight_1.isel(step=0)).max()) > 0.05
    np.testing.assert_array_equal(other.direct_feedback_1, one.feedback_2)


@pytest.mark.parametrize("sparsity", [{"feedback": 0.9}, {"feedback": 0.5, "forward": 0.3}, SHARED])
def test_with_two_layers_they_lack_the_same_connections(sparsity):
    experiment = asked((20,), sparsity=Sparsity(**sparsity))
    layered, direct = (draw_initial_state(experiment, 4).states[rule] for rule in RULES)
    np.testing.assert_array_equal(direct[0], layered[1])
    assert np.sum(direct[0] == 0) == round(sparsity["feedback"] * 60)
    run = simulate(experiment)
    one, other = (run.sel(rule=rule) for rule in RULES)
    for name in ("weight_1", "weight_2", "loss"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("sparsity", "missing"),
    [
        pytest.param({"feedback": 0.5}, (0.5, 0.5), marks=pytest.mark.slow),
        ({"feedback": 0.5, "layers": (2,)}, (0.5, 0)),
        pytest.param({"feedback": 0.5, "layers": (3,)}, (0, 0.5), marks=pytest.mark.slow),
        (SHARED, (0.5, 0.5)),
        pytest.param({"forward": 0.5}, (0, 0), marks=pytest.mark.slow),
    ],
)
def test_every_direct_rule_lacks_what_is_asked(sparsity, missing):
    """Also one that is not ours."""

    @dataclass(frozen=True)
    class Broadcast(DirectRule):
        name, summary, source = "broadcast", "the error of the first output to all", "this test"

        def draw(self, sampler, shape):
            return np.ones(shape)

        def teaching_signals(self, trial, states, sampler):
            return tuple(trial.output_error[:, :1] * state[:1] for state in states)

    register(Broadcast)
    try:
        rules = {"direct_feedback_alignment": 0.1, "broadcast": 0.1}
        experiment = asked((20, 10), rules=rules, sparsity=Sparsity(**sparsity))
        start = draw_initial_state(experiment, 0)
        for states in start.states.values():
            assert tuple(float(np.mean(state == 0)) for state in states[:-1]) == missing
        archive = simulate(experiment)
        found = archive.direct_feedback_1.sel(rule="broadcast", seed=0)
        np.testing.assert_array_equal(found, start.states["broadcast"][0].T)
    finally:
        RULE_REGISTRY.forget()


def test_feedback_of_another_shape_is_refused_by_name():
    @dataclass(frozen=True)
    class Crooked(DirectRule):
        name, summary, source = "crooked", "", ""

        def draw(self, sampler, shape):
            return np.ones(shape[::-1])

        def teaching_signals(self, trial, states, sampler):
            return tuple(trial.output_error @ state for state in states)

    register(Crooked)
    try:
        with pytest.raises(PluginError, match=r"'crooked' of .*shape \(6, 3\).* shape \(3, 6\)"):
            draw_initial_state(asked((6,), rules={"crooked": 0.1}), 0)
    finally:
        RULE_REGISTRY.forget()


def test_every_hidden_layer_has_weights_from_the_output():
    start = draw_initial_state(asked((6, 7, 5)), 0)
    *hidden, top = start.states["direct_feedback_alignment"]
    assert [state.shape for state in hidden] == [(3, 6), (3, 7), (3, 5)]
    assert top is None
    # The layer below the output receives what feedback alignment would bring it.
    np.testing.assert_array_equal(hidden[2], start.states["feedback_alignment"][3])
    assert 0.75 < max(np.abs(state).max() for state in hidden) <= 0.8
