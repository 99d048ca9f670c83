"""What the network is to learn."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from fatheory.experiment.description import (
    NOT_EMPTY,
    Count,
    Description,
    NonNegative,
    Size,
    Text,
    of_its_kind,
)
from fatheory.experiment.distribution import Distribution, EntryDistribution, Normal, Uniform
from fatheory.experiment.functions import ActivationName
from fatheory.tasks import TASKS
from fatheory.tasks.images import ImageSet, folder_set, image_set, is_folder_name


class DrawnTask(Description):
    """A task whose examples are drawn, each of a law of its own.

    Subclass it for a task of your own: give it a ``kind``, fields with what it needs, and `draw`,
    and register it by `fatheory.tasks.register` or an entry point of ``fatheory.tasks``.

    Attributes
    ----------
    inputs, outputs : int
        Dimensions n_i and n_o.
    noise : float
        Standard deviation of the noise on each target entry. Losses are measured without it.
    samples : int
        Number of training examples, drawn once per seed; 0 draws a fresh example every time
        (online learning).
    """

    kind: str
    inputs: Size
    outputs: Size
    noise: NonNegative = 0.0
    samples: Count = 0

    def draw(self, generator: np.random.Generator) -> Any:
        """Draw what one seed is to learn.

        Parameters
        ----------
        generator : numpy.random.Generator
            Random numbers of the seed's target; another one draws the inputs.

        Returns
        -------
        Problem
            As `fatheory.initial.Problem`: ``inputs(generator, count)`` and ``probe_inputs`` return
            inputs of shape (count, n_i), and ``targets(x)`` returns y* without noise, of shape
            (count, n_o), both in float64.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no draw")


class LinearTask(DrawnTask):
    """Learn y* = T x + noise from x ~ N(0, Sigma).

    Attributes
    ----------
    inputs, outputs : int
        Dimensions n_i and n_o.
    noise : float
        Standard deviation of the noise on each target entry. Losses are measured without it.
    samples : int
        Number of training examples, drawn once per seed; 0 draws a fresh example every time
        (online learning). With finite samples Sigma is their second moment.
    target : Uniform, Normal or Scaled
        Distribution of the entries of T; each seed draws its own.
    spectrum_decay : float
        Sigma has eigenvalues proportional to k^(-spectrum_decay), k = 1 ... n_i, of mean 1, in a
        random orthonormal basis per seed; 0 is white input, Sigma = I.
    """

    kind: Literal["linear"] = "linear"
    target: Distribution = Uniform(bound=1.0)
    spectrum_decay: NonNegative = 0.0


class QuadraticTask(DrawnTask):
    """Learn y*_k = x^T Q_k x + noise (Lillicrap et al. 2016, Fig. 5 and Methods).

    Attributes
    ----------
    inputs, outputs, noise, samples
        As of `LinearTask`.
    coefficients : Uniform or Normal
        Distribution of the entries of Q_k; each seed draws its own.
    input : Uniform or Normal
        Distribution of the entries of x.
    """

    kind: Literal["quadratic"] = "quadratic"
    coefficients: EntryDistribution = Uniform(bound=0.5)
    input: EntryDistribution = Uniform(bound=2.0)


class TeacherTask(DrawnTask):
    """Learn the output of a random network, linear at its top, that the seed draws.

    Lillicrap et al. 2016, Fig. 3d.

    Attributes
    ----------
    inputs, outputs, noise, samples
        As of `LinearTask`.
    hidden : tuple of int
        Widths of the teacher's hidden layers, the one next to the input first.
    activation : str
        Function of its hidden units.
    weights : Uniform, Normal or Scaled
        Distribution of its weights.
    biases : Uniform or Normal, optional
        Distribution of its biases; None for none.
    input : Uniform or Normal
        Distribution of the entries of x.
    """

    kind: Literal["teacher"] = "teacher"
    hidden: Annotated[tuple[Size, ...], NOT_EMPTY]
    activation: ActivationName = "tanh"
    weights: Distribution = Uniform(bound=0.5)
    biases: EntryDistribution | None = None
    input: EntryDistribution = Normal(std=1.0)


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


class ImageTask(Description):
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


def _contents(found: ImageSet) -> FolderContents:
    return FolderContents(**{name: getattr(found, name) for name in FolderContents.model_fields})


TASKS.build_in(LinearTask, QuadraticTask, TeacherTask, ImageTask)


def _read_task(value: Any) -> Any:
    """Read a task, or a mapping as the kind of task that it names, of whatever package."""
    if isinstance(value, DrawnTask | ImageTask):
        return value
    kind = value.get("kind", "linear") if isinstance(value, Mapping) else "linear"
    known = {kind: TASKS.find(kind)} if isinstance(kind, str) else {}
    return of_its_kind("task", known or TASKS.known(), "linear")(value)


Task = Annotated[SerializeAsAny[DrawnTask | ImageTask], BeforeValidator(_read_task)]
