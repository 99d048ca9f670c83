"""A run under way: groups of networks, carried from segment to segment and measured between."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState, block_steps
from fatheory.train.group import Group
from fatheory.train.loader import Loader
from fatheory.train.progress import Progress
from fatheory.train.recorder import Recorder
from fatheory.train.segment_length import SegmentLength
from fatheory.train.sinks import Sink
from fatheory.train.state import State, joined_states
from fatheory.train.waiting import GivenUp, always_wanted

LONGEST_SEGMENT = 4096
"""Steps after which progress is shown, and a run can be stopped, at the latest. Blocks of online
examples begin anew there, so another number changes how their sums round."""


@dataclass(frozen=True)
class Segment:
    """A stretch of steps within one phase, one block of examples, and between two snapshots."""

    first: int
    stop: int
    phase: int


def segments(experiment: Experiment) -> Iterator[Segment]:
    """Cut a run into segments, in order."""
    steps = experiment.schedule.steps
    blocks = range(0, steps, block_steps(experiment))
    reports = range(0, steps, LONGEST_SEGMENT)
    # A run may have more segments than fit into memory.
    cuts = heapq.merge(experiment.snapshot_steps, blocks, reports, experiment.schedule.ends)
    phase = 0
    for first, stop in itertools.pairwise(cut for cut, _ in itertools.groupby(cuts)):
        if first == experiment.schedule.ends[phase]:
            phase += 1
        yield Segment(first, stop, phase)


class Run:
    """Runs that share a program, at the start or where an earlier process left them.

    Parameters
    ----------
    starts : sequence of InitialState
        One per replica: the seeds of an experiment, or of several.
    rate_factors : array of shape (step,) or None
        What the learning rates are multiplied by at every step; None for 1.
    """

    def __init__(self, starts: Sequence[InitialState], rate_factors: np.ndarray | None) -> None:
        self.starts, self.rate_factors = starts, rate_factors
        self.experiment = experiment = starts[0].experiment
        self._loader = Loader(experiment, starts)
        # Most runs begin at the start; so examples are there when the groups are.
        self._loader.draw_ahead(0)
        self._groups = Group.all_of(experiment, starts)
        self._recorder = Recorder(experiment, starts)
        self._factors = None
        if rate_factors is not None:
            self._factors = jnp.asarray(rate_factors, experiment.precision)
        self._length = SegmentLength(
            experiment, len(experiment.rules) * len(starts), [group.grain for group in self._groups]
        )
        self._position = 0

    @property
    def diverged_at(self) -> np.ndarray:
        """First steps with a non-finite error, (rule, seed); -1 for none."""
        return self._recorder.diverged_at

    def state(self) -> State:
        """Copy what changes while learning, of all runs."""
        self._wait()
        return joined_states([group.state() for group in self._groups])

    def restore(self, position: int, state: State, diverged_at: np.ndarray) -> None:
        """Go on from where a run was, whatever its segments were.

        Parameters
        ----------
        position : int
            How many updates were done.
        state : mapping
            What `state` returned then.
        diverged_at : array of shape (rule, seed)
            As it was then.

        Raises
        ------
        DamagedArchiveError
            If it is not a state of this experiment.
        """
        for group in self._groups:
            group.restore(state)
        self._recorder.diverged_at = diverged_at
        self._position = position

    def go(self, sink: Sink, bar: Progress) -> None:
        """Carry out what is left, and hand the snapshots to `sink`."""
        try:
            # The start, or where a run was stopped before this was measured.
            if not self._measure(self._position, sink):
                sink.reached(self._position, self.diverged_at, self.state)
            for segment in segments(self.experiment):
                if segment.stop > self._position:
                    self._carry_out(segment, sink, bar)
        finally:
            self._loader.close()

    def _carry_out(self, segment: Segment, sink: Sink, bar: Progress) -> None:
        """Carry out what is left of a segment, in parts that do not take long."""
        # The position counts, not the segment: the process that came so far may have cut
        # elsewhere.
        first = max(segment.first, self._position)
        # A state that was stored at the end of a phase still has that phase's momentum.
        if first in self.experiment.schedule.ends:
            for group in self._groups:
                group.forget()
        while first < segment.stop:
            stop = self._length.stop(first, segment.stop, segment.first)
            self._advance(segment.phase, first, stop)
            if stop == segment.stop:
                self._measure(stop, sink)
            self._position = stop
            sink.reached(stop, self.diverged_at, self.state)
            bar.advance(stop - first)
            first = stop

    def _advance(self, phase: int, first: int, stop: int) -> None:
        # Examples go to the device while it still works.
        batches, offset = self._loader.block(first)
        self._wait()
        self._length.begin(stop - first)
        for group in self._groups:
            group.advance(batches, phase, first, offset, stop, self._factors)

    def _wait(self) -> None:
        for group in self._groups:
            group.wait(self._length.expected)
        self._length.end()

    def _measure(self, step: int, sink: Sink) -> bool:
        """Measure a recorded step, unless it was; return False if the run is to stop before.

        On a whole test set it can take longer than those who ask for a stop will wait.
        """
        position = self._recorder.position(step)
        if position is None or not sink.lacks(position):
            return True
        # At its end a run is finished rather than stopped; and one that was asked before it began
        # stores its start, for there is nothing else to go on from.
        awaited = step == self.experiment.schedule.steps or (position == 0 and sink.stopping())
        self._recorder.unwanted = always_wanted if awaited else sink.stopping
        self._recorder.ask(step, self._groups)
        self._wait()
        try:
            values = self._recorder.take(step, self._groups)
        except GivenUp:
            return False
        sink.add(position, values)
        return True
