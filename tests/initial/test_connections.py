"""Connections that a sparse network lacks."""

import numpy as np
import pytest

from fatheory import DenseNetwork, Experiment, LinearTask, Phase, Schedule, Sparsity, Uniform
from fatheory.errors import InvalidExperimentError
from fatheory.initial import draw_initial_state, stream


def asked(hidden=(40, 30), rules=("feedback_alignment",), inputs=20, **sparsity):
    return Experiment(
        task=LinearTask(inputs=inputs, outputs=10),
        network=DenseNetwork(
            hidden=hidden, start=Uniform(bound=0.2), sparsity=Sparsity(**sparsity)
        ),
        rules=dict.fromkeys(rules, 0.1),
        schedule=Schedule(phases=(Phase(steps=2),)),
    )


def lost(mask):
    return 0 if mask is None else int((~mask).sum())


@pytest.mark.parametrize(("forward", "feedback"), [(0.5, 0.5), (0.3, 0.0), (0.0, 0.77), (0.1, 0.6)])
def test_the_fraction_is_exact_to_the_nearest_connection(forward, feedback):
    connections = draw_initial_state(asked(forward=forward, feedback=feedback), 0).connections
    sizes = (40 * 20, 30 * 40, 10 * 30)
    expected = [0] + [round(forward * size) for size in sizes[1:]]
    assert [lost(mask) for mask in connections.forward] == expected
    expected = [0] + [round(feedback * size) for size in sizes[1:]]
    assert [lost(mask) for mask in connections.feedback] == expected
    for masks, fraction in ((connections.forward, forward), (connections.feedback, feedback)):
        assert [mask is None for mask in masks] == [True, not fraction, not fraction]


def test_chosen_layers_lose_connections_and_no_others():
    connections = draw_initial_state(
        asked(forward=0.5, feedback=0.25, layers=(1, 3)), 0
    ).connections
    assert [lost(mask) for mask in connections.forward] == [400, 0, 150]
    assert [lost(mask) for mask in connections.feedback] == [200, 0, 75]


def test_what_is_drawn_is_zero_where_a_connection_is_missing_and_unchanged_elsewhere():
    rules = ("feedback_alignment", "rndf", "frsf", "usf", "kolen_pollack", "backprop")
    whole = draw_initial_state(asked(rules=rules), 0)
    sparse = draw_initial_state(asked(rules=rules, forward=0.5, feedback=0.4), 0)
    for W, full, mask in zip(
        sparse.weights, whole.weights, sparse.connections.forward, strict=True
    ):
        np.testing.assert_array_equal(W, full if mask is None else np.where(mask, full, 0))
    for rule in rules:
        for V, full, mask in zip(
            sparse.states[rule], whole.states[rule], sparse.connections.feedback, strict=True
        ):
            if full is None:
                assert V is None
            else:
                np.testing.assert_array_equal(V, np.where(mask, full, 0))


def test_independent_halves_leave_a_quarter_connected_both_ways():
    """Lillicrap et al. 2016: 25 % of the pairs are reciprocal. Hypergeometric in the overlap."""
    both = []
    for seed in range(20):
        connections = draw_initial_state(asked(forward=0.5, feedback=0.5), seed).connections
        forward, feedback = connections.forward[1], connections.feedback[1]
        both.append((forward & feedback).mean())
    # With half of n removed on both sides the overlap has variance 1 / (16 (n - 1)).
    error = 0.25 / np.sqrt(1200 - 1)
    assert abs(np.mean(both) - 0.25) < 4 * error / np.sqrt(20)
    assert 0.5 * error < np.std(both) < 2 * error


def test_shared_connections_are_the_same_in_both():
    connections = draw_initial_state(asked(forward=0.5, feedback=0.5, shared=True), 0).connections
    for forward, feedback in zip(connections.forward, connections.feedback, strict=True):
        assert (forward is None) == (feedback is None)
        np.testing.assert_array_equal(forward, feedback)
    own = draw_initial_state(asked(forward=0.5, feedback=0.5), 0).connections
    np.testing.assert_array_equal(own.forward[1], connections.forward[1])
    assert (own.feedback[1] != own.forward[1]).any()


def test_seeds_and_layers_lack_different_ones():
    one, two = (
        draw_initial_state(asked(hidden=(20, 20), forward=0.5, feedback=0.5, layers=(1, 2)), seed)
        for seed in (0, 1)
    )
    for kind in ("forward", "feedback"):
        masks = [getattr(start.connections, kind) for start in (one, two)]
        agree = (masks[0][0] == masks[1][0]).mean()
        assert 0.35 < agree < 0.65
        agree = (masks[0][0] == masks[0][1]).mean()
        assert 0.35 < agree < 0.65
    again = draw_initial_state(asked(hidden=(20, 20), forward=0.5, feedback=0.5, layers=(1, 2)), 0)
    np.testing.assert_array_equal(again.connections.forward[0], one.connections.forward[0])


def test_a_unit_without_any_input_is_refused():
    """Half of the only input of each unit: half of the units are cut off."""
    experiment = asked(hidden=(6,), inputs=1, forward=0.5, layers=(1,))
    with pytest.raises(
        InvalidExperimentError,
        match=r"network.sparsity.forward: removing 0.5 of layer 1's 1 inputs a unit leaves unit "
        r"\d of seed 0 without any; remove fewer, or widen the layer below",
    ) as refused:
        draw_initial_state(experiment, 0)
    removed = stream(0, 0, "forward_mask", 1).permutation(6)[:3]
    assert f"leaves unit {min(removed)} of seed 0" in str(refused.value)
    # Feedback alone cuts nothing off.
    draw_initial_state(asked(hidden=(6,), inputs=1, feedback=0.5, layers=(1,)), 0)
