"""A sweep on worker processes that die: every cell is there once, as if there had been one."""

import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from sweep_examples import RATES, assert_same_numbers, sweep

import fatheory as fa
from fatheory.errors import DivergedWarning, PluginError
from fatheory.rules import RULES, LayeredRule, register
from fatheory.sweep import cluster as cluster_module
from fatheory.sweep import sweep_status
from fatheory.sweep.run import run_sweep
from fatheory.theory import METHODS, register_method

dask = pytest.importorskip("dask", reason="Dask is not installed: fatheory[sweep]")
distributed = pytest.importorskip("dask.distributed")

SIDE = {
    RATES: [0.005 * (i + 1) for i in range(8)],
    "scale": {"keys": ["rules.feedback_alignment.scale"], "values": [0.1 * i for i in range(1, 9)]},
}


@pytest.fixture
def local():
    """Start two worker processes and a client of theirs."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 20}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield cluster, client


class Killer(threading.Thread):
    """Kills the process of a random worker, at random moments, so many times."""

    def __init__(self, cluster, times, pause, seed):
        super().__init__(daemon=True)
        self._cluster, self._times, self._pause = cluster, times, pause
        self._random = random.Random(seed)
        self.killed = []
        self.over = threading.Event()

    def run(self):
        while len(self.killed) < self._times:
            if self.over.wait(self._random.uniform(*self._pause)):
                return
            pids = [nanny.pid for nanny in list(self._cluster.workers.values()) if nanny.pid]
            if pids:
                victim = self._random.choice(sorted(pids))
                os.kill(victim, signal.SIGKILL)
                self.killed.append(victim)


def killed_and_serial(local, asked, folder, times, pause):
    """Carry out a sweep while workers are killed, and again in this process."""
    cluster, client = local
    killer = Killer(cluster, times, pause, seed=1)
    killer.start()
    try:
        found = asked.run(folder / "cluster.zarr", scheduler=client)
    finally:
        killer.over.set()
        killer.join()
    return found, asked.run(folder / "serial.zarr"), killer.killed


@pytest.mark.slow
def test_64_cells_with_workers_killed_at_random(local, tmp_path):
    asked = sweep(SIDE)
    found, serial, killed = killed_and_serial(local, asked, tmp_path, 3, (0.2, 1.2))
    assert len(set(killed)) == 3
    assert found["status"].shape == (8, 8)
    assert (found["status"] == 1).all()
    hashes = [cell.content_hash for cell in asked.cells()]
    assert len(set(hashes)) == 64
    np.testing.assert_array_equal(found["experiment_hash"].values.ravel(), hashes)
    assert_same_numbers(found, serial)


@pytest.mark.slow
def test_384_cells_with_workers_killed_at_random(local, tmp_path):
    asked = sweep(SIDE | {"root_seed": range(6)}, schedule={"phases": [{"steps": 3000}]})
    found, serial, killed = killed_and_serial(local, asked, tmp_path, 6, (0.5, 4.0))
    assert len(killed) == 6
    assert (found["status"] == 1).all()
    assert_same_numbers(found, serial)


DEADLY = """
import os, signal
from fatheory.sweep import result
original = result.original = getattr(result, "original", result.train_many)
def deadly(experiments, **options):
    if any(experiment.learning_rates[0] == 0.03 for experiment in experiments):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(experiments, **options)
