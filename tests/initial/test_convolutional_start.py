"""What a seed of a convolutional network starts from."""

import numpy as np

from fatheory import Experiment
from fatheory.initial import coordinates, draw_initial_state, drawn_variables
from fatheory.initial.streams import stream
from fatheory.rules import make_rule, with_concordance

SHAPES = [(3, 1, 3, 3), (4, 3, 5, 5), (6, 16), (10, 6)]


def asked(rules=None, **own):
    return Experiment(
        task={"kind": "images", "dataset": "synthetic-digits", "evaluation_limit": 20},
        network={
            "kind": "convolutional",
            "blocks": [{"channels": 3, "kernel": 3}, {"channels": 4}],
            "hidden": [6],
            "biases": {"distribution": "normal", "std": 0.5},
        }
        | own,
        rules=rules or {"backprop": 0.1, "rndf": 0.1},
        schedule={"phases": [{"steps": 4}], "batch_size": 4},
        root_seed=5,
    )


def test_weights_biases_and_feedback_have_the_shapes_of_their_layers():
    start = draw_initial_state(asked(rules={"rndf": 0.1, "direct_feedback_alignment": 0.1}), 2)
    assert [W.shape for W in start.weights] == SHAPES
    assert [b.shape for b in start.biases] == [(3,), (4,), (6,), (10,)]
    assert start.states["rndf"][0] is None
    assert [V.shape for V in start.states["rndf"][1:]] == SHAPES[1:]
    direct = start.states["direct_feedback_alignment"]
    assert [B.shape for B in direct[:-1]] == [(10, 48), (10, 16), (10, 6)]
    assert direct[-1] is None


def test_weights_have_the_law_of_their_fan():
    """He's: variance 2 / (channels below x rows x columns of the kernel)."""
    wide = asked(blocks=[{"channels": 60, "kernel": 3}, {"channels": 70, "kernel": 5}])
    _, W, *_ = draw_initial_state(wide, 0).weights
    assert W.shape == (70, 60, 5, 5)
    assert abs(W.std() / np.sqrt(2 / (60 * 25)) - 1) < 4 / np.sqrt(2 * W.size)


def test_normalised_layers_have_no_biases_and_take_none_from_the_others():
    plain, normalised = (
        draw_initial_state(asked(), 1),
        draw_initial_state(asked(normalization={}), 1),
    )
    assert normalised.biases[:-1] == (None, None, None)
    np.testing.assert_array_equal(normalised.biases[-1], plain.biases[-1])
    assert draw_initial_state(asked(normalization={}, biases=None), 1).biases == ()
    for a, b in zip(plain.weights, normalised.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_signs_are_set_by_a_stream_of_their_own():
    rules = {
        "plain": {"rule": "rndf", "learning_rate": 0.1},
        "signed": {"rule": "rndf", "learning_rate": 0.1, "initial_concordance": 0.75},
    }
    start = draw_initial_state(asked(rules), 2)
    pairs = zip(start.states["plain"], start.states["signed"], start.weights, strict=True)
    for layer, (plain, signed, W) in enumerate(pairs, start=1):
        if plain is not None:
            signs = stream(5, 2, "concordance", layer)
            np.testing.assert_array_equal(signed, with_concordance(plain, W, 0.75, signs))
            np.testing.assert_array_equal(np.abs(signed), np.abs(plain))


def test_every_layer_draws_by_its_own_rule():
    rules = {
        "mixed": {
            "rule": "usf",
            "learning_rate": 0.1,
            "layers": {
                "2": {"rule": "rndf", "initial_concordance": 1.0},
                "last": {"rule": "backprop"},
            },
        },
        "rndf": 0.1,
    }
    start = draw_initial_state(asked(rules), 0)
    first, second, third, last = start.states["mixed"]
    assert first is None
    assert last is None
    np.testing.assert_array_equal(np.sign(second), np.sign(start.weights[1]))
    np.testing.assert_array_equal(np.abs(second), np.abs(start.states["rndf"][1]))
    np.testing.assert_array_equal(third, np.ones(SHAPES[2]))


def test_feedback_is_that_of_the_layers_stream():
    start = draw_initial_state(asked({"frsf": 0.1}), 3)
    for layer, shape in enumerate(SHAPES[1:], start=2):
        expected = make_rule("frsf").draw(stream(5, 3, "feedback", layer), shape)
        np.testing.assert_array_equal(start.states["frsf"][layer - 1], expected)


def test_archives_name_kernels_and_weigh_steps():
    experiment = asked()
    starts = [draw_initial_state(experiment, seed) for seed in (0, 1)]
    drawn = drawn_variables(experiment, starts[:1])
    assert {"feedback_kernel_2", "feedback_3", "feedback_4"} <= set(drawn)
    V = starts[0].states["rndf"]
    np.testing.assert_array_equal(drawn["feedback_kernel_2"][1, 0], V[1])
    np.testing.assert_array_equal(drawn["feedback_3"][1, 0], V[2].T)
    assert np.isnan(drawn["feedback_kernel_2"][0]).all()
    factors = np.array([1.0, 0.5, 0.25, 0.25])
    found = coordinates(experiment, factors)
    assert found["step"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(found["weighted_step"], [0, 1, 1.5, 1.75, 2])
    np.testing.assert_allclose(found["time"], 0.1 * np.tile(found["weighted_step"], (2, 1)))
    plain = coordinates(experiment)
    assert "weighted_step" not in plain
    np.testing.assert_allclose(plain["time"], 0.1 * np.tile(plain["step"], (2, 1)))
