"""How long the segments of a run are: short enough to stop, show and store it promptly."""

import math
import time
from collections.abc import Sequence

from fatheory.experiment import Experiment, SpikingNetwork

SEGMENT_SECONDS = 2.0
"""What a segment should take at most, unless a single step takes longer."""
_SLOW = 1e9
"""Multiplications a second that any machine reaches, for the first guess."""
_GROWTH = 8
"""How many times longer than the last one a segment may be: that one could have been lucky."""


class SegmentLength:
    """Learns from the segments that are done how many steps the next one may have.

    The numbers of a run do not depend on it: segments end where whole blocks do.

    Parameters
    ----------
    experiment : Experiment
        What is run.
    runs : int
        How many networks learn side by side.
    grains : sequence of int
        Steps after which programs may be cut without a difference, beginning anew at every
        snapshot; one entry a program.
    """

    def __init__(self, experiment: Experiment, runs: int, grains: Sequence[int]) -> None:
        # All groups stop at the same step, each at the end of one of its blocks.
        self._grain = math.lcm(*grains)
        self._steps = max(1.0, SEGMENT_SECONDS * _SLOW / (runs * _multiplications(experiment)))
        self._under_way, self._began = 0, 0.0

    def stop(self, first: int, longest: int, start: int) -> int:
        """Return where a segment that begins at `first` ends, at `longest` at the latest.

        Parameters
        ----------
        first, longest : int
            Steps.
        start : int
            Where blocks were last begun anew.
        """
        grain, done = self._grain, first - start
        reached = (done + int(self._steps)) // grain * grain
        # One grain at least, or a slow program would never move on.
        return min(start + max(reached, (done // grain + 1) * grain), longest)

    @property
    def expected(self) -> float:
        """Seconds that the segment under way should take; 0 where there is none."""
        return SEGMENT_SECONDS * self._under_way / self._steps

    def begin(self, steps: int) -> None:
        """Hear that a segment of so many steps begins."""
        self._under_way, self._began = steps, time.perf_counter()

    def end(self) -> None:
        """Hear that the segment under way has come to its end, if there was one."""
        if self._under_way:
            # The clock may not have ticked.
            seconds = max(time.perf_counter() - self._began, 1e-9)
            fit = self._under_way * SEGMENT_SECONDS / seconds
            # One that had to compile first is long; the next ones soon make up for it.
            self._steps = max(1.0, min(fit, _GROWTH * self._steps))
            self._under_way = 0


def _multiplications(experiment: Experiment) -> int:
    """Count the multiplications of a step of one network: forwards, backwards, and the update."""
    weights = 0
    positions = [experiment.image_shape, *experiment.activity_shapes]
    for shape, position in zip(experiment.weight_shapes, positions, strict=False):
        used = 1 if len(shape) == 2 else position[0] * position[1]
        weights += used * math.prod(shape)
    network = experiment.network
    moments = network.steps_per_image if isinstance(network, SpikingNetwork) else 1
    return 3 * experiment.schedule.batch_size * moments * weights