result.train_many = deadly
"""


def test_a_cell_that_kills_its_worker_fails_alone(tmp_path, monkeypatch):
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.setattr("fatheory.sweep.plan.LEAST_BATCHES", 2)
    asked = sweep({RATES: [0.01, 0.02, 0.03, 0.04]})
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=50,
            preload=str(tmp_path / "deadly.py"),
        ) as cluster,
    ):
        stored = asked.run(tmp_path / "x.zarr", scheduler=cluster.scheduler_address)
    assert stored["status"].values.tolist() == [1, 1, 3, 1]
    assert stored["error"].values[2].startswith("the processes that computed it died")
    # Cell by cell, the others of its batch round as they do alone.
    serial = asked.run(tmp_path / "serial.zarr")
    for place in (0, 1, 3):
        np.testing.assert_allclose(stored["loss"][place], serial["loss"][place], rtol=1e-12)


def test_processes_of_this_machine(tmp_path, monkeypatch):
    asked = sweep({RATES: [0.01, 1e9, 0.03], "root_seed": [0, 1]})
    started = []
    original = cluster_module._local_cluster

    def starting(workers):
        started.append(original(workers))
        threads = [spec["options"]["nthreads"] for spec in started[0].worker_spec.values()]
        assert threads == [1, 1]
        return started[0]

    monkeypatch.setattr(cluster_module, "_local_cluster", starting)
    with pytest.warns(DivergedWarning):
        found = asked.run(tmp_path / "x.zarr", workers=2)
    assert started[0].status == distributed.Status.closed
    assert found["status"].values.tolist() == [[1, 1], [2, 2], [1, 1]]
    with pytest.warns(DivergedWarning):
        assert_same_numbers(found, asked.run(tmp_path / "serial.zarr"))
    # Nothing is left to do, so no process is started.
    with pytest.warns(DivergedWarning):
        assert found.identical(asked.run(tmp_path / "x.zarr", workers=2))
    assert len(started) == 1


def test_without_dask_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    asked = sweep({RATES: [0.01]})
    with pytest.raises(fa.FatheoryError, match=r"pip install \"fatheory\[sweep\]\""):
        asked.run(tmp_path / "x.zarr", workers=2)
    assert (asked.run(tmp_path / "x.zarr")["status"] == 1).all()


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.1s"}),
        pytest.raises(fa.FatheoryError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:1'"),
    ):
        sweep({RATES: [0.01]}).run(tmp_path / "x.zarr", scheduler="tcp://127.0.0.1:1")


def test_a_cluster_that_is_lost_leaves_what_was_done(local, tmp_path):
    cluster, client = local
    asked = sweep(SIDE)
    path = tmp_path / "x.zarr"
    lost = threading.Thread(target=lambda: (wait_for_a_commit(path), cluster.close()))
    lost.start()
    with pytest.raises(fa.FatheoryError, match="running the sweep again goes on"):
        asked.run(path, scheduler=client)
    lost.join()
    assert 0 < sweep_status(path).counts["done"] < 64


def test_parts_of_this_process_are_refused_before_the_first_cell(local, tmp_path):
    """They are registered here, and workers are other processes."""
    _, client = local
    path = tmp_path / "x.zarr"

    @register
    @dataclass(frozen=True)
    class Halved(LayeredRule):
        name, summary, source = "halved_here", "half of W", "this test"

        @staticmethod
        def backward_weights(W, state):
            return W / 2

    method = type("Here", (type(METHODS.find("flow")),), {"name": "flow_here"})
    try:
        asked = sweep({RATES: [0.01, 0.02]}, rules={"halved_here": 0.1, "backprop": 0.1})
        words = r"do not have 'halved_here' \(fatheory.rules\) of .* \(at run time\).*leave workers"
        with pytest.raises(PluginError, match=words):
            asked.run(path, scheduler=client)
        assert sweep_status(path).counts["done"] == 0
        assert (asked.run(path, progress=False)["status"] == 1).all()
        register_method(method)
        with pytest.raises(PluginError, match=r"'flow_here' \(fatheory.methods\) of .*at run"):
            run_sweep(
                sweep({RATES: [0.01]}),
                tmp_path / "y.zarr",
                scheduler=client,
                answer="theory/flow_here",
            )
    finally:
        RULES.forget()
        METHODS.forget()


def wait_for_a_commit(path):
    while not (path.exists() and sweep_status(path).counts["done"]):
        time.sleep(0.05)
