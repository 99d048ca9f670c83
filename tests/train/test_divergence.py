"""A run that diverges is kept, marked, and harms no other."""

from functools import cache

import numpy as np
import pytest
from default_run import slow_but
from literal_loop import literal_run

from fatheory import (
    DenseNetwork,
    Experiment,
    ImageTask,
    LinearTask,
    Normal,
    Phase,
    Record,
    Schedule,
    Update,
    simulate,
)
from fatheory.errors import DivergedWarning
from fatheory.quantities import known_quantities

STEPS = 120
TAME = {"backprop": 0.01, "feedback_alignment": 0.01}
WILD = {
    "wild backprop": {"rule": "backprop", "learning_rate": 0.35},
    "wild alignment": {"rule": "feedback_alignment", "learning_rate": 0.5},
    "wild frsf": {"rule": "frsf", "learning_rate": 0.5},
}


def asked(rules, **changes):
    parts = {
        "task": LinearTask(inputs=5, outputs=3),
        "network": DenseNetwork(hidden=(4,), start=Normal(std=0.5)),
        "rules": rules,
        "schedule": Schedule(phases=(Phase(steps=STEPS),)),
        "record": Record(snapshots=STEPS + 1, quantities=("weights", "delta_angle")),
        "seeds": (0, 1, 2),
        "precision": "float64",
    }
    return Experiment(**(parts | changes))


@cache
def literal(label, seed):
    with np.errstate(over="ignore", invalid="ignore"):
        return literal_run(asked(WILD), seed, label)


def announced(experiment):
    """Carry out an experiment some of whose runs diverge, which is announced."""
    with pytest.warns(DivergedWarning, match="runs diverged: .*since step"):
        return simulate(experiment)


@pytest.fixture(scope="module")
def run():
    return announced(asked(TAME | WILD))


def test_a_large_learning_rate_is_marked(run):
    np.testing.assert_array_equal(run.diverged, run.diverged_at >= 0)
    assert run.diverged.sel(rule=list(WILD)).all()
    assert not run.diverged.sel(rule=list(TAME)).any()
    assert (run.diverged_at.sel(rule=list(TAME)) == -1).all()
    assert len(np.unique(run.diverged_at.sel(rule=list(WILD)))) > 2


@pytest.mark.parametrize("label", WILD)
def test_it_is_marked_at_the_first_step_whose_error_is_not_finite(run, label):
    """Of the batch of the step, or of the probe just before it; the two overflow together."""
    for seed in (0, 1, 2):
        loop = literal(label, seed)
        lost = [step for step, loss in loop.loss.items() if not np.isfinite(loss)]
        expected = min(loop.lost_at, *lost)
        assert 0 < expected < STEPS
        assert int(run.diverged_at.sel(rule=label, seed=seed)) == expected


@pytest.mark.parametrize("label", WILD)
def test_what_follows_is_not_a_number(run, label):
    for seed in (0, 1, 2):
        one = run.sel(rule=label, seed=seed)
        since = int(one.diverged_at)
        assert np.isfinite(one.loss.sel(step=slice(0, since - 1))).all()
        assert np.isnan(one.loss.sel(step=slice(since + 1, None))).all()
        for name in ("weight_1", "weight_2", "delta_angle"):
            assert np.isnan(one[name].sel(step=slice(since + 2, None))).all()
            assert not np.isinf(one[name]).any()


def test_the_other_rules_are_unharmed(run):
    tame = simulate(asked(TAME))
    for name in ("weight_1", "weight_2", "loss"):
        assert np.isfinite(tame[name]).all()
        np.testing.assert_allclose(run[name].sel(rule=list(TAME)), tame[name], rtol=0, atol=1e-12)


def test_the_other_seeds_are_unharmed():
    """At the edge of stability some seeds diverge and some learn."""
    rules = {"backprop": {"rule": "backprop", "learning_rate": 0.11}}
    edge = announced(asked(rules, seeds=8))
    lost = edge.diverged.sel(rule="backprop").values
    assert 0 < lost.sum() < 8
    kept = np.flatnonzero(~lost)
    alone = simulate(asked(rules, seeds=tuple(kept.tolist())))
    np.testing.assert_allclose(edge.loss.sel(seed=kept), alone.loss, rtol=1e-6, atol=1e-10)
    assert np.isfinite(edge.weight_1.sel(seed=kept)).all()


def test_divergence_between_snapshots_is_dated_by_the_batches():
    grid = Record(snapshots=2, quantities=("weights", "delta_angle"))
    sparse = announced(asked(TAME | WILD, record=grid)).sel(rule=list(WILD))
    assert np.isnan(sparse.loss.sel(step=STEPS)).all()
    for label in WILD:
        for seed in (0, 1, 2):
            assert (
                int(sparse.diverged_at.sel(rule=label, seed=seed)) == literal(label, seed).lost_at
            )


def test_divergence_in_single_precision_and_with_momentum():
    wild = {"backprop": WILD["wild backprop"]}
    found = announced(asked(wild, precision="float32", update=Update(momentum=0.5)))
    assert found.diverged.all()
    assert np.isfinite(found.loss.sel(step=0)).all()
    assert np.isnan(found.loss.sel(step=STEPS)).all()


@pytest.mark.parametrize("activation", slow_but(["relu"], ["linear", "relu"]))
def test_everything_recorded_is_not_a_number_from_then_on(activation):
    """Also what is finite by chance: units that are NaN are silent, so their gradient was 0."""
    own = ("classification_error", "training_error", "training_loss", "firing_rate", "traces")
    asked_for = tuple(name for name in known_quantities() if name not in own)
    changes = {
        "network": DenseNetwork(hidden=(4,), activation=activation, start=Normal(std=0.5)),
        "record": Record(snapshots=31, quantities=asked_for),
    }
    run = announced(asked({"backprop": 0.6, "feedback_alignment": 3.0}, **changes))
    not_a_number_from_then_on(run)


def test_errors_of_images_are_not_numbers_either():
    """The class of outputs that are NaN would be the first one, which is right for some images."""
    rules = {"backprop": 10.0, "feedback_alignment": 10.0}
    changes = {
        "task": ImageTask(dataset="synthetic-digits", limit=60, evaluation_limit=20),
        "network": DenseNetwork(hidden=(4,), start=Normal(std=0.5)),
        "record": Record(
            snapshots=31,
            quantities=("classification_error", "training_error", "gradient_norm", "weights"),
        ),
    }
    not_a_number_from_then_on(announced(asked(rules, **changes)))


def not_a_number_from_then_on(run):
    assert run.diverged.all()
    for label in run.rule.values:
        for seed in run.seed.values:
            one = run.sel(rule=label, seed=seed)
            before = int((one.step < one.diverged_at).sum())
            assert 0 < before < 30
            since = one.isel(step=slice(before + 1, None))
            recorded = [name for name in since.data_vars if "step" in since[name].dims]
            assert "gradient_norm" in recorded
            for name in recorded:
                assert np.isnan(since[name]).all(), name
            assert np.isfinite(one.gradient_norm.isel(step=0)).all()
