"""Sweeps of one process: batches side by side, stopped together."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sweep_examples import AXES, RATES, assert_same_numbers, small, sweep

import fatheory as fa
from fatheory.errors import ArchiveWriteError
from fatheory.experiment import DenseNetwork, ImageTask
from fatheory.sweep import result, sweep_status, threads
from fatheory.sweep.plan import Batch, Plan
from fatheory.sweep.store import SweepStore

LONG = {RATES: [0.001, 0.002, 0.003, 0.004]}
LONG_STEPS = 2**40
"""More than anybody waits for."""


def planned(asked):
    return Plan.of(tuple(asked.cells()), asked.shape)


def test_batches_train_at_the_same_time(whole, tmp_path, monkeypatch):
    original, together = result.carry_out, threading.Barrier(3, timeout=60)

    def carry_out(*arguments):
        together.wait()  # which fails unless three are under way
        return original(*arguments)

    monkeypatch.setattr(threads, "usable_cores", lambda: 3)
    monkeypatch.setattr(threads, "carry_out", carry_out)
    six = sweep(AXES | {RATES: AXES[RATES][:3]}).run(tmp_path / "x.zarr")
    np.testing.assert_array_equal(six["loss"], whole["loss"].isel({RATES: slice(3)}))


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_numbers_do_not_depend_on_how_many_train_at_once(whole, tmp_path, monkeypatch, cores):
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    assert_same_numbers(sweep(AXES).run(tmp_path / "x.zarr"), whole)


def test_as_many_train_at_once_as_there_are_cores_and_memory_for(monkeypatch):
    batches = planned(sweep(AXES)).batches
    largest = max(batch.memory for batch in batches)
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    for available, expected in ((None, 4), (2**40, 4), (2 * largest, 2), (largest // 2, 1)):
        monkeypatch.setattr(threads, "available_memory", lambda size=available: size)
        assert threads._threads(batches) == expected
    assert threads._threads(batches[:1]) == 1


def test_images_count_once_in_what_a_batch_takes():
    asked = small(task=ImageTask(dataset="mnist"), network=DenseNetwork(hidden=(3,)))
    cells = fa.Sweep(experiment=asked, axes={RATES: [0.01, 0.02]}).cells()
    one, two = (cell.experiment for cell in cells)
    alone = Batch((one,), ("a",)).memory
    assert alone < Batch((one, two), ("a", "b")).memory < 1.2 * alone


def test_nothing_goes_on_when_writing_fails(tmp_path, monkeypatch):
    """Of two cells one is done at once, and the other would take for ever."""

    def full(*_):
        raise ArchiveWriteError("the disk is full")

    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    monkeypatch.setattr(SweepStore, "add", full)
    with pytest.raises(ArchiveWriteError, match="full"):
        sweep({"schedule.phases.0.steps": [30, LONG_STEPS]}).run(tmp_path / "x.zarr")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sweep")]


def test_ctrl_c_stops_what_is_under_way(tmp_path):
    path = tmp_path / "x.zarr"
    program = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the parent ignores it
sys.path.insert(0, {str(Path(__file__).parent)!r})
from sweep_examples import sweep, small
from fatheory.experiment import Phase, Schedule
from fatheory.sweep import threads
original = threads.carry_out
def carry_out(*arguments):
    sys.stdout.write("training\\n")  # one write: the lines of two threads must not interleave
    sys.stdout.flush()
    return original(*arguments)
threads.carry_out, threads.usable_cores = carry_out, lambda: 2
long = Schedule(phases=(Phase(steps={LONG_STEPS}),))
sweep({LONG!r}, schedule=long).run({str(path)!r})
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == process.stdout.readline() == "training\n"
            time.sleep(1)
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "KeyboardInterrupt: the sweep was stopped after 0 of 4 experiments" in errors
    assert sweep_status(path).counts["pending"] == 4
