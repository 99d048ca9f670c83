"""Where the snapshots of a run go: into memory, or into an archive that grows."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol, runtime_checkable

import numpy as np

from fatheory.archive import RunWriter
from fatheory.errors import StoppedRun
from fatheory.train.state import State

COMMIT_SECONDS = 5.0
"""Snapshots are committed to disk at most this often, and never more than this late."""
COMMIT_SHARE = 0.025
"""Of a run's time that commits may take."""


@runtime_checkable
class Sink(Protocol):
    """Takes the snapshots of a run."""

    def stopping(self) -> bool:
        """Whether the run is asked to stop."""

    def lacks(self, position: int) -> bool:
        """Whether the `position`-th recorded step is still to be measured."""

    def add(self, position: int, values: Mapping[str, np.ndarray]) -> None:
        """Take a snapshot: the arrays (rule, seed, ...) of the `position`-th recorded step."""

    def reached(self, step: int, diverged_at: np.ndarray, state: Callable[[], State]) -> None:
        """Hear that the updates before `step` are done, and what would be needed to go on."""


class InMemory:
    """Collects snapshots as arrays (rule, seed, step, ...).

    Parameters
    ----------
    steps : int
        How many will come.
    stop : StopRequest, optional
        Whether the run is to stop at the next opportunity.
    """

    def __init__(self, steps: int, stop: "StopRequest | None" = None) -> None:
        self._steps, self._stop = steps, stop
        self.variables: dict[str, np.ndarray] = {}
        self._taken: set[int] = set()

    def stopping(self) -> bool:
        """Whether the run is asked to stop."""
        return self._stop is not None and self._stop.asked

    def lacks(self, position: int) -> bool:
        """Whether the `position`-th recorded step is still to be measured."""
        return position not in self._taken

    def add(self, position: int, values: Mapping[str, np.ndarray]) -> None:
        """Take a snapshot."""
        self._taken.add(position)
        for name, value in values.items():
            if name not in self.variables:
                shape = (*value.shape[:2], self._steps, *value.shape[2:])
                # NaN: a snapshot that never came must not pass for numbers.
                self.variables[name] = np.full(shape, np.nan, value.dtype)
            self.variables[name][:, :, position] = value

    def reached(self, step: int, diverged_at: np.ndarray, state: Callable[[], State]) -> None:
        """Stop if asked to; nothing is kept.

        Raises
        ------
        KeyboardInterrupt
            If the run was asked to stop.
        """
        del diverged_at, state
        if self.stopping():
            raise KeyboardInterrupt(f"stopped after {step:,} steps")


class OnDisk:
    """Writes snapshots to an archive, and now and then the state from which a run can go on.

    Parameters
    ----------
    writer : RunWriter
        The archive.
    stop : StopRequest
        Whether the run is to stop at the next opportunity.
    total : int
        Steps of the whole run.
    """

    def __init__(self, writer: RunWriter, stop: "StopRequest", total: int) -> None:
        self._writer, self._stop, self._total = writer, stop, total
        self._before, self._began = writer.wall_time, time.perf_counter()
        self._due = self._began + COMMIT_SECONDS

    @property
    def wall_time(self) -> float:
        """Seconds spent on the run, those of earlier processes included."""
        return self._before + time.perf_counter() - self._began

    def stopping(self) -> bool:
        """Whether the run is asked to stop."""
        return self._stop.asked

    def lacks(self, position: int) -> bool:
        """Whether the `position`-th recorded step is still to be measured: none committed it."""
        return position >= self._writer.recorded

    def add(self, position: int, values: Mapping[str, np.ndarray]) -> None:
        """Write a snapshot, unless an earlier process did."""
        if self.lacks(position):
            self._writer.record(position, values)

    def reached(self, step: int, diverged_at: np.ndarray, state: Callable[[], State]) -> None:
        """Commit if it is time to.

        Raises
        ------
        StoppedRun
            If the run was asked to stop, once everything so far is on disk.
        KeyboardInterrupt
            If there is nothing yet.
        """
        if not self._writer.begun:
            raise KeyboardInterrupt("stopped before anything was recorded; nothing is stored")
        now = time.perf_counter()
        if now >= self._due or self._stop.asked:
            self._writer.commit(step, diverged_at, self.wall_time, state())
            done = time.perf_counter()
            # In proportion to what the last commit took: on a slow disk commits get rarer.
            self._due = done + max(COMMIT_SECONDS, (done - now) / COMMIT_SHARE)
        # At its end a run is finished rather than stopped.
        if self._stop.asked and step < self._total:
            raise StoppedRun(self._writer.path, step, self._total)


class StopRequest:
    """Whether someone asked a run to stop."""

    asked = False


_WORD = b"""
stopping at the end of what is under way (seconds); what is done is stored. Once more stops at once
"""


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Let the first Ctrl-C or SIGTERM ask for a stop while the block runs; the second stops it.

    The first is answered by a word on standard error. Signals are the main thread's; in others a
    block runs as if nobody asked. One that the process was started to ignore, as SIGINT is in the
    background of a script, stays ignored.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    former = {
        kind: handler
        for kind in (signal.SIGINT, signal.SIGTERM)
        if (handler := signal.getsignal(kind)) is not signal.SIG_IGN
    }

    def ask(kind: int, frame: Any) -> None:
        del kind, frame
        request.asked = True
        for other, handler in former.items():
            signal.signal(other, handler)
        with suppress(OSError):
            # Not through sys.stderr, which may be in the middle of a word of its own.
            os.write(2, _WORD)

    for kind in former:
        signal.signal(kind, ask)
    try:
        yield request
    finally:
        for kind, handler in former.items():
            signal.signal(kind, handler)
