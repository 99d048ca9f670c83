"""What the device decides: where runs live, how many go side by side, and in which portions."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.initial import InitialState
from fatheory.networks import Architecture
from fatheory.rules import Backprop, FixedFeedback
from fatheory.train.learner import Learner

CACHE_BYTES = 2**24
"""First-layer weights of a group that learns block by block on a CPU: they should stay in cache."""
IMAGES_AT_A_TIME = 500
"""Images on which a convolutional network is evaluated side by side."""
LONG_BLOCK = 128
"""Online examples whose products are taken at once, where inputs are many."""
SMALLEST_INPUT = 128
"""Below so many inputs the corrections of a block cost as much as the products that they save."""
LONGEST_SPIKING_BLOCK = 32
"""Time steps times streams. Longer blocks save memory traffic for weights, shorter ones
corrections."""


def on_cpu() -> bool:
    """Return whether this process computes on a CPU."""
    return jax.default_backend() == "cpu"


def architecture_of(experiment: Experiment) -> Architecture:
    """Return what an experiment's network computes, as this process computes it best.

    On a CPU convolutions are matrix products: XLA's own one falls there, inside of loops, to about
    a twentieth of the speed that it has as a single step. Elsewhere XLA's is the faster one.
    """
    image = experiment.image_shape
    return Architecture.of(experiment.network, image, convolve_by_products=on_cpu())


def runs_take_turns(experiment: Experiment) -> bool:
    """Return whether runs go through their steps one after another rather than side by side.

    On a CPU, where convolutions and spiking networks fill it by themselves and the arrays of one
    run stay in its cache.
    """
    spikes = isinstance(experiment.network, SpikingNetwork)
    return on_cpu() and (spikes or bool(experiment.network.convolutions))


def runs_at_a_time(experiment: Experiment) -> int:
    """Return how many runs need room for their activities at the same time."""
    return 1 if runs_take_turns(experiment) else len(experiment.rules) * len(experiment.seeds)


def online_block(experiment: Experiment, start: InitialState) -> int:
    """Choose the block length of online learning; 0 where steps are taken one by one."""
    schedule, update = experiment.schedule, experiment.update
    # A block takes one learning rate for all its examples, and weight changes to be gradients
    # themselves, which momentum and signs are not.
    online = schedule.batch_size == 1 and schedule.decay is None
    remembered = update.momentum or update.manhattan or update.optimizer != "sgd"
    plain = not (remembered or experiment.network.dropout)
    dense = not experiment.network.convolutions
    # Where connections are missing, examples overlap differently for every unit.
    whole = start.connections.forward[0] is None
    fit = online and plain and dense and whole
    length = block_length(experiment.task.inputs) if fit else 0
    # An unfinished block costs as much as a whole one.
    return length if length < LONG_BLOCK or _snapshot_interval(experiment) >= 4 * length else 64


def block_length(inputs: int) -> int:
    """Choose how many examples to take at a time; 0 for inputs that are too small.

    Long blocks save memory traffic for the weights, short ones corrections. Measured on two cores
    at 784-1000-10: with inner blocks, 128 take 0.92 to 1 times as long as 64 without.
    """
    if inputs < SMALLEST_INPUT:
        return 0
    if inputs < 512:
        return 32
    return LONG_BLOCK if on_cpu() else 64


def blocks_within(
    experiment: Experiment, start: InitialState, runs: int
) -> tuple[int, tuple[int, ...], int]:
    """Choose how a program parts its blocks, and how many inputs take part in them.

    Parameters
    ----------
    experiment : Experiment
        What is run.
    start : InitialState
        One of its starts.
    runs : int
        How many go side by side in the program.

    Returns
    -------
    block : int
        Its length; 0 where steps are taken one by one.
    inner : tuple of int
        Lengths of the blocks within, each a divisor of the one before.
    lit_inputs : int
        How many inputs take part in a block whose others are zero; 0 for always all.
    """
    length = online_block(experiment, start)
    if not length:
        return 0, (), 0
    few = _few_inputs(experiment, start)
    # Weights of dark inputs are left out run by run, which costs runs side by side more than it
    # saves; a longer block pays for copying the others. With MNIST at 784-1000-10 this takes nine
    # tenths of the time that blocks of 128 with all inputs take.
    alone = length == LONG_BLOCK and runs == 1 and on_cpu()
    if few and alone and _snapshot_interval(experiment) >= 8 * LONG_BLOCK:
        return 2 * LONG_BLOCK, (16,), few
    # Each level costs kernels of its own: in blocks of 64 it gains nothing, and an accelerator has
    # too many of them already.
    return length, (16,) if length == LONG_BLOCK and on_cpu() else (), 0


def spiking_block_length(learner: Learner, streams: int) -> int:
    """Choose how many time steps to take at a time.

    One, where V follows the weights in another way than as their transpose.
    """
    # Fixed feedback stays through a block, and the transpose follows by the same formula as the
    # weights; sign(W) or pinv(W) would have to be made anew at every step.
    known = (FixedFeedback.backward_weights, Backprop.backward_weights)
    exact = all(function in known for function in learner.feedback_paths[0].functions)
    return max(1, LONGEST_SPIKING_BLOCK // streams) if exact else 1


def _snapshot_interval(experiment: Experiment) -> int:
    """Return the steps between two snapshots, on average: blocks begin anew at each."""
    return experiment.schedule.steps // max(1, len(experiment.snapshot_steps) - 1)


def _few_inputs(experiment: Experiment, start: InitialState) -> int:
    """Return three quarters of the inputs if samples light no more in a long block, else 0.

    Of MNIST's 784, some 557 are lit in 256 images. One size for all blocks, for each would be
    compiled by itself; a block in which more are lit takes all, so this decides about speed alone.
    """
    if start.samples is None:
        return 0
    few = experiment.task.inputs * 3 // 4
    return few if np.any(start.samples.inputs[: 2 * LONG_BLOCK], axis=0).sum() <= few else 0


def parted_replicas(
    experiment: Experiment, starts: Sequence[InitialState], rules: int, devices: int
) -> list[slice]:
    """Part the replicas over devices, and so that what a group works on fits into a CPU's cache."""
    count = len(starts)
    size = -(-count // devices)
    if online_block(experiment, starts[0]) and on_cpu():
        first = starts[0].weights[0].size * np.dtype(experiment.precision).itemsize * rules
        size = max(1, min(size, CACHE_BYTES // first))
    # Groups of equal size share one compiled program.
    # A divisor of the count, unless that would leave groups of less than half the size.
    size = next(n for n in range(size, 0, -1) if count % n == 0 or n <= size // 2 + 1)
    return [slice(i, min(i + size, count)) for i in range(0, count, size)]


class DeviceCache:
    """A device, and copies there of arrays that are handed over again and again.

    Parameters
    ----------
    device : jax.Device or None
        None where there is no choice: nothing is moved.
    """

    def __init__(self, device: jax.Device | None) -> None:
        self._device = device
        self._known: dict[str, list[tuple[Any, Any]]] = {}

    def put(self, tree: Any) -> Any:
        """Return arrays on the device."""
        return tree if self._device is None else jax.device_put(tree, self._device)

    def keep(self, what: str, tree: Any) -> Any:
        """Return arrays on the device; those that were handed over last time are not moved again.

        Parameters
        ----------
        what : str
            What the arrays are for: each purpose has its own last time.
        tree : pytree
            The arrays.
        """
        if self._device is None:
            return tree
        leaves, structure = jax.tree.flatten(tree)
        before = self._known.get(what, [])
        moved = [
            # By identity, which is safe: the pair keeps the leaf alive, so none can take its
            # address.
            known[1] if known is not None and known[0] is leaf else self.put(leaf)
            for leaf, known in zip(leaves, [*before, *[None] * len(leaves)], strict=False)
        ]
        self._known[what] = list(zip(leaves, moved, strict=True))
        return jax.tree.unflatten(structure, moved)


def device_caches() -> list[DeviceCache]:
    """Return a cache for every local device; one without a choice where there is one device."""
    devices = jax.local_devices()
    return [DeviceCache(device) for device in devices] if len(devices) > 1 else [DeviceCache(None)]
