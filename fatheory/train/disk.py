"""How much disk an archive will take, told before a run starts."""

import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fatheory.errors import DiskEstimateError, DiskEstimateWarning
from fatheory.experiment import Experiment, LinearTask
from fatheory.machine import size_text
from fatheory.quantities import WEIGHTS, find_quantity
from fatheory.train.memory import learned_numbers, recorded_numbers

COMPRESSED = 0.8
"""What compression leaves of numbers such as weights: signs and mantissas are as good as random,
exponents are not."""
_WORTH_A_WORD = 0.5
"""The part of the free space that a run takes without a word at most."""


def estimate_disk(experiment: Experiment) -> dict[str, int]:
    """Estimate the bytes that the archive of a run takes at its largest, by part.

    Counted are what is recorded, what was drawn, and the state from which the run can go on,
    which is there twice while a new one replaces the last.
    """
    item = np.dtype(experiment.precision).itemsize
    rules, seeds = len(experiment.rules), len(experiment.seeds)
    memories = experiment.update.memories
    parts = {
        "record": rules * seeds * _recorded(experiment),
        "draws": seeds * _drawn(experiment),
        # The former state goes when the next one is whole: between, there are two.
        "state": 2 * rules * seeds * (1 + memories) * learned_numbers(experiment),
    }
    return {name: int(COMPRESSED * numbers * item) for name, numbers in parts.items()}


def require_disk(experiment: Experiment, path: str | os.PathLike[str]) -> None:
    """Refuse a run whose archive will not fit where it is to go; see `estimate_disk`.

    An archive that is there already is taken for what is left of it.

    Warns
    -----
    DiskEstimateWarning
        If it takes more than half of what is free.

    Raises
    ------
    DiskEstimateError
        With the estimate by part, what there is, and what to reduce.
    """
    require_room(estimate_disk(experiment), path)


def require_room(needed: Mapping[str, int], path: str | os.PathLike[str]) -> None:
    """Refuse an archive of so many bytes, by part, where they are not free; see `require_disk`."""
    target = Path(path).absolute()
    left = sum(needed.values()) - _size(target)
    free = free_disk(target)
    if left > free:
        raise DiskEstimateError(needed, free, target)
    if left > _WORTH_A_WORD * free:
        warnings.warn(
            f"the archive will take about {size_text(left)} of the {size_text(free)} that are "
            f"free at {target}: ask for fewer snapshots, seeds or quantities, or another place",
            DiskEstimateWarning,
            stacklevel=4,
        )


def free_disk(target: Path) -> int:
    """Return the free bytes of the file system where a path lies or will lie."""
    there = next(folder for folder in (target, *target.parents) if folder.exists())
    return shutil.disk_usage(there).free


def _recorded(experiment: Experiment) -> int:
    """Count the numbers that one run records; weights that are not kept take no room."""
    steps, whole = len(experiment.snapshot_steps), recorded_numbers(experiment)
    if WEIGHTS not in experiment.record.quantities:
        return steps * whole
    left_out = steps - len(experiment.weight_steps)
    return steps * whole - left_out * find_quantity(WEIGHTS).count(experiment)


def _drawn(experiment: Experiment) -> int:
    """Count the numbers that are drawn for a seed and stored."""
    task, sizes = experiment.task, experiment.sizes
    upper = sum(int(np.prod(shape)) for shape in experiment.weight_shapes[1:])
    drawn = len(experiment.rules) * upper
    if task.archived:
        # What all seeds share is stored once; here it is counted seed by seed.
        drawn += task.archived if task.each_seeds else task.archived // len(experiment.seeds)
    elif task.stored:
        return drawn
    drawn += experiment.probe_samples * (sizes[0] + sizes[-1])
    if isinstance(task, LinearTask):
        drawn += task.inputs * (task.inputs + task.outputs)
    return drawn


def _size(folder: Path) -> int:
    """Return the bytes of the files in a folder; 0 where there is none."""
    return sum(
        (Path(where) / name).lstat().st_size
        for where, _, names in os.walk(folder)
        for name in names
    )
