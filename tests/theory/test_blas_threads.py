"""BLAS has one thread while anybody asks for it, and then what it had before."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import fatheory as fa
from fatheory.theory import DMFTMethod, blas_threads
from fatheory.theory.blas_threads import one_blas_thread


def threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _two_threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS has no threads to be limited")
        yield


@pytest.mark.parametrize("first_out", [0, 1])
def test_callers_that_overlap_give_back_what_was_before(first_out):
    """Whoever leaves first: a comes in, b comes in, one leaves, the other leaves."""
    callers = [one_blas_thread(), one_blas_thread()]
    for caller in callers:
        caller.__enter__()
        assert threads() == {1}
    callers[first_out].__exit__(None, None, None)
    assert threads() == {1}
    callers[1 - first_out].__exit__(None, None, None)
    assert threads() == {2}


def test_many_threads_count_each_other(monkeypatch):
    """Of limits that remember what they found, as those of BLAS do, in whichever thread."""
    now = [7]

    class Limits:
        def __init__(self, number, user_api):
            self.found, now[0] = now[0], number

        def restore_original_limits(self):
            now[0] = self.found

    monkeypatch.setattr(blas_threads, "threadpool_limits", Limits)
    start = threading.Barrier(8)

    def caller(seed):
        start.wait(30)
        rng = np.random.default_rng(seed)
        for _ in range(100):
            with blas_threads.one_blas_thread():
                time.sleep(rng.uniform(0, 1e-4))
                assert now[0] == 1

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(caller, seed) for seed in range(8)]:
            done.result(60)
    assert now[0] == 7


def test_an_error_inside_gives_them_back():
    with pytest.raises(AssertionError, match="inside"), one_blas_thread():
        assert threads() != {1}, "inside"
    assert threads() == {2}


def test_methods_that_run_at_once_leave_them_as_they_were():
    mean_field = fa.Experiment(
        task=fa.LinearTask(inputs=4, outputs=2, samples=3),
        network=fa.DenseNetwork(hidden=(8, 8), activation="tanh", start=fa.Scaled(gain=0.1)),
        rules={"feedback_alignment": 0.1},
        schedule=fa.Schedule(phases=(fa.Phase(steps=4),), batch_size=3),
        record=fa.Record(quantities=(), snapshots=2),
        seeds=1,
    )
    online = fa.Experiment(
        task=fa.LinearTask(inputs=4, outputs=2),
        network=fa.DenseNetwork(hidden=(6,)),
        rules={"backprop": 0.01},
        schedule=fa.Schedule(phases=(fa.Phase(steps=20),)),
        record=fa.Record(quantities=(), snapshots=2),
        seeds=1,
    )
    with ThreadPoolExecutor(4) as pool:
        asked = [(mean_field, DMFTMethod(samples=64)), (online, "online")] * 3
        for answer in [pool.submit(fa.solve, *one) for one in asked]:
            assert np.isfinite(answer.result(120)["loss"]).all()
    assert threads() == {2}
