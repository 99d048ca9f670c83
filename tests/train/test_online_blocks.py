"""Blocks of online examples against the same examples one at a time."""

from functools import cache

import jax
import numpy as np
import pytest
from default_run import slow_but

import fatheory as fa
from fatheory.errors import DivergedWarning
from fatheory.train import device, group
from fatheory.train.programs import rate_based

STEPS = 150
RULES = {
    "backprop": 0.02,
    "feedback_alignment": {"learning_rate": 0.02, "scale": 0.5},
}


def asked(precision="float64", **changes):
    parts = {
        "task": fa.LinearTask(inputs=130, outputs=4, noise=0.1),
        "network": fa.DenseNetwork(
            hidden=(12, 8),
            activation="tanh",
            output="sigmoid",
            start=fa.Scaled(),
            biases=fa.Normal(std=0.1),
        ),
        "rules": RULES,
        "schedule": fa.Schedule(phases=(fa.Phase(steps=STEPS),)),
        "update": fa.Update(weight_decay=0.01),
        "record": fa.Record(quantities=("weights", "delta_angle"), snapshots=4),
        "seeds": 4,
    }
    return fa.Experiment(precision=precision, **(parts | changes))


def simulated(experiment, monkeypatch, block):
    with monkeypatch.context() as patch:
        patch.setattr(device, "block_length", lambda _: block)
        return fa.simulate(experiment)


@pytest.fixture(scope="module")
def one_by_one():
    @cache
    def answer(precision):
        with pytest.MonkeyPatch.context() as patch:
            return simulated(asked(precision), patch, 0)

    return answer


def worst(ours, theirs):
    """Return the largest deviation of a variable, relative to its largest value."""
    names = [name for name in theirs.data_vars if name.startswith(("weight_", "bias_", "loss"))]
    return max(float(abs(ours[n] - theirs[n]).max() / abs(theirs[n]).max()) for n in names)


@pytest.mark.parametrize("block", slow_but([7, 64], [1, 7, 32, 64]))
def test_every_block_length_gives_the_updates_one_by_one(one_by_one, monkeypatch, block):
    ours, theirs = simulated(asked(), monkeypatch, block), one_by_one("float64")
    assert worst(ours, theirs) < 1e-12
    assert float(abs(ours.delta_angle - theirs.delta_angle).max()) < 1e-8


