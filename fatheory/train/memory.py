"""How much memory a run will take, told before it starts."""

import itertools
import math

import jax
import numpy as np

from fatheory.errors import MemoryEstimateError
from fatheory.experiment import (
    Experiment,
    LinearTask,
    QuadraticTask,
    SpikingNetwork,
    TeacherTask,
)
from fatheory.initial import block_steps
from fatheory.machine import free_memory
from fatheory.quantities import find_quantities
from fatheory.train.device import IMAGES_AT_A_TIME, LONGEST_SPIKING_BLOCK, runs_at_a_time
from fatheory.train.spiking_measure import STREAMS

_HOST_ITEM = 8
"""Draws are made in double precision."""


def estimate_memory(experiment: Experiment, *, on_disk: bool = False) -> dict[str, int]:
    """Estimate what `fatheory.simulate` will need at its peak, in bytes by part.

    Counted are the large arrays: what tasks are made of, draws and device copies of weights and
    feedback with gradients and updates, training examples, factors of learning rates, activities
    while measuring, and what is recorded with the copies made when the archive is put together.
    Compiled programs and Python take some 0.3 GB beside them.

    Parameters
    ----------
    experiment : Experiment
        What would be run.
    on_disk : bool
        Whether its record goes to disk as the run goes on.
    """
    item = np.dtype(experiment.precision).itemsize
    rules, seeds = len(experiment.rules), len(experiment.seeds)
    per_network = learned_numbers(experiment)
    upper = sum(math.prod(shape) for shape in experiment.weight_shapes[1:])
    # Weights, gradient and update are alive at the same time; what updates remember beside them.
    copies = 3 + experiment.update.memories
    snapshots = 1 if on_disk else len(experiment.snapshot_steps)
    return {
        "task": _task(experiment, item),
        "weights": seeds * per_network * (_HOST_ITEM + copies * rules * item),
        "feedback": rules * seeds * upper * (2 * _HOST_ITEM + item),
        "examples": _examples(experiment, item),
        "rate factors": _rate_factors(experiment, item),
        "activities": activity_bytes(experiment),
        "record": 3 * rules * seeds * snapshots * recorded_numbers(experiment) * item,
    }


def require_memory(experiment: Experiment, *, on_disk: bool = False) -> None:
    """Refuse an experiment that will not fit into memory; see `estimate_memory`.

    Raises
    ------
    MemoryEstimateError
        With the estimate by part, what there is, and what to reduce.
    """
    needed, available = estimate_memory(experiment, on_disk=on_disk), available_memory()
    if available is not None and sum(needed.values()) > available:
        raise MemoryEstimateError(needed, available)


def available_memory() -> int | None:
    """Return the bytes that are free where arrays will lie; None where nobody tells."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        # JAX takes a part of the device for itself; what is free beyond it is out of reach.
        limit = stats.get("bytes_limit")
        return None if limit is None else int(limit) - int(stats.get("bytes_in_use", 0))
    return free_memory()


def _task(experiment: Experiment, item: int) -> int:
    """Count what targets and inputs of all seeds are made from."""
    task, seeds = experiment.task, len(experiment.seeds)
    if isinstance(task, LinearTask):
        covariance, numbers = task.inputs**2, task.inputs * (task.inputs + task.outputs)
        # T and Sigma, and their stacks that go into the archive, in both precisions.
        held = seeds * numbers * (2 * _HOST_ITEM + item)
        if not task.spectrum_decay:
            return held
        # The root of Sigma; and what one seed's are computed with.
        return held + (seeds + 4) * covariance * _HOST_ITEM
    if isinstance(task, QuadraticTask):
        return seeds * task.outputs * task.inputs**2 * _HOST_ITEM
    if isinstance(task, TeacherTask):
        sizes = itertools.pairwise((task.inputs, *task.hidden, task.outputs))
        return seeds * sum(n_out * (n_in + 1) for n_in, n_out in sizes) * _HOST_ITEM
    return 0


def _rate_factors(experiment: Experiment, item: int) -> int:
    """Count the factors of learning rates that fall: drawn up, added up, and on the device."""
    schedule = experiment.schedule
    return 0 if schedule.decay is None else schedule.steps * (3 * _HOST_ITEM + item)


def _examples(experiment: Experiment, item: int) -> int:
    """Count training examples, drawn and on the device, and those of evaluation."""
    task, seeds = experiment.task, len(experiment.seeds)
    numbers = task.inputs + task.outputs
    if task.stored or task.each_seeds:
        return task.example_bytes(item) * (seeds if task.each_seeds else 1)
    if task.samples:
        return seeds * task.samples * numbers * (2 * _HOST_ITEM + item)
    # One block is drawn while another is learned from.
    block = block_steps(experiment) * experiment.schedule.batch_size
    return seeds * block * numbers * (2 * _HOST_ITEM + 2 * item)


def activity_bytes(experiment: Experiment) -> int:
    """Count activities and their gradients on what is measured."""
    item = np.dtype(experiment.precision).itemsize
    if experiment.network.convolutions:
        return _convolved(experiment, item)
    if isinstance(experiment.network, SpikingNetwork):
        return _spiking(experiment, item)
    task, units = experiment.task, sum(experiment.sizes)
    runs = len(experiment.rules) * len(experiment.seeds)
    if not task.held_out:
        return 3 * runs * experiment.probe_samples * units * item
    # All held-out examples of one run, and the probe of all runs, one after the other.
    shown = experiment.probe_samples if experiment.record.quantities else 0
    return max(2 * task.held_out * units * item, 3 * runs * shown * units * item)


def _convolved(experiment: Experiment, item: int) -> int:
    """Count activities of a convolutional network, with the patches that its kernels see.

    On a CPU one run at a time works on its batch or its part of the images; elsewhere all do.
    """
    # Evaluation goes forwards only.
    shown = max(experiment.schedule.batch_size, IMAGES_AT_A_TIME // 2)
    if experiment.record.quantities:
        shown = max(shown, experiment.probe_samples)
    shapes = [experiment.image_shape, *experiment.activity_shapes]
    numbers = 3 * sum(experiment.sizes)
    for shape, (channels, *kernel) in zip(shapes, experiment.weight_shapes, strict=False):
        if len(kernel) == 3:
            (rows, columns, _), (below, k, _) = shape, kernel
            # Patches of the image, or moved copies of activities and errors; and preactivations.
            copies = k * k * below if shape is shapes[0] else 2 * k * (below + channels)
            numbers += rows * columns * (copies + 3 * channels)
    runs = runs_at_a_time(experiment)
    return runs * shown * numbers * item


def _spiking(experiment: Experiment, item: int) -> int:
    """Count activities of a spiking network, with random numbers and what a block notes."""
    rows = max(STREAMS, LONGEST_SPIKING_BLOCK, experiment.schedule.batch_size)
    runs = runs_at_a_time(experiment)
    # A block works on the transposed weights beside the weights.
    weights = sum(math.prod(shape) for shape in experiment.weight_shapes)
    return runs * (4 * rows * sum(experiment.sizes) + weights) * item


def recorded_numbers(experiment: Experiment) -> int:
    """Count the numbers that one run records at one step."""
    # Beside the loss.
    recorded = find_quantities(experiment.record.quantities)
    return 1 + sum(quantity.count(experiment) for quantity in recorded)


def learned_numbers(experiment: Experiment) -> int:
    """Count the weights and biases of a network."""
    return sum(math.prod(shape) + shape[0] for shape in experiment.weight_shapes)
