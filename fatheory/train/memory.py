"""How much memory a run will take, told before it starts."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np

from fatheory.errors import MemoryEstimateError
from fatheory.experiment import Experiment, ImageTask
from fatheory.initial import block_steps
from fatheory.tasks import image_set

_HOST_ITEM = 8
"""Draws are made in double precision."""
_MEMORY_INFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def estimate_memory(experiment: Experiment) -> dict[str, int]:
    """Estimate what `fatheory.simulate` will need at its peak, in bytes by part.

    Counted are the large arrays: draws and device copies of weights and feedback with gradients
    and updates, training examples, activities while measuring, and what is recorded with the
    copies made when the archive is put together. Compiled programs and Python take some 0.3 GB
    beside them.
    """
    item = np.dtype(experiment.precision).itemsize
    rules, seeds = len(experiment.rules), len(experiment.seeds)
    per_network = _learned(experiment.sizes)
    above = sum(n_out * n_in for n_in, n_out in itertools.pairwise(experiment.sizes[1:]))
    copies = 4 if experiment.update.momentum else 3
    return {
        "weights": seeds * per_network * (_HOST_ITEM + copies * rules * item),
        "feedback": rules * seeds * above * (2 * _HOST_ITEM + item),
        "examples": _examples(experiment, item),
        "activities": _activities(experiment, item),
        "record": 3 * rules * seeds * len(experiment.snapshot_steps) * _recorded(experiment) * item,
    }


def require_memory(experiment: Experiment) -> None:
    """Refuse an experiment that will not fit into memory.

    Raises
    ------
    MemoryEstimateError
        With the estimate by part, what there is, and what to reduce.
    """
    needed, available = estimate_memory(experiment), available_memory()
    if available is not None and sum(needed.values()) > available:
        raise MemoryEstimateError(needed, available)


def available_memory() -> int | None:
    """Return the bytes that are free where arrays will lie; None where nobody tells."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        limit = stats.get("bytes_limit")
        return None if limit is None else int(limit) - int(stats.get("bytes_in_use", 0))
    known = [size for size in (_free_of_machine(), _free_of_group()) if size is not None]
    return min(known, default=None)


def _examples(experiment: Experiment, item: int) -> int:
    """Count training examples, drawn and on the device, and images of evaluation."""
    task, seeds = experiment.task, len(experiment.seeds)
    numbers = task.inputs + task.outputs
    if isinstance(task, ImageTask):
        entry = image_set(task.dataset)
        # Pixels are read as bytes, divided in single precision, and put on the device.
        return (entry.train + entry.test) * numbers * (1 + 4 + item)
    if task.samples:
        return seeds * task.samples * numbers * (2 * _HOST_ITEM + item)
    # One block is drawn while another is learned from.
    block = block_steps(experiment) * experiment.schedule.batch_size
    return seeds * block * numbers * (2 * _HOST_ITEM + 2 * item)


def _activities(experiment: Experiment, item: int) -> int:
    """Count activities and their gradients on what is measured."""
    task, units = experiment.task, sum(experiment.sizes)
    runs = len(experiment.rules) * len(experiment.seeds)
    if not isinstance(task, ImageTask):
        return 3 * runs * _probe(experiment) * units * item
    # All held-out images of one run, and the probe of all runs, one after the other.
    shown = _probe(experiment) if experiment.record.quantities else 0
    return max(2 * _held_out(task) * units * item, 3 * runs * shown * units * item)


def _held_out(task: ImageTask) -> int:
    entry = image_set(task.dataset)
    return entry.test if task.evaluation == "test" else entry.validation


def _probe(experiment: Experiment) -> int:
    """Count the samples on which teaching signals are measured."""
    task, asked = experiment.task, experiment.record.probe_samples
    return min(asked, _held_out(task)) if isinstance(task, ImageTask) else task.samples or asked


def _recorded(experiment: Experiment) -> int:
    """Count the numbers that one run records at one step."""
    sizes, record = experiment.sizes, experiment.record
    sizes_of: Mapping[str, int] = {
        "weights": _learned(sizes),
        "teaching_signals": 2 * _probe(experiment) * sum(sizes[1:]),
        "pseudobackprop_angles": 2 * experiment.layers,
        "classification_error": 1,
        "training_error": 2,
        "receptive_fields": min(record.receptive_units, sizes[1]) * sizes[0],
        "unit_angle": sizes[-2],
    }
    return 1 + sum(sizes_of.get(name, experiment.layers) for name in record.quantities)


def _learned(sizes: tuple[int, ...]) -> int:
    """Count the weights and biases of a network."""
    return sum(n_out * (n_in + 1) for n_in, n_out in itertools.pairwise(sizes))


def _free_of_machine() -> int | None:
    try:
        lines = _MEMORY_INFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(free[0]) if free else None


def _free_of_group() -> int | None:
    """Return what a container's limit leaves, where there is one (cgroup version 2)."""
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (_CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(limit) - int(used) if limit.isdigit() and used.isdigit() else None