def with_margins():
    """Return images with dark margins, but for the second half of the examples."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(STEPS, 130))
    inputs[: STEPS // 2, 60:] = 0
    return fa.ArrayTask(inputs=inputs, targets=rng.normal(size=(STEPS, 4)))


@pytest.mark.parametrize(("lengths", "lit"), [((32, 8), 97), ((64, 16, 4), 0)])
def test_inner_blocks_and_dark_inputs_give_the_updates_one_by_one(monkeypatch, lengths, lit):
    """Blocks of which few inputs are lit, blocks of which all are, and one that is cut short."""
    phases = fa.Schedule(phases=(fa.Phase(steps=STEPS - 7),))
    asked_here = asked(task=with_margins(), schedule=phases, seeds=2)
    single = simulated(asked_here, monkeypatch, 0)
    monkeypatch.setattr(rate_based, "blocks_within", lambda *_: (lengths[0], lengths[1:], lit))
    assert worst(fa.simulate(asked_here), single) < 1e-12


def test_dark_inputs_are_left_out_where_that_is_faster(monkeypatch):
    """One network alone, whose images have margins, between snapshots that lie far apart."""
    monkeypatch.setattr(device, "on_cpu", lambda: True)
    inputs = np.zeros((400, 600))
    inputs[:, :450] = 1
    far = asked(
        task=fa.ArrayTask(inputs=inputs, targets=np.zeros((400, 4))),
        schedule=fa.Schedule(phases=(fa.Phase(steps=2000),)),
        record=fa.Record(snapshots=2),
    )
    inputs[0, 450] = 1
    bright = far.replaced(task=fa.ArrayTask(inputs=inputs, targets=np.zeros((400, 4))))
    near = far.replaced(record=fa.Record(snapshots=3))
    expected = ((far, 1, (256, 16), 450), (far, 2, (128, 16), 0), (bright, 1, (128, 16), 0))
    for experiment, runs, lengths, lit in (*expected, (near, 1, (128, 16), 0)):
        start = fa.initial.draw_initial_state(experiment, 0)
        assert device.blocks_within(experiment, start, runs) == (lengths[0], lengths[1:], lit)


def test_in_single_precision_they_agree_to_its_rounding(one_by_one, monkeypatch):
    apart = worst(simulated(asked("float32"), monkeypatch, 32), one_by_one("float32"))
    assert 0 < apart < 1e-5


def test_snapshots_and_phases_do_not_change_what_is_learned(one_by_one):
    """They cut the run into stretches that no block length divides."""
    phases = (fa.Phase(steps=61), fa.Phase(steps=STEPS - 61))
    record = fa.Record(quantities=("weights",), steps=(1, 2, 35, 50, 99, 100))
    cut = fa.simulate(asked(schedule=fa.Schedule(phases=phases), record=record))
    both = [step for step in (0, 50, 100, STEPS) if step in one_by_one("float64").step]
    assert len(both) == 4
    assert worst(cut.sel(step=both), one_by_one("float64").sel(step=both)) < 1e-12


def test_seeds_in_several_groups_are_those_in_one(one_by_one, monkeypatch):
    experiment = asked()
    with monkeypatch.context() as patch:
        # Room for the first layers of two seeds of a rule.
        patch.setattr(device, "CACHE_BYTES", 12 * 130 * 8 * 2)
        starts = [fa.initial.draw_initial_state(experiment, seed) for seed in experiment.seeds]
        with jax.enable_x64(True):
            replicas = [one.replicas for one in group.Group.all_of(experiment, starts)]
        assert len(replicas) > len(set(map(str, replicas))) > 1
        parted = fa.simulate(experiment)
    assert worst(parted, one_by_one("float64")) < 1e-12


def test_images_that_all_seeds_share_reach_every_group_in_its_own_order(monkeypatch):
    images = asked(
        task=fa.ImageTask(dataset="synthetic-digits", limit=120),
        network=fa.DenseNetwork(hidden=(8,), activation="tanh", start=fa.Scaled()),
        rules={"feedback_alignment": 0.02},
        record=fa.Record(quantities=("weights", "classification_error"), snapshots=3),
        seeds=3,
    )
    single = simulated(images, monkeypatch, 0)
    monkeypatch.setattr(device, "CACHE_BYTES", 1)
    parted = simulated(images, monkeypatch, 32)
    assert worst(parted, single) < 1e-12
    np.testing.assert_array_equal(parted.classification_error, single.classification_error)
    assert len(np.unique(parted.loss.isel(step=-1))) == 3


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_blocks_are_for_whole_first_layers_without_momentum(momentum):
    whole = asked(update=fa.Update(momentum=momentum))
    sparse = fa.Sparsity(forward=0.2, layers=(1,))
    missing = whole.replaced(network=whole.network.replaced(sparsity=sparse))
    batches = whole.replaced(schedule=whole.schedule.replaced(batch_size=2))
    for experiment, expected in ((whole, not momentum), (missing, False), (batches, False)):
        start = fa.initial.draw_initial_state(experiment, 0)
        assert bool(device.online_block(experiment, start)) == expected


def test_divergence_is_marked_at_the_step_at_which_it_happens(monkeypatch):
    network = fa.DenseNetwork(hidden=(5,), start=fa.Normal(std=0.1))
    wild = asked(network=network, rules={"backprop": 0.5}, seeds=2, update=fa.Update())
    with pytest.warns(DivergedWarning, match="2 of 2 runs diverged: backprop"):
        blocks, single = (simulated(wild, monkeypatch, block) for block in (32, 0))
    assert bool(blocks.diverged.all())
    # Rounding is amplified on the way to infinity, so the step may differ by one.
    assert int(abs(blocks.diverged_at - single.diverged_at).max()) <= 1
    assert int(blocks.diverged_at.min()) % 32 != 0
    assert np.isnan(blocks.loss.isel(step=-1)).all()
