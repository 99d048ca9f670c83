"""The sequence of training examples, the same for every rule and addressable by step."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fatheory.experiment import Experiment
from fatheory.initial.initial_state import InitialState
from fatheory.initial.streams import stream

_BLOCK_NUMBERS = 2**16
"""Numbers in a block of examples at most. Part of the streams' definition: do not change it."""


def block_steps(experiment: Experiment) -> int:
    """Return the number of consecutive steps whose examples are drawn together.

    Of fresh examples, which come from one random stream: the largest power of two whose examples
    of one seed are few enough to stay in cache, from 1 to 4096. It follows from the batch size and
    the sizes of input and output alone. Of finite samples, which are only put in order: whole
    epochs, of about as many steps.
    """
    task = experiment.task
    if task.samples:
        per_epoch = task.samples // experiment.schedule.batch_size
        return per_epoch * max(1, 4096 // per_epoch)
    numbers = experiment.schedule.batch_size * (task.inputs + task.outputs)
    return 2 ** min(12, max(0, (_BLOCK_NUMBERS // numbers).bit_length() - 1))


class Examples(NamedTuple):
    """Examples of consecutive steps.

    Attributes
    ----------
    inputs : array of shape (step, batch, n_i)
        x.
    targets : array of shape (step, batch, n_o)
        y*, with noise where the task has any.
    """

    inputs: Float[np.ndarray, "step batch n_i"]
    targets: Float[np.ndarray, "step batch n_o"]


def examples(
    experiment: Experiment, seed: int, start: InitialState, first: int, stop: int
) -> Examples:
    """Return the examples of steps `first` to `stop` - 1 of one seed.

    Step k learns from example k whatever was asked before: online examples come from one stream
    per block of steps, finite samples from one permutation per epoch.
    """
    if start.samples is not None:
        order = sample_order(experiment, seed, first, stop)
        return Examples(start.samples.inputs[order], start.samples.targets[order])
    length = block_steps(experiment)
    blocks = range(first // length, (stop - 1) // length + 1)
    drawn = [_online_block(experiment, seed, start, block) for block in blocks]
    window = slice(first - blocks.start * length, stop - blocks.start * length)
    return Examples(
        np.concatenate([d.inputs for d in drawn])[window],
        np.concatenate([d.targets for d in drawn])[window],
    )


def sample_order(
    experiment: Experiment, seed: int, first: int, stop: int
) -> Int[np.ndarray, "step batch"]:
    """Return which of the finite samples each step learns from.

    Every epoch permutes the samples anew; a remainder smaller than a batch is left out of that
    epoch. A full batch keeps the samples in order.
    """
    samples, batch = experiment.task.samples, experiment.schedule.batch_size
    # Every order has the same mean; in one order it rounds alike at every step.
    if batch == samples:
        return np.tile(np.arange(samples), (stop - first, 1))
    per_epoch = samples // batch
    rows = []
    for epoch in range(first // per_epoch, (stop - 1) // per_epoch + 1):
        # A stream an epoch, so any step's batch is found without the epochs before it.
        order = stream(experiment.root_seed, seed, "order", epoch).permutation(samples)
        rows.append(order[: per_epoch * batch].reshape(per_epoch, batch))
    offset = first // per_epoch * per_epoch
    return np.concatenate(rows)[first - offset : stop - offset]


def _online_block(experiment: Experiment, seed: int, start: InitialState, block: int) -> Examples:
    task, batch = experiment.task, experiment.schedule.batch_size
    length = block_steps(experiment)
    count = length * batch
    source = stream(experiment.root_seed, seed, "inputs", block)
    assert start.problem is not None  # images are finite samples
    inputs = start.problem.inputs(source, count)
    targets = start.problem.targets(inputs)
    if task.noise:
        # A stream of its own: inputs are the same with and without noise.
        noise = stream(experiment.root_seed, seed, "noise", block)
        targets += noise.normal(0.0, task.noise, targets.shape)
    # One product for all steps is many times faster than one for each.
    return Examples(
        inputs.reshape(length, batch, task.inputs), targets.reshape(length, batch, task.outputs)
    )
