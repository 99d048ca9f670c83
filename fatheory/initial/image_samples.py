"""The images that an experiment trains on and is measured on."""

from dataclasses import replace
from functools import lru_cache

from fatheory.errors import DataError
from fatheory.experiment import ImageTask
from fatheory.initial.samples import Samples
from fatheory.tasks.images import ImageSet, image_set, load, standardized


def refuse_other_images(task: ImageTask) -> None:
    """Refuse a folder that holds other images than the task was described with, if it is here.

    Raises
    ------
    DataError
        If it does; the message says how they differ.
    """
    if task.contents is None:
        return
    try:
        found = image_set(task.dataset)
    except DataError:
        return  # told by whoever needs to read it
    _refuse_others(task, found)


def _refuse_others(task: ImageTask, found: ImageSet) -> None:
    wanted = task.image_set
    if not wanted.digest:
        found = replace(found, digest="")
    if found == wanted:
        return
    others = f"{task.dataset} does not hold what the experiment was made for: "
    if replace(found, digest=wanted.digest) == wanted:
        others += (
            f"as many images, and others, or in another order (SHA-256 {found.digest:.16}...; "
            f"expected {wanted.digest:.16}...)"
        )
    else:
        others += (
            f"found {found.train} training and {found.test} test images of shape {found.shape} in "
            f"{found.classes} classes; expected {wanted.train}, {wanted.test}, {wanted.shape} and "
            f"{wanted.classes}"
        )
    raise DataError(f"{others}; describe the experiment anew, without task.contents")


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
    _refuse_others(task, image_set(task.dataset))
    train, held_out = load(task.dataset, task.train), load(task.dataset, task.evaluation)
    if task.preprocessing == "standardized":
        train, held_out = standardized(train, held_out)
    evaluation = Samples(held_out.flattened(), held_out.one_hot()).first(task.held_out)
    return (
        Samples(train.flattened(), train.one_hot()).first(task.samples),
        evaluation,
        evaluation.first(probe_samples),
    )
