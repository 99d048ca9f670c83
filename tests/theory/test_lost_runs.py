"""Runs that diverge or cannot be followed: recorded as lost, from the same step for everything."""

import sys

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import MemoryEstimateError, RegimeError
from fatheory.theory import FlowPhase, dop853, flow, phases_closed_form, solve
from fatheory.theory import memory as estimates
from fatheory.theory.memory import estimate_memory
from fatheory.theory.methods import find_method

pytestmark = pytest.mark.filterwarnings("ignore:.*diverged")


def asked(**changes):
    parts = {
        "task": fa.LinearTask(inputs=4, outputs=3),
        "network": fa.DenseNetwork(hidden=(6,), start=fa.Normal(std=0.5)),
        "rules": {"feedback_alignment": 0.5, "backprop": 0.01},
        "schedule": fa.Schedule(
            phases=(fa.Phase(steps=20, frozen=(1,)), fa.Phase(steps=20_000, frozen=(2,)))
        ),
        "record": fa.Record(snapshots=26, quantities=("weights", "delta_angle", "weight_angle")),
        "precision": "float64",
        "seeds": 3,
    }
    return fa.Experiment(**(parts | changes))


def blank_from(answer, rule, seed):
    """Return the recorded step from which on everything is NaN, after asserting that it is."""
    run = answer.sel(rule=rule, seed=seed)
    lost = ~np.isfinite(run.loss.values)
    first = int(np.argmax(lost))
    assert lost[first:].all()
    for name in ("weight_1", "weight_2", "delta_angle"):
        values = run[name].transpose("step", ...).values.reshape(len(lost), -1)
        assert np.isnan(values[first:]).all()
        if "angle" not in name:
            assert np.isfinite(values[:first]).all()
    return int(run.step[first])


@pytest.mark.parametrize("method", ["flow", "phases"])
def test_a_second_phase_without_bound_is_recorded(method):
    """With W frozen at random, W B has eigenvalues of negative real part: E grows for ever."""
    answer = solve(asked(), method)
    diverged = answer.diverged.sel(rule="feedback_alignment")
    assert diverged.any()
    assert not answer.diverged.sel(rule="backprop").any()
    assert np.isfinite(answer.loss.sel(rule="backprop")).all()
    for seed in answer.seed.values[diverged.values]:
        since = int(answer.diverged_at.sel(rule="feedback_alignment", seed=seed))
        assert since == blank_from(answer, "feedback_alignment", seed)


def test_both_methods_lose_a_run_at_the_same_recorded_step():
    flows, phases = (solve(asked(), method) for method in ("flow", "phases"))
    np.testing.assert_array_equal(flows.diverged_at > 0, phases.diverged_at > 0)
    assert (np.abs(flows.diverged_at - phases.diverged_at) <= 820).all()


def test_theory_and_simulation_mean_the_same_step():
    """Simulation looks at every step: its own lies in the interval that theory's closes."""
    record = fa.Record(steps=tuple(range(0, 20_021, 100)), quantities=())
    described = asked(record=record, rules={"feedback_alignment": 0.01}).with_settings(
        {
            "rules.feedback_alignment.scale": 4.0,
            "schedule.phases": [{"steps": 20_000, "frozen": [2]}],
        }
    )
    run, theory = fa.simulate(described), solve(described)
    both = (run.diverged & theory.diverged).values
    assert both.any()
    for source in (run, theory):
        first = np.array(
            [source.step.values[np.argmax(~np.isfinite(loss))] for loss in source.loss.values[both]]
        )
        since = source.diverged_at.values[both]
        assert (since <= first).all()
        assert (first - since < 100).all()
    np.testing.assert_array_equal(theory.diverged_at.values[both] % 100, 0)
    ratio = theory.diverged_at.values[both] / run.diverged_at.values[both]
    assert (np.abs(np.log(ratio)) < 0.2).all()


def test_a_run_that_cannot_be_followed_takes_no_other_along(monkeypatch):
    free = asked(
        schedule=fa.Schedule(phases=(fa.Phase(steps=400),)),
        rules={"usf": 0.05, "backprop": 0.01},
    )
    whole = solve(free.with_settings({"rules": {"backprop": 0.01}}))
    monkeypatch.setattr(dop853, "MAX_EVALUATIONS", 1500)
    cut = solve(free)
    lost = cut.diverged.sel(rule="usf")
    assert lost.any()
    assert np.isfinite(cut.loss.sel(rule="backprop")).all()
    for seed in cut.seed.values[lost.values]:
        blank_from(cut, "usf", seed)
    np.testing.assert_allclose(
        cut.loss.sel(rule="backprop"), whole.loss.sel(rule="backprop"), rtol=1e-9
    )
    monkeypatch.setattr(dop853, "MAX_EVALUATIONS", 300)
    rng = np.random.default_rng(0)
    W0, W, T = (rng.normal(size=shape) for shape in ((6, 4), (3, 6), (3, 4)))
    with pytest.raises(RegimeError, match="in 300 evaluations"):
        flow(W0, W, None, T, times=[40.0], rule="usf")


def test_seeds_do_not_depend_on_which_stand_beside_them():
    described = asked(schedule=fa.Schedule(phases=(fa.Phase(steps=60),)))
    together = solve(described)
    alone = solve(described.with_settings({"seeds": [1]}))
    for name in ("weight_1", "weight_2", "loss", "delta_angle"):
        np.testing.assert_allclose(together[name].sel(seed=[1]), alone[name], atol=1e-11)


def test_growth_is_refused_where_arrays_are_given():
    rng = np.random.default_rng(0)
    W0, W, T = (rng.normal(size=shape) for shape in ((6, 4), (3, 6), (3, 4)))
    plan = [FlowPhase(1.0, frozenset({1})), FlowPhase(1000.0, frozenset({2}))]
    arrays = (W0, W, -W.T, T)
    with pytest.raises(RegimeError, match="leaves the range of floating point"):
        phases_closed_form(*arrays, times=[0.5, 900.0], phases=plan)
    path = flow(*arrays, times=[0.5, 900.0], phases=plan)
    assert path.attrs["diverged_at"] == 1
    assert np.isnan(path.loss[1])


def test_what_does_not_fit_is_refused_before_anything_is_drawn(monkeypatch):
    huge = asked(task=fa.LinearTask(inputs=14_000, outputs=3), seeds=4)
    needed = estimate_memory(huge, find_method("flow"))
    assert needed["covariances"] > 6e9
    monkeypatch.setattr(estimates, "free_memory", lambda: 5 * 10**9)
    solving = sys.modules["fatheory.theory.solve"]
    monkeypatch.setattr(solving, "draw_initial_state", lambda *_: pytest.fail("drawn"))
    with pytest.raises(MemoryEstimateError, match="covariances"):
        solve(huge)


def test_the_estimate_counts_what_is_recorded_and_followed():
    small = asked(network=fa.DenseNetwork(hidden=(2000,)))
    lean = small.with_settings({"record.quantities": []})
    of_weights = 8 * 26 * 2000 * 7
    assert estimate_memory(small, find_method("flow"))["record"] > 6 * of_weights
    assert estimate_memory(lean, find_method("flow"))["trajectories"] > 3 * of_weights
    assert sum(estimate_memory(lean, find_method("reduced")).values()) < 2e6
