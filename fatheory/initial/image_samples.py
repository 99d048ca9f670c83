"""The images that an experiment trains on and is measured on."""

from functools import lru_cache

from fatheory.errors import DataError
from fatheory.experiment import ImageTask
from fatheory.initial.samples import Samples
from fatheory.tasks.images import image_set, load, standardized


@lru_cache(maxsize=2)  # all seeds share one copy, and so do theory and several calls
def image_samples(task: ImageTask, probe_samples: int) -> tuple[Samples, Samples, Samples]:
    """Return training images, evaluation images, and the first of these as a probe.

    Targets are one-hot; everything is in single precision. The moments of standardised pixels are
    those of the whole training part, whatever the limit.

    Raises
    ------
    DataError
        If a file is missing or damaged; the message says how to get it. Also if a folder of images
        does not hold what the task says.
    """
    found = image_set(task.dataset)
    if found != task.image_set:
        raise DataError(
            f"{task.dataset} does not hold what the experiment was made for: found {found.train} "
            f"training and {found.test} test images of shape {found.shape} in {found.classes} "
            f"classes; expected {task.image_set.train}, {task.image_set.test}, "
            f"{task.image_set.shape} and {task.image_set.classes}; describe the experiment anew, "
            f"without task.contents"
        )
    train, held_out = load(task.dataset, task.train), load(task.dataset, task.evaluation)
    if task.preprocessing == "standardized":
        train, held_out = standardized(train, held_out)
    evaluation = Samples(held_out.flattened(), held_out.one_hot()).first(task.held_out)
    return (
        Samples(train.flattened(), train.one_hot()).first(task.samples),
        evaluation,
        evaluation.first(probe_samples),
    )
