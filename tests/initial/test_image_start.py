"""Experiments on images start from one copy of the images, and keep the parts apart."""

import numpy as np
import pytest

from fatheory import DenseNetwork, Experiment, ImageTask, Phase, Record, Schedule
from fatheory.errors import DataError, RegimeError
from fatheory.initial import draw_initial_state, drawn_variables, examples, sample_order
from fatheory.initial.stored_samples import stored_samples
from fatheory.tasks import load

NAME = "synthetic-digits"


def asked(batch=4, probe=30, **task):
    return Experiment(
        task=ImageTask(**{"dataset": NAME} | task),
        network=DenseNetwork(hidden=(3,)),
        rules={"backprop": 0.1, "feedback_alignment": 0.1},
        schedule=Schedule(phases=(Phase(steps=5),), batch_size=batch),
        record=Record(probe_samples=probe),
        seeds=3,
    )


def rows(samples):
    """Images as bytes, so that they can be looked up."""
    return {row.tobytes() for row in samples.inputs}


def test_all_seeds_share_one_copy():
    starts = [draw_initial_state(asked(), seed) for seed in (0, 1, 2)]
    for start in starts[1:]:
        for part in ("samples", "evaluation", "probe"):
            assert getattr(start, part) is getattr(starts[0], part)
        assert not np.isin(start.weights[0], starts[0].weights[0]).any()
    assert draw_initial_state(asked().with_settings({"rules.backprop": 0.5}), 7).samples is (
        starts[0].samples
    )


@pytest.mark.parametrize(
    ("train", "evaluation", "sizes"),
    [
        ("train", "validation", (2000, 500)),
        ("train", "test", (2000, 500)),
        ("train+validation", "test", (2500, 500)),
    ],
)
def test_training_and_evaluation_images_are_apart(train, evaluation, sizes):
    start = draw_initial_state(asked(train=train, evaluation=evaluation), 0)
    assert (len(start.samples), len(start.evaluation)) == sizes
    assert not rows(start.samples) & rows(start.evaluation)
    for samples, split in ((start.samples, train), (start.evaluation, evaluation)):
        images = load(NAME, split)
        np.testing.assert_array_equal(samples.inputs, images.images.reshape(len(images), -1))
        np.testing.assert_array_equal(np.argmax(samples.targets, axis=1), images.labels)
        np.testing.assert_array_equal(samples.targets.sum(axis=1), 1)
        assert samples.inputs.dtype == samples.targets.dtype == np.float32


def test_a_limit_takes_the_first_training_images_and_leaves_the_evaluation_alone():
    whole, limited = draw_initial_state(asked(), 0), draw_initial_state(asked(limit=70), 0)
    np.testing.assert_array_equal(limited.samples.inputs, whole.samples.inputs[:70])
    np.testing.assert_array_equal(limited.evaluation.inputs, whole.evaluation.inputs)


@pytest.mark.parametrize(("wanted", "found"), [(30, 30), (500, 500), (9999, 500)])
def test_the_probe_is_the_first_of_the_evaluation(wanted, found):
    start = draw_initial_state(asked(probe=wanted), 0)
    assert len(start.probe) == found
    np.testing.assert_array_equal(start.probe.inputs, start.evaluation.inputs[:found])
    np.testing.assert_array_equal(start.probe.targets, start.evaluation.targets[:found])


def test_every_seed_has_an_order_of_its_own_and_an_epoch_uses_every_image():
    experiment = asked(limit=40)
    orders = [sample_order(experiment, seed, 0, 20) for seed in (0, 1)]
    assert (orders[0] != orders[1]).any()
    for order in orders:
        for epoch in order.reshape(2, 40):
            assert sorted(epoch.tolist()) == list(range(40))
    start = draw_initial_state(experiment, 1)
    drawn = examples(experiment, 1, start, 3, 5)
    np.testing.assert_array_equal(drawn.inputs, start.samples.inputs[orders[1][3:5]])
    np.testing.assert_array_equal(drawn.targets, start.samples.targets[orders[1][3:5]])


def test_images_have_no_linear_map_and_are_not_stored():
    starts = [draw_initial_state(asked(), seed) for seed in (0, 1, 2)]
    with pytest.raises(RegimeError, match="not linear, so it has neither T nor Sigma"):
        _ = starts[0].T
    drawn = drawn_variables(asked(), starts)
    assert set(drawn) == {"feedback_2", "target_variance"}
    labels = load(NAME, "validation").labels
    share = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(drawn["target_variance"], [np.sum(share * (1 - share))] * 3)


def test_missing_images_name_the_command_that_gets_them(monkeypatch, tmp_path):
    monkeypatch.setenv("FATHEORY_DATA_DIR", str(tmp_path))
    stored_samples.cache_clear()
    with pytest.raises(DataError, match="fatheory data fetch fashion-mnist"):
        draw_initial_state(asked(dataset="fashion-mnist"), 0)
