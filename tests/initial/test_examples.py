"""The sequence of examples: addressable by step, epochs that use every sample once."""

import numpy as np
import pytest

from fatheory import DenseNetwork, Experiment, LinearTask, Phase, Schedule
from fatheory.initial import block_steps, draw_initial_state, examples, sample_order

PINNED = [-2.100858095776731, 0.8404989141380709, -0.0826651016763552, 0.12492506171569323]


def asked(batch=2, **task):
    return Experiment(
        task=LinearTask(**{"inputs": 4, "outputs": 3} | task),
        network=DenseNetwork(hidden=(3,)),
        rules={"backprop": 0.1},
        schedule=Schedule(phases=(Phase(steps=5),), batch_size=batch),
    )


def drawn(experiment, first, stop, seed=0):
    return examples(experiment, seed, draw_initial_state(experiment, seed), first, stop)


@pytest.mark.parametrize("task", [{}, {"noise": 0.3}, {"samples": 70}, {"samples": 70, "noise": 1}])
def test_step_k_learns_from_example_k_whatever_was_asked(task):
    experiment = asked(batch=64, **task)
    block = block_steps(experiment)
    whole = drawn(experiment, 0, 2 * block + 5)
    assert whole.inputs.shape == (2 * block + 5, 64, 4)
    assert whole.targets.shape == (2 * block + 5, 64, 3)
    for first, stop in ((0, 1), (1, 2), (block - 1, block + 1), (block + 9, 2 * block + 3)):
        part = drawn(experiment, first, stop)
        np.testing.assert_array_equal(part.inputs, whole.inputs[first:stop])
        np.testing.assert_array_equal(part.targets, whole.targets[first:stop])


@pytest.mark.parametrize(
    ("batch", "steps"), [(1, 4096), (2, 4096), (4, 2048), (64, 128), (10**4, 1)]
)
def test_length_of_a_block_is_part_of_the_streams(batch, steps):
    assert block_steps(asked(batch)) == steps


def test_numbers_are_pinned():
    x, y = drawn(asked(batch=64, noise=0.5), 127, 129)
    found = [x[0, 0, 0], x[1, 0, 0], y[0, 0, 0], y[1, -1, -1]]
    np.testing.assert_allclose(found, PINNED, rtol=1e-12)


def test_online_examples_are_fresh_and_follow_their_law():
    experiment = asked(batch=8, spectrum_decay=1.0, noise=0.2)
    start = draw_initial_state(experiment, 0)
    x, y = examples(experiment, 0, start, 0, 1024)
    x, y = x.reshape(-1, 4), y.reshape(-1, 3)
    assert len(np.unique(x)) == x.size
    error = np.sqrt(2 / len(x)) * np.diag(start.Sigma).max()
    assert np.abs(x.T @ x / len(x) - start.Sigma).max() < 5 * error
    rest = y - x @ start.T.T
    assert abs(rest.std() - 0.2) < 5 * 0.2 / np.sqrt(2 * rest.size)
    assert np.abs(rest.T @ x / len(x)).max() < 5 * 0.2 * np.sqrt(start.Sigma.max() / len(x))


def test_noise_does_not_change_the_inputs():
    np.testing.assert_array_equal(drawn(asked(), 0, 9).inputs, drawn(asked(noise=1.0), 0, 9).inputs)


def test_seeds_see_different_examples():
    one, two = drawn(asked(), 0, 50, seed=0), drawn(asked(), 0, 50, seed=1)
    assert not np.isin(one.inputs, two.inputs).any()


@pytest.mark.parametrize(("samples", "batch"), [(7, 2), (6, 3), (5, 4), (3, 1)])
def test_an_epoch_uses_every_sample_at_most_once(samples, batch):
    experiment = asked(batch=batch, samples=samples)
    per_epoch = samples // batch
    order = sample_order(experiment, 0, 0, 40 * per_epoch)
    assert order.shape == (40 * per_epoch, batch)
    epochs = order.reshape(40, per_epoch * batch)
    for epoch in epochs:
        assert len(set(epoch.tolist())) == per_epoch * batch
    assert len({tuple(epoch) for epoch in epochs}) > 3
    assert set(order.ravel().tolist()) == set(range(samples))


def test_a_full_batch_keeps_the_order():
    experiment = asked(batch=5, samples=5)
    np.testing.assert_array_equal(sample_order(experiment, 0, 3, 6), [[0, 1, 2, 3, 4]] * 3)
    start = draw_initial_state(experiment, 0)
    np.testing.assert_array_equal(
        examples(experiment, 0, start, 8, 9).inputs[0], start.samples.inputs
    )
