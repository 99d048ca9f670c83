"""Direct feedback alignment: by hand, and where it is feedback alignment."""

from types import SimpleNamespace

import numpy as np

from fatheory import (
    DenseNetwork,
    Experiment,
    Normal,
    Phase,
    Record,
    Schedule,
    TeacherTask,
    simulate,
)
from fatheory.initial import draw_start
from fatheory.rules import make_rule

RULES = ("feedback_alignment", "direct_feedback_alignment")


def asked(hidden):
    return Experiment(
        task=TeacherTask(inputs=4, outputs=3, hidden=(5,)),
        network=DenseNetwork(
            hidden=hidden,
            activation="tanh",
            output="sigmoid",
            start=Normal(std=0.5),
            biases=Normal(std=0.3),
        ),
        rules={rule: {"learning_rate": 0.1, "scale": 0.8} for rule in RULES},
        schedule=Schedule(phases=(Phase(steps=60),), batch_size=3),
        record=Record(quantities=("weights", "teaching_signals"), snapshots=3),
        seeds=(0, 4),
        precision="float64",
    )


def test_errors_reach_every_layer_through_its_own_weights():
    rng = np.random.default_rng(0)
    error, states = rng.normal(size=(6, 2)), (rng.normal(size=(2, 5)), rng.normal(size=(2, 3)))
    trial = SimpleNamespace(
        output_error=error, hidden_shapes=((6, 5), (6, 3)), loss=lambda _: np.zeros(6)
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
    start = draw_start(experiment, 4)
    layered, direct = (start.states[rule] for rule in RULES)
    np.testing.assert_array_equal(direct[0], layered[1])
    run = simulate(experiment)
    one, other = (run.sel(rule=rule) for rule in RULES)
    for name in ("weight_1", "weight_2", "bias_1", "bias_2", "teaching_signal_1", "loss"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-11, atol=1e-13)
    assert float(np.abs(one.weight_1.isel(step=-1) - one.weight_1.isel(step=0)).max()) > 0.05
    np.testing.assert_array_equal(other.direct_feedback_1, one.feedback_2)


def test_every_hidden_layer_has_weights_from_the_output():
    start = draw_start(asked((6, 7, 5)), 0)
    *hidden, top = start.states["direct_feedback_alignment"]
    assert [state.shape for state in hidden] == [(3, 6), (3, 7), (3, 5)]
    assert top is None
    # The layer below the output receives what feedback alignment would bring it.
    np.testing.assert_array_equal(hidden[2], start.states["feedback_alignment"][3])
    assert 0.75 < max(np.abs(state).max() for state in hidden) <= 0.8
