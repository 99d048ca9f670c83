"""Examples on the device, block by block."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fatheory.experiment import Experiment
from fatheory.initial import InitialState, Samples, block_steps, examples, sample_order
from fatheory.train.ensemble import Batches


class Loader:
    """Hands out the block of examples that holds a step; keeps the latest one.

    Finite samples go to the device once and blocks only say which of them are used. Replicas that
    all see the same examples, as cells of a sweep may, are given them once.

    Parameters
    ----------
    experiment : Experiment
        How many examples a step learns from.
    starts : sequence of InitialState
        One per replica; each says whose examples it sees.
    """

    def __init__(self, experiment: Experiment, starts: Sequence[InitialState]) -> None:
        self._experiment = experiment
        # What has one program has the same root seed and batches.
        self._keys = [(start.experiment.task, start.seed) for start in starts]
        if len(set(self._keys)) == 1:
            self._keys, starts = self._keys[:1], starts[:1]
        self._starts = starts
        self._dtype = np.dtype(experiment.precision)
        self._length = block_steps(experiment)
        self._number = -1
        self._block: Batches | None = None
        self._pool: tuple[jax.Array, jax.Array] | None = None
        pools = [start.samples for start in self._starts if start.samples is not None]
        if pools:
            self._pool = on_device(pools, self._dtype)

    def block(self, step: int) -> tuple[Batches, int]:
        """Return the block of examples that `step` learns from, and its position in the block."""
        number, offset = divmod(step, self._length)
        if self._block is None or number != self._number:
            self._number, self._block = number, self._load(number)
        return self._block, offset

    def _load(self, number: int) -> Batches:
        first, stop = number * self._length, (number + 1) * self._length
        if self._pool is not None:
            order = self._for_all(lambda s: sample_order(s.experiment, s.seed, first, stop))
            # Also in double precision: no pool has 2^31 samples.
            return Batches(*self._pool, jnp.asarray(np.stack(order), jnp.int32))
        drawn = self._for_all(lambda s: examples(s.experiment, s.seed, s, first, stop))
        return Batches(
            jnp.asarray(np.stack([d.inputs for d in drawn]), self._dtype),
            jnp.asarray(np.stack([d.targets for d in drawn]), self._dtype),
            None,
        )

    def _for_all(self, draw: Callable[[InitialState], Any]) -> list[Any]:
        """Draw for every replica; once for those that see the same examples."""
        once = dict(zip(self._keys, self._starts, strict=True))
        if len(once) == 1:
            return [draw(self._starts[0])]
        # NumPy draws without holding the interpreter, so replicas are drawn side by side.
        with ThreadPoolExecutor() as pool:
            drawn = dict(zip(once, pool.map(draw, once.values()), strict=True))
        return [drawn[key] for key in self._keys]


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
