"""Which cells train together, and which share files."""

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.sweep.answer import SIMULATION, memory_of
from fatheory.sweep.cell import Cell
from fatheory.train import program_of

# Larger ones share more, and lose more when they are interrupted.
MOST = 32
"""Cells of a batch at most."""
LEAST_BATCHES = 8
"""A sweep has so many batches if it has as many cells, so that several workers have work."""
WORK = 2.0**34
"""Work of a batch of several cells at most, in weights changed; tens of seconds on a processor."""
MEMORY = 2**28
"""What a batch of several cells may need beside its examples, in bytes."""


@dataclass(frozen=True)
class Batch:
    """Experiments that train together, or are solved one after another.

    Attributes
    ----------
    experiments : tuple of Experiment
        They differ from each other.
    hashes : tuple of str
        Their content hashes.
    source : str
        What answers them.
    """

    experiments: tuple[Experiment, ...]
    hashes: tuple[str, ...]
    source: str = SIMULATION

    @classmethod
    def of(cls, cells: Sequence[Cell], source: str) -> "Batch":
        """Return the batch of some cells, those left out that are no experiments."""
        once = {cell.content_hash: cell.experiment for cell in cells if cell.experiment}
        return cls(tuple(once.values()), tuple(once), source)

    @property
    def memory(self) -> int:
        """Bytes that answering it takes at most; stored examples are there once for all."""
        if self.source != SIMULATION:
            # One after another, so the largest counts.
            return max(sum(memory_of(one, self.source).values()) for one in self.experiments)
        total, shared = 0, {}
        for experiment in self.experiments:
            needed = memory_of(experiment, self.source)
            if experiment.task.stored:
                shared[experiment.task] = needed.pop("examples")
            total += sum(needed.values())
        return total + sum(shared.values())

    def select(self, wanted: Mapping[str, Sequence[str]]) -> list[Sequence[str]]:
        """Return what is wanted of each experiment, from what is wanted by content hash."""
        return [wanted[content_hash] for content_hash in self.hashes]

    def without(self, known: Collection[str]) -> "Batch":
        """Return what is left of the batch when some experiments, by hash, are done."""
        left = [i for i, content_hash in enumerate(self.hashes) if content_hash not in known]
        experiments = tuple(self.experiments[i] for i in left)
        return Batch(experiments, tuple(self.hashes[i] for i in left), self.source)

    def alone(self) -> "list[Batch]":
        """Return a batch for every experiment."""
        pairs = zip(self.experiments, self.hashes, strict=True)
        return [Batch((one,), (content_hash,), self.source) for one, content_hash in pairs]


@dataclass(frozen=True)
class Plan:
    """How a sweep is carried out.

    It follows from the cells alone, whoever carries it out and whatever is done already, so that
    the results do too, to the last bit.

    Attributes
    ----------
    leading : int
        Number of axes, the first ones, along which the archive grows. The cells of a row, which
        is what the other axes span, share files: many small files cost more than what is in them.
    batches : tuple of Batch
        Whole rows, each experiment once.
    """

    leading: int
    batches: tuple[Batch, ...]

    @classmethod
    def of(cls, cells: Sequence[Cell], shape: Sequence[int], source: str = SIMULATION) -> "Plan":
        """Plan the cells of a grid, the last axis running fastest.

        Rows whose cells train by the same programs, one by one, are together. Solutions share
        nothing, so rows of theory are together by their number alone.
        """
        # Reversed, so that the first of equal cells is the one that stays.
        first = {cell.content_hash: cell for cell in reversed(cells) if cell.experiment}
        most = _together([cell.experiment for cell in first.values() if cell.experiment], source)
        repeated = len(first) < sum(cell.experiment is not None for cell in cells)
        # A row is written as a whole. One that shares an experiment with another row would have to
        # wait for that row's batch, so each cell is then a row of its own.
        leading = len(shape) if repeated else _leading(shape, most)
        size = math.prod(shape[leading:])
        programs: dict[Hashable, list[Sequence[Cell]]] = {}
        for row in rows(cells, size):
            new = [cell for cell in row if first.get(cell.content_hash) is cell]
            if new:
                experiments = [cell.experiment for cell in new if cell.experiment]
                key = tuple(map(program_of, experiments)) if source == SIMULATION else ()
                programs.setdefault(key, []).append(new)
        batches = [
            Batch.of([cell for row in part for cell in row], source)
            for together in programs.values()
            for part in _parts(together, max(1, most // size))
        ]
        return cls(leading, tuple(batches))


def rows(cells: Sequence[Cell], size: int) -> list[Sequence[Cell]]:
    """Cut the cells of a grid into rows of equal size."""
    return [cells[i : i + size] for i in range(0, len(cells), size)]


def _leading(shape: Sequence[int], most: int) -> int:
    """Return the number of axes before those that span no more than so many cells."""
    return next(i for i in range(1, len(shape) + 1) if math.prod(shape[i:]) <= most)


def _together(experiments: Sequence[Experiment], source: str) -> int:
    """Return how many experiments make a batch, of the size of the largest."""
    if source != SIMULATION:
        return max(1, min(MOST, math.ceil(len(experiments) / LEAST_BATCHES)))
    work = max(map(_work, experiments))
    memory = max(map(_memory, experiments))
    most = min(MOST, math.ceil(len(experiments) / LEAST_BATCHES), WORK / work, MEMORY / memory)
    return max(1, int(most))


def _work(experiment: Experiment) -> float:
    schedule, network = experiment.schedule, experiment.network
    runs = len(experiment.rules) * len(experiment.seeds)
    learned = sum(map(math.prod, experiment.weight_shapes))
    times = network.steps_per_image if isinstance(network, SpikingNetwork) else 1
    return float(runs * learned * schedule.steps * schedule.batch_size * times)


def _memory(experiment: Experiment) -> int:
    needed = memory_of(experiment, SIMULATION)
    return sum(needed.values()) - needed["examples"]


def _parts(together: list[Sequence[Cell]], most: int) -> Iterator[list[Sequence[Cell]]]:
    """Cut into parts of nearly equal length: programs compile for each length anew."""
    size = math.ceil(len(together) / math.ceil(len(together) / most))
    for first in range(0, len(together), size):
        yield together[first : first + size]
