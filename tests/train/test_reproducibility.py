"""The same question gives the same answer, however it is asked.

Weights are bit-identical where the program is the same: a run repeated, another snapshot grid,
another recorded quantity. A seed alone or a rule among others compiles matrix products of another
batch shape, whose sums may round differently: there, agreement is to rounding.
"""

import numpy as np
import pytest

from fatheory import (
    DenseNetwork,
    Experiment,
    LinearTask,
    Phase,
    Record,
    Schedule,
    Uniform,
    simulate,
)
from fatheory.initial import block_steps, draw_initial_state
from fatheory.theory import solve
from fatheory.train.run import Segment, segments

RULES = {
    "backprop": 0.02,
    "feedback_alignment": 0.02,
    "usf": 0.01,
    "brsf": 0.01,
}


def asked(**changes):
    parts = {
        "task": LinearTask(inputs=6, outputs=3, noise=0.1),
        "network": DenseNetwork(hidden=(5,), start=Uniform(bound=0.4)),
        "rules": RULES,
        "schedule": Schedule(phases=(Phase(steps=90), Phase(steps=60, frozen=(1,))), batch_size=2),
        "record": Record(steps=(40, 100, 120), probe_samples=10),
        "seeds": (0, 1, 5),
        "precision": "float64",
    }
    return Experiment(**(parts | changes))


@pytest.fixture(scope="module")
def run():
    return simulate(asked())


def weights(archive, **at):
    return [archive[f"weight_{layer}"].sel(**at).values for layer in (1, 2)]


def assert_same(a, b):
    for ours, theirs in zip(a, b, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_twice_is_bit_identical(run):
    again = simulate(asked())
    assert list(again.data_vars) == list(run.data_vars)
    for name in run.data_vars:
        np.testing.assert_array_equal(again[name], run[name])


def test_the_snapshot_grid_changes_no_weight(run):
    grid = [40, 90, 120, 150]
    other = simulate(asked(record=Record(steps=(1, 2, 3, 40, 77, 120, 121), probe_samples=10)))
    assert_same(weights(other, step=grid), weights(run, step=grid))
    np.testing.assert_array_equal(other.loss.sel(step=grid), run.loss.sel(step=grid))
    whole = simulate(asked(record=Record(snapshots=2, probe_samples=10)))
    assert_same(weights(whole, step=[90, 150]), weights(run, step=[90, 150]))


def test_a_shorter_run_is_the_beginning_of_a_longer_one(run):
    short = simulate(asked(schedule=Schedule(phases=(Phase(steps=40),), batch_size=2), record={}))
    assert_same(weights(short, step=40), weights(run, step=40))


def test_two_phases_alike_are_one(run):
    one = asked(schedule=Schedule(phases=(Phase(steps=150),), batch_size=2))
    cut = asked(schedule=Schedule(phases=(Phase(steps=33), Phase(steps=117)), batch_size=2))
    assert_same(weights(simulate(one), step=150), weights(simulate(cut), step=150))


def test_a_seed_alone_is_the_seed_among_others(run):
    alone = simulate(asked(seeds=(5,)))
    for ours, theirs in zip(weights(alone, seed=5), weights(run, seed=5), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)
    for name in ("target_map", "probe_input", "feedback_2"):
        np.testing.assert_array_equal(alone[name].sel(seed=5), run[name].sel(seed=5))


def test_a_rule_alone_is_the_rule_among_others(run):
    fewer = simulate(asked(rules={"brsf": 0.01, "backprop": 0.02, "usf": 0.01}))
    for label in ("backprop", "usf", "brsf"):
        assert_same(weights(fewer, rule=label), weights(run, rule=label))
    more = simulate(asked(rules={"rndf": 0.01} | {"feedback_alignment": 0.02, "shallow": 0.01}))
    both = weights(more, rule="feedback_alignment"), weights(run, rule="feedback_alignment")
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


def test_seeds_differ(run):
    for name in ("weight_1", "target_map", "probe_input"):
        values = run[name].values
        values = values[0, :, 0] if name == "weight_1" else values
        assert not np.isin(values[0], values[1]).any()


def test_rules_see_the_same_examples(run):
    """One rule under several labels learns the same; so does no rule from other examples."""
    labels = {f"copy {i}": {"rule": "backprop", "learning_rate": 0.02} for i in range(3)}
    copies = simulate(asked(rules=labels))
    for label in labels:
        for ours, theirs in zip(
            weights(copies, rule=label), weights(run, rule="backprop"), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


def test_theory_and_simulation_start_alike(run):
    theory = solve(asked())
    for name in ("target_map", "input_covariance", "probe_input", "probe_target", "feedback_2"):
        np.testing.assert_array_equal(theory[name], run[name])
    assert_same(weights(theory, step=0), weights(run, step=0))
    for seed in (0, 1, 5):
        start = draw_initial_state(asked(), seed)
        for label in RULES:
            assert_same(weights(run, step=0, seed=seed, rule=label), start.weights)
    for coord in ("rule", "seed", "step", "time", "learning_rate"):
        np.testing.assert_array_equal(theory[coord], run[coord])


def test_frozen_layers_do_not_move(run):
    W = run.weight_1
    np.testing.assert_array_equal(W.sel(step=90), W.sel(step=150))
    assert (np.abs(run.weight_2.sel(step=90) - run.weight_2.sel(step=150)).max("unit_2") > 0).all()


def test_single_precision_is_the_default_and_close_to_double(run):
    single = simulate(asked(precision="float32", rules={"backprop": 0.02, "usf": 0.01}))
    assert single.weight_1.dtype == single.loss.dtype == np.float32
    for label in ("backprop", "usf"):
        np.testing.assert_allclose(
            single.weight_1.sel(rule=label), run.weight_1.sel(rule=label), atol=2e-5
        )
    assert Experiment.model_fields["precision"].default == "float32"


def test_segments_cut_at_snapshots_blocks_and_phases():
    short = asked(record=Record(steps=(40,)), schedule=Schedule(phases=(Phase(steps=90),) * 2))
    assert list(segments(short)) == [Segment(0, 40, 0), Segment(40, 90, 0), Segment(90, 180, 1)]
    wide = asked(
        schedule=Schedule(phases=(Phase(steps=90), Phase(steps=40)), batch_size=100),
        record=Record(snapshots=2),
    )
    assert block_steps(wide) == 64
    assert list(segments(wide)) == [
        Segment(0, 64, 0),
        Segment(64, 90, 0),
        Segment(90, 128, 1),
        Segment(128, 130, 1),
    ]


def test_provenance_says_what_was_asked(run):
    assert Experiment.from_json(run.attrs["experiment"]) == asked()
    assert run.attrs["experiment_hash"] == asked().content_hash
    assert run.attrs["source"] == "simulation"
    assert run.attrs["precision"] == "float64"
    np.testing.assert_allclose(run.time, run.learning_rate * run.step, rtol=1e-15)


def test_the_progress_bar_leaves_standard_output_alone(capsys):
    quiet = asked(seeds=1, rules={"backprop": 0.02})
    shown = simulate(quiet, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    np.testing.assert_array_equal(shown.weight_1, simulate(quiet, progress=False).weight_1)
    assert capsys.readouterr().err == ""
