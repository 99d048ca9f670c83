"""Runs that are asked to stop, and what goes on from them."""

import signal
import sys
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
import xarray as xr
from default_run import slow_but
from resumable import QUICK_TO_COMPILE, asked, same, segments_of_four

import fatheory as fa
from fatheory.archive import AppendableArchive
from fatheory.errors import ArchiveWriteError, DamagedArchiveError, StoppedRun
from fatheory.train import sinks
from fatheory.train.recorder import Recorder
from fatheory.train.sinks import StopRequest
from fatheory.train.waiting import GivenUp, RepeatedWait, always_wanted


@pytest.fixture(autouse=True)
def short_segments(monkeypatch):
    segments_of_four(monkeypatch)


class Stopper(StopRequest):
    """Asks for a stop after so many segments."""

    def __init__(self, segments: int) -> None:
        self.left = segments

    @property
    def asked(self) -> bool:
        return self.left <= 0


@pytest.fixture
def stop_after(monkeypatch):
    """Return a function that lets runs stop after some segments, as by Ctrl-C."""

    def stopping(segments):
        stopper = Stopper(segments)
        reached = sinks.OnDisk.reached

        def counted(self, *args):
            stopper.left -= 1
            reached(self, *args)

        monkeypatch.setattr(sinks.OnDisk, "reached", counted)

        class Context:
            def __enter__(self):
                return stopper

            def __exit__(self, *error):
                monkeypatch.setattr(sinks.OnDisk, "reached", reached)
                monkeypatch.setattr(module, "stop_request", sinks.stop_request)

        module = sys.modules["fatheory.train.simulate"]
        monkeypatch.setattr(module, "stop_request", Context)

    return stopping


@pytest.mark.parametrize("case", ["momentum, two phases, rates that fall", "spikes"])
def test_stopped_and_continued_through_the_archive(case, tmp_path, stop_after):
    experiment = asked(case)
    wanted = fa.simulate(experiment)
    stops = 0
    for _ in range(20):
        stop_after(1 + stops % 3)
        try:
            found = fa.simulate(experiment, path=tmp_path / "a")
            break
        except StoppedRun as caught:
            stop = caught
        stops += 1
        assert (stop.total, str(tmp_path / "a")) == (25, str(stop.path))
        so_far = fa.load(tmp_path / "a")
        until = [step for step in experiment.snapshot_steps if step <= stop.step]
        assert so_far["step"].values.tolist() == until
        xr.testing.assert_equal(so_far["loss"], wanted["loss"].sel(step=so_far["step"]))
    assert stops > 2
    same(found, wanted)


@pytest.fixture
def stop_while_measuring(monkeypatch):
    """Return a function that lets runs be asked to stop while a snapshot is measured, slowly."""
    take, wait_for = Recorder.take, RepeatedWait.wait_for

    def stopping(snapshot):
        request, taken = StopRequest(), []

        def counted(self, step, groups):
            taken.append(step)
            request.asked = len(taken) == snapshot
            return take(self, step, groups)

        def slow(self, tree, unwanted=always_wanted):
            if unwanted():
                raise GivenUp
            return wait_for(self, tree, unwanted)

        monkeypatch.setattr(Recorder, "take", counted)
        monkeypatch.setattr(RepeatedWait, "wait_for", slow)
        monkeypatch.setattr(sys.modules["fatheory.train.simulate"], "stop_request", lambda: at_once)
        at_once = nullcontext(request)

    return stopping


@pytest.mark.parametrize("case", slow_but(QUICK_TO_COMPILE[:1], QUICK_TO_COMPILE))
def test_what_nobody_waits_for_is_measured_when_the_run_goes_on(
    case, tmp_path, stop_while_measuring
):
    """A whole test set takes longer than a run may that is asked to stop."""
    experiment, path = asked(case), tmp_path / "a"
    wanted = fa.simulate(experiment)
    stop_while_measuring(1)
    with pytest.raises(KeyboardInterrupt, match="nothing is stored"):
        fa.simulate(experiment, path=path)
    assert not path.exists()
    for snapshot, whole in ((3, 2), (1, 2), (2, 3)):
        stop_while_measuring(snapshot)
        with pytest.raises(StoppedRun) as caught:
            fa.simulate(experiment, path=path)
        assert caught.value.step == experiment.snapshot_steps[whole]
        assert fa.load(path)["step"].values.tolist() == list(experiment.snapshot_steps[:whole])
    # The last one is waited for: at its end a run is finished rather than stopped.
    stop_while_measuring(len(experiment.snapshot_steps) - whole)
    same(fa.simulate(experiment, path=path), wanted)


def test_starting_over(tmp_path, stop_after):
    experiment = asked("spikes")
    stop_after(2)
    with pytest.raises(StoppedRun, match="stopped after 6 of 25 steps"):
        fa.simulate(experiment, path=tmp_path / "a")
    other = experiment.with_settings({"root_seed": 1})
    with pytest.raises(ArchiveWriteError, match="is the unfinished archive of another run"):
        fa.simulate(other, path=tmp_path / "a")
    with (
        AppendableArchive.resume(tmp_path / "a"),
        pytest.raises(ArchiveWriteError, match="written by"),
    ):
        fa.simulate(experiment, path=tmp_path / "a")
    same(fa.simulate(other, path=tmp_path / "a", restart=True), fa.simulate(other))


def test_a_repaired_part_is_not_continued(tmp_path, stop_after):
    path = tmp_path / "a"
    stop_after(5)
    with pytest.raises(StoppedRun):
        fa.simulate(asked("spikes"), path=path)
    next(path.glob("loss/c.0.0.1")).write_bytes(b"")
    with pytest.raises(DamagedArchiveError, match=r"loss/c.0.0.1 has 0 bytes .*archive repair"):
        fa.simulate(asked("spikes"), path=path)
    fa.archive.repair(path)
    with pytest.raises(ArchiveWriteError, match=r"holds a part of this run .*to run it again"):
        fa.simulate(asked("spikes"), path=path)
    same(fa.simulate(asked("spikes"), path=path, restart=True), fa.simulate(asked("spikes")))


def test_the_first_signal_asks_and_the_second_stops(monkeypatch):
    # Processes that shells start in the background ignore Ctrl-C.
    monkeypatch.setattr(sinks.signal, "getsignal", lambda _: signal.default_int_handler)
    with sinks.stop_request() as request:
        assert not request.asked
        signal.raise_signal(signal.SIGTERM)
        assert request.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_other_threads_leave_signals_alone(tmp_path):
    found = []
    experiment = asked("spikes")
    thread = threading.Thread(
        target=lambda: found.append(fa.simulate(experiment, path=tmp_path / "a", progress=False))
    )
    thread.start()
    thread.join()
    same(found[0], fa.simulate(experiment))


def test_commits_follow_a_monotonic_clock(tmp_path, monkeypatch):
    """A clock that jumps changes no more than the time that is told."""
    monkeypatch.setattr(sinks, "COMMIT_SECONDS", 0.0)
    times = iter(np.random.default_rng(0).uniform(0, 4e9, 10_000).tolist())
    monkeypatch.setattr(time, "time", lambda: next(times))
    same(fa.simulate(asked("spikes"), path=tmp_path / "a"), fa.simulate(asked("spikes")))
