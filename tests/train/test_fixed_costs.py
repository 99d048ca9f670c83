"""What a run of milliseconds leaves out is left out without a difference to any number."""

import itertools
import math

import jax
import jax.numpy as jnp
import pytest
import xarray as xr

import fatheory as fa
from fatheory.train import loader, recorder, waiting
from fatheory.updates import update_direction


@pytest.fixture(scope="module")
def asked() -> fa.Experiment:
    """Fig. 2 in one block of examples, all its rules and quantities."""
    return fa.presets["lillicrap2016/fig2"].with_settings(
        {"schedule.phases": [{"steps": 40}, {"steps": 20}], "record.snapshots": 4, "seeds": 2}
    )


@pytest.mark.parametrize(
    ("where", "bound"), [(recorder, "_SIDE_BY_SIDE"), (loader, "_MOST_AT_ONCE")]
)
def test_the_ways_of_small_and_large_runs_are_one(asked, monkeypatch, where, bound):
    ways = []
    for value in (-1, 2**40):
        monkeypatch.setattr(where, bound, value)
        ways.append(fa.simulate(asked, progress=False))
    xr.testing.assert_equal(*ways)
    assert ways[0]["loss"].notnull().all()


def test_updates_without_memories_are_those_without_arrays():
    """By which their vectorisation is left out."""
    parameters = {"weights": jnp.ones((2, 3))}
    settings = [*itertools.product(["sgd"], range(4), [0.0, 0.5]), ("adam", 0, 0.0)]
    for optimizer, manhattan, momentum in settings:
        update = fa.Update(optimizer=optimizer, manhattan=manhattan, momentum=momentum)
        direction = update_direction(manhattan, momentum, 0.0, None, optimizer)
        kept = jax.tree.leaves(direction.init(parameters))
        assert bool(kept) == bool(update.memories), update


def test_short_waits_are_not_cut_into_looks(monkeypatch):
    looks = []
    monkeypatch.setattr(waiting, "_poll", lambda leaves, **_: looks.append(len(leaves)))
    arrays = {"a": jnp.ones(3), "b": (jnp.zeros(2), 5)}
    for expected in (math.inf, 1.0, 1e-3):
        assert waiting.wait_for(arrays, expected) is arrays
    assert looks == [2, 2]  # the two long ones, of two arrays


def test_waits_go_by_how_long_the_last_one_took(monkeypatch):
    clock, looks = iter([0.0, 1.0, 10.0, 10.001, 20.0, 20.001]), []
    monkeypatch.setattr(waiting.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(waiting, "_poll", lambda leaves, **_: looks.append(leaves))
    repeated = waiting.RepeatedWait()
    seen = []
    for _ in range(3):
        repeated.wait_for(jnp.ones(1))
        seen.append(len(looks))
    assert seen == [1, 2, 2]  # unknown, a second, a millisecond
