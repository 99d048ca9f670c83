"""Images, each of which belongs to a class."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from fatheory.errors import DataError
from fatheory.experiment.description import NOT_EMPTY, Count, Description, Size, Text
from fatheory.experiment.task_face import Pair, TaskFace
from fatheory.tasks.images import (
    ImageSet,
    folder_set,
    image_set,
    is_folder_name,
    load,
    standardized,
)


class FolderContents(Description):
    """What a folder of images holds, so that an experiment can be read where the folder is not.

    Attributes
    ----------
    train, test, validation : int
        Images in the training and test parts, and at the end of the training part for validation.
    shape : tuple of int
        Rows and columns, and 3 where there are colours.
    class_names : tuple of str
        The classes, in the order of their labels.
    digest : str
        SHA-256 of the images, by which others in their place are noticed; empty in descriptions
        of versions that did not look.
    """

    train: Size
    test: Size
    validation: Count
    shape: Annotated[tuple[Size, ...], Field(min_length=2, max_length=3)]
    class_names: Annotated[tuple[Text, ...], NOT_EMPTY]
    digest: Text = ""

    @model_validator(mode="after")
    def _possible(self) -> "FolderContents":
        if self.validation >= self.train:
            raise ValueError(
                f"validation is a part of train, and smaller; got {self.validation} of {self.train}"
            )
        if self.shape[2:] not in ((), (3,)):
            raise ValueError(f"images have 3 colours or none; got the shape {self.shape}")
        return self


class ImageTask(TaskFace):
    """Name the class of an image, from its pixels in [0, 1] to a one-hot target.

    Attributes
    ----------
    dataset : str
        An image set; `fatheory data list` shows them. ``"folder/PATH"`` is a folder of images by
        class, or an archive of one, in the folder of data sets, and ``"folder/PATH@32x32"`` the
        same with all images brought to one size.
    train : str
        ``"train"``, the official training set without its validation part, or
        ``"train+validation"``, all of it.
    evaluation : str
        What losses, errors and teaching signals are measured on: ``"validation"``, for everything
        that is chosen, or ``"test"``.
    limit, evaluation_limit : int
        Use only so many images to train and to evaluate on, the first ones; 0 uses all.
    preprocessing : str
        ``"none"``: pixels in [0, 1]; ``"standardized"``: minus the mean of the training pixels and
        divided by their standard deviation, colour by colour.
    contents : FolderContents, optional
        What a folder holds, found there when left out; None for other image sets.
    """

    input_name: ClassVar[str] = "pixels"

    kind: Literal["images"] = "images"
    dataset: Text
    train: Literal["train", "train+validation"] = "train"
    evaluation: Literal["validation", "test"] = "validation"
    limit: Count = 0
    evaluation_limit: Count = 0
    preprocessing: Literal["none", "standardized"] = "none"
    contents: FolderContents | None = None

    @model_validator(mode="before")
    @classmethod
    def _look_into_folder(cls, data: Any) -> Any:
        """Fill in what a folder holds, where the description does not say it."""
        if not isinstance(data, Mapping) or data.get("contents") is not None:
            return data
        name = data.get("dataset")
        if not (isinstance(name, str) and is_folder_name(name)):
            return data
        found = image_set(name)
        # Kept in the description, which must be readable where the folder is not, and tell if it
        # changed.
        return {**data, "dataset": found.name, "contents": _contents(found)}

    @field_validator("dataset")
    @classmethod
    def _known(cls, value: str) -> str:
        return value if is_folder_name(value) else image_set(value).name

    @model_validator(mode="after")
    def _apart(self) -> "ImageTask":
        if self.contents is not None and not is_folder_name(self.dataset):
            raise ValueError(f"contents are those of a folder of images; got {self.dataset!r}")
        if self.train == "train+validation" and self.evaluation == "validation":
            raise ValueError(
                "the validation images are among the training images; train on 'train', or "
                "evaluate on 'test'"
            )
        for key, part, available in (
            ("limit", self.train, self._available),
            ("evaluation_limit", self.evaluation, self._held_out_available),
        ):
            if getattr(self, key) > available:
                raise ValueError(
                    f"{self.dataset} has {available} images in {part!r}; got {key} "
                    f"{getattr(self, key)}"
                )
        return self

    @property
    def image_set(self) -> ImageSet:
        """What is known about the image set; nothing is read for the answer."""
        if self.contents is None:
            return image_set(self.dataset)
        return folder_set(self.dataset, **dict(self.contents))

    @property
    def _available(self) -> int:
        entry = self.image_set
        return entry.train - (entry.validation if self.train == "train" else 0)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Rows, columns and colours of an image; one colour where it is grey."""
        rows, columns, *colours = self.image_set.shape
        return rows, columns, colours[0] if colours else 1

    @property
    def inputs(self) -> int:
        """Number of pixels, and colours, of an image."""
        return math.prod(self.image_shape)

    @property
    def outputs(self) -> int:
        """Number of classes."""
        return self.image_set.classes

    @property
    def samples(self) -> int:
        """Number of training examples."""
        return self.limit or self._available

    @property
    def held_out(self) -> int:
        """Number of images that losses and errors are measured on."""
        return self.evaluation_limit or self._held_out_available

    @property
    def _held_out_available(self) -> int:
        entry = self.image_set
        return entry.test if self.evaluation == "test" else entry.validation

    @property
    def noise(self) -> float:
        """Targets carry none."""
        return 0.0

    @property
    def stored(self) -> bool:
        """All seeds see the same images."""
        return True

    @property
    def of_classes(self) -> bool:
        """Targets are classes."""
        return True

    @property
    def outside_unit_interval(self) -> tuple[str, str] | None:
        """Standardised pixels do not lie in [0, 1]."""
        if self.preprocessing == "none":
            return None
        return "task.preprocessing", f"lie in [0, 1]: 'none'; got {self.preprocessing!r}"

    def probe_size(self, asked: int) -> int:
        """Return the number of held-out images of the probe."""
        return min(asked, self.held_out)

    def examples(self) -> tuple[Pair, Pair]:
        """Return training and evaluation images, as rows, with one-hot targets.

        Everything is in single precision. The moments of standardised pixels are those of the
        whole training part, whatever the limit.
        """
        self._refuse_others(image_set(self.dataset))
        train, held_out = load(self.dataset, self.train), load(self.dataset, self.evaluation)
        if self.preprocessing == "standardized":
            train, held_out = standardized(train, held_out)
        return (
            (train.flattened()[: self.samples], train.one_hot()[: self.samples]),
            (held_out.flattened()[: self.held_out], held_out.one_hot()[: self.held_out]),
        )

    def require_same_examples(self) -> None:
        """Refuse a folder that holds other images than the task was described with."""
        if self.contents is None:
            return
        try:
            found = image_set(self.dataset)
        except DataError:
            return  # told by whoever needs to read it
        self._refuse_others(found)

    def _refuse_others(self, found: ImageSet) -> None:
        wanted = self.image_set
        # Earlier versions kept no digest; what they did keep is still compared.
        if not wanted.digest:
            found = replace(found, digest="")
        if found == wanted:
            return
        others = f"{self.dataset} does not hold what the experiment was made for: "
        if replace(found, digest=wanted.digest) == wanted:
            others += (
                f"as many images, and others, or in another order (SHA-256 {found.digest:.16}...; "
                f"expected {wanted.digest:.16}...)"
            )
        else:
            others += (
                f"found {found.train} training and {found.test} test images of shape "
                f"{found.shape} in {found.classes} classes; expected {wanted.train}, "
                f"{wanted.test}, {wanted.shape} and {wanted.classes}"
            )
        raise DataError(f"{others}; describe the experiment anew, without task.contents")

    def example_bytes(self, item: int) -> int:
        """Estimate what the images take: all that are read, whatever the limits."""
        entry = self.image_set
        # Pixels are read as bytes, divided in single precision, and put on the device.
        return (entry.train + entry.test) * (self.inputs + self.outputs) * (1 + 4 + item)

    def for_choosing(self, most: int) -> "ImageTask":
        """Return the task that learns without the validation images and is measured on them."""
        # Images of the training set that are held out: rates that were chosen on the test set would
        # flatter it.
        part = min(self.image_set.validation, most)
        return self.replaced(train="train", evaluation="validation", evaluation_limit=part)

    def completed_by(self, asked: TaskFace) -> "ImageTask":
        """Fill in the digest of the images, where an earlier version did not keep it.

        Nobody can tell any more whether the images were others then; from now on they stay the
        same.
        """
        if not isinstance(asked, ImageTask) or self.contents is None or asked.contents is None:
            return self
        if self.contents.digest:
            return self
        return self.replaced(contents=self.contents.replaced(digest=asked.contents.digest))


def _contents(found: ImageSet) -> FolderContents:
    return FolderContents(**{name: getattr(found, name) for name in FolderContents.model_fields})
