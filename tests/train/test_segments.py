"""Segments are short enough to stop a run soon."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import fatheory as fa
from fatheory.errors import StoppedRun
from fatheory.train import segment_length
from fatheory.train.segment_length import SegmentLength


def slow_experiment():
    """One whose 4,096 steps take minutes."""
    return fa.Experiment(
        task=fa.LinearTask(inputs=1000, outputs=1000),
        network={"hidden": [1000]},
        rules={"feedback_alignment": 1e-5},
        schedule={"phases": [{"steps": 200_000}]},
        update={"momentum": 0.5},
        record={"quantities": [], "snapshots": 2},
        seeds=4,
    )


def simulated_clock(monkeypatch, seconds_a_step, *, steps, grain=1, experiment=None):
    """Return where segments end on a machine of this speed."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    length = SegmentLength(experiment or slow_experiment(), 1, [grain])
    ends, first = [], 0
    while first < steps:
        stop = length.stop(first, steps, 0)
        length.begin(stop - first)
        now[0] += (stop - first) * seconds_a_step
        length.end()
        ends.append(stop)
        first = stop
    return ends


@pytest.mark.parametrize(("seconds", "grain"), [(0.1, 1), (0.003, 32), (7.0, 1), (7.0, 4)])
def test_segments_take_about_two_seconds(monkeypatch, seconds, grain):
    ends = simulated_clock(monkeypatch, seconds, steps=16_384, grain=grain)
    lengths = np.diff([0, *ends])
    assert ends[-1] == 16_384
    assert not np.any(np.array(ends[:-1]) % grain)
    # The first is a guess, which a machine may be too slow for.
    assert lengths[1:].max() * seconds <= max(2.0, grain * seconds) * 1.0001
    settled = lengths[8:-1]
    assert settled.min() * seconds > min(1.0, seconds)


def test_small_networks_are_not_cut(monkeypatch):
    small = fa.presets["lillicrap2016/fig2"].with_settings({"seeds": 20})
    assert simulated_clock(monkeypatch, 1e-6, steps=2000, experiment=small) == [2000]


def test_sigterm_stops_a_large_network_soon(tmp_path, monkeypatch, capfd):
    """And what was asked is confirmed at once."""
    monkeypatch.setattr(segment_length, "SEGMENT_SECONDS", 0.5)
    formerly = signal.getsignal(signal.SIGTERM)
    asked_at = []

    def ask():
        asked_at.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGTERM)

    def go():
        while not list(tmp_path.glob("a*")):
            time.sleep(0.1)
        time.sleep(2.0)
        ask()

    thread = threading.Thread(target=go)
    thread.start()
    with pytest.raises(StoppedRun) as stopped:
        fa.simulate(slow_experiment(), path=tmp_path / "a")
    assert time.perf_counter() - asked_at[0] < 10
    thread.join()
    assert "stopping" in capfd.readouterr().err
    assert 0 < stopped.value.step < 200_000
    assert signal.getsignal(signal.SIGTERM) == formerly
    assert fa.load(tmp_path / "a").sizes["step"] == 1


_ENDLESS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
from fatheory.cli import main
from fatheory.train import segment_length
segment_length.SEGMENT_SECONDS = 1e9  # as if a single call of the device took for ever
sys.argv = ["fatheory", "run", sys.argv[1], "--out", sys.argv[2]]
main()
"""


def test_the_second_ctrl_c_ends_a_process_whose_device_does_not(tmp_path):
    """And a third one brings no traceback."""
    description, path = tmp_path / "slow.json", tmp_path / "a"
    description.write_text(slow_experiment().to_json(), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(description), str(path)],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not list(path.glob(".fatheory*")) + list(path.glob("*")):
                assert process.poll() is None
                time.sleep(0.1)
            time.sleep(4.0)
            process.send_signal(signal.SIGINT)
            assert "stopping" in process.stderr.readline() + process.stderr.readline()
            assert process.poll() is None
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=20)[1]
        finally:
            process.kill()
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in rest
    assert "ignored" not in rest
