"""Examples on the device, block by block, drawn ahead."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.experiment import Experiment
from fatheory.experiment.description import Description
from fatheory.initial import InitialState, Samples, block_steps, examples, sample_order
from fatheory.machine import usable_cores
from fatheory.train.ensemble import Batches

_MOST_AT_ONCE = 2**17
"""Numbers of a run's only block that are drawn when it is asked for: a thread of its own costs more
than it saves."""

_Drawn = tuple[np.ndarray, ...]
"""Inputs and targets of all replicas, (seed, step, batch, unit), or the order of their samples."""


class Loader:
    """Hands out the block of examples that holds a step; keeps it, and draws the next meanwhile.

    Finite samples go to the device once and blocks only say which of them are used. Replicas that
    all see the same examples, as cells of a sweep may, are given them once.

    Parameters
    ----------
    experiment : Experiment
        How many examples a step learns from, and how many steps there are.
    starts : sequence of InitialState
        One per replica; each says whose examples it sees.
    """

    def __init__(self, experiment: Experiment, starts: Sequence[InitialState]) -> None:
        # What has one program has the same root seed and batches.
        tasks = _numbered([start.experiment.task for start in starts])
        keys = [(task, start.seed) for task, start in zip(tasks, starts, strict=True)]
        if len(set(keys)) == 1:
            keys, starts = keys[:1], starts[:1]
        self._starts = dict(zip(keys, starts, strict=True))
        self._rows = {key: [i for i, own in enumerate(keys) if own == key] for key in self._starts}
        self._replicas = len(keys)
        self._experiment, self._dtype = experiment, np.dtype(experiment.precision)
        self._length = block_steps(experiment)
        self._number = -1
        self._block: Batches | None = None
        pools = [start.samples for start in starts if start.samples is not None]
        self._pool = on_device(pools, self._dtype) if pools else None
        # NumPy draws without holding the interpreter, so replicas are drawn side by side, and
        # beside the device.
        self._threads = ThreadPoolExecutor(usable_cores(), "fatheory examples")
        self._ahead: dict[int, tuple[_Drawn, list[Future[None]]]] = {}

    def block(self, step: int) -> tuple[Batches, int]:
        """Return the block of examples that `step` learns from, and its position in the block."""
        number, offset = divmod(step, self._length)
        if self._block is None or number != self._number:
            self._number, self._block = number, self._load(number)
            # One block ahead and no further: blocks take memory.
            following = (number + 1) * self._length
            if following < self._experiment.schedule.steps:
                self.draw_ahead(following)
        return self._block, offset

    def draw_ahead(self, step: int) -> None:
        """Begin to draw the block that holds a step, and forget others that were drawn ahead."""
        number = step // self._length
        self._ahead = {} if self._draws_at_once() else {number: self._begin(number)}

    def close(self) -> None:
        """Leave out what is drawn ahead and nobody will ask for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _load(self, number: int) -> Batches:
        known = self._ahead.pop(number) if number in self._ahead else None
        drawn, under_way = known or self._begin(number)
        for replica in under_way:
            replica.result()
        if self._pool is not None:
            return Batches(*self._pool, jnp.asarray(drawn[0]))
        inputs, targets = map(jnp.asarray, drawn)
        return Batches(inputs, targets, None)

    def _begin(self, number: int) -> tuple[_Drawn, list[Future[None]]]:
        """Draw a block for every replica; once for those that see the same examples."""
        first, stop = number * self._length, (number + 1) * self._length
        drawn = self._room()

        def draw(start: InitialState, rows: list[int]) -> None:
            if self._pool is None:
                own: _Drawn = examples(start.experiment, start.seed, start, first, stop)
            else:
                own = (sample_order(start.experiment, start.seed, first, stop),)
            for stack, array in zip(drawn, own, strict=True):
                for row in rows:
                    stack[row] = array  # rounded here, to what the device takes

        own_rows = [(start, self._rows[key]) for key, start in self._starts.items()]
        if self._draws_at_once():
            for start, rows in own_rows:
                draw(start, rows)
            return drawn, []
        return drawn, [self._threads.submit(draw, start, rows) for start, rows in own_rows]

    def _draws_at_once(self) -> bool:
        """Whether a run has one block, which is drawn faster than a thread begins."""
        task, schedule = self._experiment.task, self._experiment.schedule
        numbers = len(self._starts) * self._length * schedule.batch_size
        numbers *= 1 if self._pool is not None else task.inputs + task.outputs
        return schedule.steps <= self._length and numbers <= _MOST_AT_ONCE

    def _room(self) -> _Drawn:
        task, batch = self._experiment.task, self._experiment.schedule.batch_size
        axes = (self._replicas, self._length, batch)
        if self._pool is not None:
            # Also in double precision: no pool has 2^31 samples.
            return (np.empty(axes, np.int32),)
        return tuple(np.empty((*axes, n), self._dtype) for n in (task.inputs, task.outputs))


def _numbered(tasks: Sequence[Description]) -> list[int]:
    """Give tasks numbers, equal ones the same."""
    # Each object is compared once: a description is written out for that.
    known = {id(task): task for task in tasks}
    numbers = {task: i for i, task in enumerate(dict.fromkeys(known.values()))}
    of_object = {key: numbers[task] for key, task in known.items()}
    return [of_object[id(task)] for task in tasks]


def on_device(pools: Sequence[Samples], dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
    """Return inputs and targets of all seeds, (seed, sample, unit).

    Images are the same for all seeds, and large: one copy of shape (sample, unit) serves them all.
    """
    if all(pool is pools[0] for pool in pools):
        return jnp.asarray(pools[0].inputs, dtype), jnp.asarray(pools[0].targets, dtype)
    return (
        jnp.asarray(np.stack([pool.inputs for pool in pools]), dtype),
        jnp.asarray(np.stack([pool.targets for pool in pools]), dtype),
    )
