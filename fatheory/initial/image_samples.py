"""The images that an experiment trains on and is measured on."""

from functools import lru_cache

from fatheory.experiment import ImageTask
from fatheory.initial.samples import Samples
from fatheory.tasks.images import load


@lru_cache(maxsize=2)  # all seeds share one copy, and so do theory and several calls
def image_samples(task: ImageTask, probe_samples: int) -> tuple[Samples, Samples, Samples]:
    """Return training images, evaluation images, and the first of these as a probe.

    Targets are one-hot; everything is in single precision.

    Raises
    ------
    DataError
        If a file is missing or damaged; the message says how to get it.
    """
    train = load(task.dataset, task.train)
    held_out = load(task.dataset, task.evaluation)
    evaluation = Samples(held_out.flattened(), held_out.one_hot())
    return (
        Samples(train.flattened(), train.one_hot()).first(task.samples),
        evaluation,
        evaluation.first(probe_samples),
    )
