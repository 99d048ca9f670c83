"""What a seed starts from: laws, shapes, and which change moves which number."""

import numpy as np
import pytest

from fatheory import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Normal,
    Phase,
    Record,
    Schedule,
    Uniform,
)
from fatheory.initial import coordinates, draw_initial_state, drawn_variables

PINNED = [
    0.8906330580285924,
    0.32397609888407575,
    -0.043812978848934536,
    0.10644334650945203,
    0.39235755303254005,
]


def asked(rules=("backprop", "feedback_alignment"), hidden=(5, 4), task=None, **others):
    return Experiment(
        task=LinearTask(**{"inputs": 6, "outputs": 3} | (task or {})),
        network=DenseNetwork(hidden=hidden, start=Uniform(bound=0.2)),
        rules=dict.fromkeys(rules, 0.1) if isinstance(rules, tuple) else rules,
        schedule=Schedule(phases=(Phase(steps=10),)),
        **others,
    )


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_shapes_and_laws():
    start = draw_initial_state(asked(hidden=(200, 300)), 0)
    assert [W.shape for W in start.weights] == [(200, 6), (300, 200), (3, 300)]
    for W in start.weights:
        assert -0.2 <= W.min() < -0.19
        assert 0.19 < W.max() <= 0.2
        assert abs(W.std() - 0.2 / np.sqrt(3)) < 0.01
    assert start.T.shape == (3, 6)
    assert np.abs(start.T).max() <= 1
    np.testing.assert_array_equal(start.Sigma, np.eye(6))
    assert start.samples is None


def test_a_start_is_drawn_once_and_for_all():
    one, two = draw_initial_state(asked(), 3), draw_initial_state(asked(), 3)
    assert same(one.weights, two.weights)
    assert same((one.T, one.probe.inputs), (two.T, two.probe.inputs))


def test_numbers_are_pinned():
    start = draw_initial_state(asked(), 1)
    drawn = [start.T, start.probe.inputs, start.weights[0], start.weights[2]]
    drawn.append(start.states["feedback_alignment"][1])
    np.testing.assert_allclose([array[0, 0] for array in drawn], PINNED, rtol=1e-12)


def test_seeds_and_roots_differ():
    base = draw_initial_state(asked(), 0)
    for other in (draw_initial_state(asked(), 1), draw_initial_state(asked(root_seed=1), 0)):
        assert not np.isin(base.T, other.T).any()
        assert not np.isin(base.probe.inputs, other.probe.inputs).any()
        for a, b in zip(base.weights, other.weights, strict=True):
            assert not np.isin(a, b).any()


def test_a_new_consumer_shifts_no_number():
    base = draw_initial_state(asked(), 0)
    more_rules = draw_initial_state(
        asked(("usf", "backprop", "rndf", "feedback_alignment", "frsf")), 0
    )
    coloured = draw_initial_state(asked(task={"spectrum_decay": 1.0, "noise": 0.3}), 0)
    finite = draw_initial_state(asked(task={"samples": 9}), 0)
    recorded = draw_initial_state(asked(record=Record(probe_samples=8)), 0)
    normal = draw_initial_state(asked(task={"target": Normal(std=2)}), 0)
    for other in (more_rules, coloured, finite, recorded, normal):
        assert same(base.weights, other.weights)
        assert same(base.states["feedback_alignment"][1:], other.states["feedback_alignment"][1:])
    for other in (more_rules, coloured, finite, recorded):
        np.testing.assert_array_equal(base.T, other.T)
    deeper = draw_initial_state(asked(hidden=(5, 4, 4)), 0)
    assert same(base.weights[:2], deeper.weights[:2])


def test_states_belong_to_rules():
    start = draw_initial_state(
        asked(("backprop", "shallow", "node_perturbation", "usf", "frsf")), 0
    )
    assert start.states["backprop"] == (None, None, None)
    assert start.states["node_perturbation"] == (None, None, None)
    for label in ("shallow", "usf", "frsf"):
        bottom, *above = start.states[label]
        assert bottom is None
        assert [state.shape for state in above] == [(4, 5), (3, 4)]
    assert not start.states["shallow"][1].any()
    assert (start.states["usf"][1] == 1).all()


def test_feedback_of_different_scale_is_the_same_matrix():
    rules = {
        "one": {"rule": "feedback_alignment", "learning_rate": 0.1},
        "ten": {"rule": "feedback_alignment", "learning_rate": 0.1, "scale": 5},
    }
    states = draw_initial_state(asked(rules), 0).states
    np.testing.assert_allclose(states["ten"][1], 10 * states["one"][1], rtol=1e-14)


@pytest.mark.parametrize("decay", [0.0, 1.2])
def test_the_probe_has_the_second_moment_of_the_inputs(decay):
    start = draw_initial_state(asked(task={"spectrum_decay": decay}), 0)
    assert start.probe.inputs.shape == (100, 6)
    x = start.probe.inputs
    np.testing.assert_allclose(x.T @ x / 100, start.Sigma, atol=1e-12)
    if decay:
        np.testing.assert_allclose(start.linear.root @ start.linear.root, start.Sigma, atol=1e-12)
    else:
        assert start.linear.root is None
    np.testing.assert_allclose(start.probe.targets, start.probe.inputs @ start.T.T, atol=1e-14)


def test_finite_samples_are_the_law_of_the_inputs():
    start = draw_initial_state(asked(task={"samples": 9, "spectrum_decay": 1.0}), 0)
    x = start.samples.inputs
    assert x.shape == (9, 6)
    np.testing.assert_array_equal(start.probe.inputs, x)
    np.testing.assert_allclose(start.Sigma, x.T @ x / 9, rtol=1e-13)
    np.testing.assert_allclose(start.samples.targets, x @ start.T.T, atol=1e-13)


@pytest.mark.parametrize("samples", [4, 9])
def test_noisy_samples_teach_their_least_squares_map(samples):
    clean = draw_initial_state(asked(task={"samples": samples}), 0)
    noisy = draw_initial_state(asked(task={"samples": samples, "noise": 0.5}), 0)
    x, y = noisy.samples.inputs, noisy.samples.targets
    np.testing.assert_array_equal(x, clean.samples.inputs)
    assert 0.2 < (y - clean.samples.targets).std() < 0.8
    # Normal equations: the residual is orthogonal to the inputs.
    np.testing.assert_allclose((y - x @ noisy.T.T).T @ x, 0, atol=1e-12)


def test_coordinates_and_variables_of_archives():
    experiment = asked(("backprop", "feedback_alignment"), seeds=(4, 7))
    coords = coordinates(experiment)
    assert coords["rule"].tolist() == ["backprop", "feedback_alignment"]
    assert coords["seed"].tolist() == [4, 7]
    np.testing.assert_allclose(coords["time"], 0.1 * np.tile(coords["step"], (2, 1)), rtol=1e-15)
    starts = [draw_initial_state(experiment, seed) for seed in (4, 7)]
    drawn = drawn_variables(experiment, starts)
    assert drawn["feedback_3"].shape == (2, 2, 4, 3)
    assert np.isnan(drawn["feedback_3"][0]).all()
    for j, start in enumerate(starts):
        np.testing.assert_array_equal(
            drawn["feedback_3"][1, j].T, start.states["feedback_alignment"][2]
        )
        np.testing.assert_array_equal(drawn["target_map"][j], start.T)
        np.testing.assert_array_equal(drawn["probe_target"][j], start.probe.inputs @ start.T.T)
