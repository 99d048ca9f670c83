"""Blocks of examples are drawn ahead, and are the examples of their steps all the same."""

import threading

import numpy as np
import pytest

import fatheory as fa
from fatheory.experiment.description import Description
from fatheory.initial import block_steps, draw_initial_state, examples, sample_order
from fatheory.train import loader as loading
from fatheory.train.loader import Loader

BLOCKS = 4


def asked(samples: int = 0, seeds: int = 3, steps: int | None = None) -> fa.Experiment:
    """Describe a run of some blocks of examples."""
    experiment = fa.Experiment(
        task=fa.LinearTask(inputs=200, outputs=100, samples=samples),
        network=fa.DenseNetwork(hidden=(5,)),
        rules={"feedback_alignment": 1e-3},
        schedule=fa.Schedule(phases=(fa.Phase(steps=1),), batch_size=4),
        seeds=seeds,
    )
    whole = BLOCKS * block_steps(experiment)
    return experiment.with_settings({"schedule.phases": [{"steps": steps or whole}]})


def loader_of(experiment: fa.Experiment) -> tuple[Loader, list]:
    starts = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
    return Loader(experiment, starts), starts


@pytest.mark.parametrize("order", [range(BLOCKS), [2, 0, 3, 1, 1, 2]])
def test_blocks_drawn_ahead_are_those_of_their_steps(order):
    experiment = asked()
    loader, starts = loader_of(experiment)
    length = block_steps(experiment)
    for number in order:
        batches, offset = loader.block(number * length + 3)
        assert offset == 3
        for row, start in enumerate(starts):
            first = number * length
            own = examples(experiment, start.seed, start, first, first + length)
            np.testing.assert_array_equal(batches.inputs[row], own.inputs.astype(np.float32))
            np.testing.assert_array_equal(batches.targets[row], own.targets.astype(np.float32))
    loader.close()


def test_orders_of_finite_samples_drawn_ahead_are_those_of_their_steps():
    experiment = asked(samples=12)
    loader, starts = loader_of(experiment)
    length = block_steps(experiment)
    for number in range(BLOCKS):
        batches, _ = loader.block(number * length)
        for row, start in enumerate(starts):
            first = number * length
            own = sample_order(experiment, start.seed, first, first + length)
            np.testing.assert_array_equal(batches.order[row], own)
    loader.close()


def test_one_block_is_drawn_ahead_and_none_that_nobody_needs(monkeypatch):
    experiment = asked(seeds=1)
    length, drawn = block_steps(experiment), []

    def noted(own, seed, start, first, stop):
        drawn.append(first // length)
        return examples(own, seed, start, first, stop)

    monkeypatch.setattr(loading, "examples", noted)
    loader, _ = loader_of(experiment)
    for number in range(BLOCKS):
        loader.block(number * length)
        loader._threads.submit(int).result()  # behind what is under way
        assert max(drawn) == min(number + 1, BLOCKS - 1)
    assert sorted(drawn) == list(range(BLOCKS))
    loader.close()


def test_what_fails_in_a_thread_is_raised(monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError("drawn")

    monkeypatch.setattr(loading, "examples", broken)
    loader, _ = loader_of(asked(seeds=1))
    loader.draw_ahead(0)
    with pytest.raises(ZeroDivisionError, match="drawn"):
        loader.block(0)
    loader.close()


def test_threads_end_with_the_run():
    before = set(threading.enumerate())
    fa.simulate(asked(seeds=2))
    ours = [t for t in set(threading.enumerate()) - before if "examples" in t.name]
    for thread in ours:
        thread.join(5)
    assert not any(thread.is_alive() for thread in ours)


def test_descriptions_are_not_written_out_for_every_seed(monkeypatch):
    """To compare or hash one takes longer than a thousand steps of a small network."""
    counts = []
    for seeds in (2, 6):
        experiment, written = asked(seeds=seeds, steps=8), []
        canonical = Description.canonical

        def counted(self, written=written, canonical=canonical):
            written.append(type(self).__name__)
            return canonical(self)

        with monkeypatch.context() as patched:
            patched.setattr(Description, "canonical", counted)
            fa.simulate(experiment)
        counts.append(len(written))
    assert counts[0] == counts[1]
