"""What the network is to learn."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, field_validator, model_validator

from fatheory.errors import suggestion
from fatheory.experiment.description import NOT_EMPTY, Count, Description, NonNegative, Size
from fatheory.experiment.law import EntryLaw, Law, Normal, Uniform
from fatheory.experiment.network import ActivationName
from fatheory.tasks import image_set


class _DrawnTask(Description):
    """A task whose examples are drawn, each of a law of its own.

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

    inputs: Size
    outputs: Size
    noise: NonNegative = 0.0
    samples: Count = 0


class LinearTask(_DrawnTask):
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
        Law of the entries of T; each seed draws its own.
    spectrum_decay : float
        Sigma has eigenvalues proportional to k^(-spectrum_decay), k = 1 ... n_i, of mean 1, in a
        random orthonormal basis per seed; 0 is white input, Sigma = I.
    """

    kind: Literal["linear"] = "linear"
    target: Law = Uniform(bound=1.0)
    spectrum_decay: NonNegative = 0.0


class QuadraticTask(_DrawnTask):
    """Learn y*_k = x^T Q_k x + noise (Lillicrap et al. 2016, Fig. 5 and Methods).

    Attributes
    ----------
    inputs, outputs, noise, samples
        As of `LinearTask`.
    coefficients : Uniform or Normal
        Law of the entries of Q_k; each seed draws its own.
    input : Uniform or Normal
        Law of the entries of x.
    """

    kind: Literal["quadratic"] = "quadratic"
    coefficients: EntryLaw = Uniform(bound=0.5)
    input: EntryLaw = Uniform(bound=2.0)


class TeacherTask(_DrawnTask):
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
        Law of its weights.
    biases : Uniform or Normal, optional
        Law of its biases; None for none.
    input : Uniform or Normal
        Law of the entries of x.
    """

    kind: Literal["teacher"] = "teacher"
    hidden: Annotated[tuple[Size, ...], NOT_EMPTY]
    activation: ActivationName = "tanh"
    weights: Law = Uniform(bound=0.5)
    biases: EntryLaw | None = None
    input: EntryLaw = Normal(std=1.0)


class ImageTask(Description):
    """Name the class of an image, from its pixels in [0, 1] to a one-hot target.

    Attributes
    ----------
    dataset : str
        An image set; `fatheory data list` shows them.
    train : str
        ``"train"``, the official training set without its validation part, or
        ``"train+validation"``, all of it.
    evaluation : str
        What losses, errors and teaching signals are measured on: ``"validation"``, for everything
        that is chosen, or ``"test"``.
    limit : int
        Use only so many training examples, the first ones; 0 uses all.
    """

    kind: Literal["images"] = "images"
    dataset: str
    train: Literal["train", "train+validation"] = "train"
    evaluation: Literal["validation", "test"] = "validation"
    limit: Count = 0

    @field_validator("dataset")
    @classmethod
    def _known(cls, value: str) -> str:
        return image_set(value).name

    @model_validator(mode="after")
    def _apart(self) -> "ImageTask":
        if self.train == "train+validation" and self.evaluation == "validation":
            raise ValueError(
                "the validation images are among the training images; train on 'train', or "
                "evaluate on 'test'"
            )
        if self.limit > self._available:
            raise ValueError(
                f"{self.dataset} has {self._available} images in {self.train!r}; got limit "
                f"{self.limit}"
            )
        return self

    @property
    def _available(self) -> int:
        entry = image_set(self.dataset)
        return entry.train - (entry.validation if self.train == "train" else 0)

    @property
    def inputs(self) -> int:
        """Number of pixels, and colours, of an image."""
        height, width, *colours = image_set(self.dataset).shape
        return height * width * (colours[0] if colours else 1)

    @property
    def outputs(self) -> int:
        """Number of classes."""
        return image_set(self.dataset).classes

    @property
    def samples(self) -> int:
        """Number of training examples."""
        return self.limit or self._available

    @property
    def noise(self) -> float:
        """Targets carry none."""
        return 0.0


_KINDS: dict[str, type[Description]] = {
    "linear": LinearTask,
    "quadratic": QuadraticTask,
    "teacher": TeacherTask,
    "images": ImageTask,
}


def _of_its_kind(value: Any) -> Any:
    """Read a mapping as the task that its ``kind`` names, a linear one where it names none."""
    if isinstance(value, tuple(_KINDS.values())):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"a task is a mapping or one of fatheory's tasks; got {value!r:.60}")
    unfit = [key for key in value if not isinstance(key, str)]
    if unfit:
        raise ValueError(f"keys are strings; got {unfit[0]!r}")
    kind = value.get("kind", "linear")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"unknown kind of task {kind!r}{suggestion(kind, _KINDS)}")
    # Not by pydantic's tagged unions: they would put the tag into the path of every problem.
    return _KINDS[kind](**value)


Task = Annotated[
    LinearTask | QuadraticTask | TeacherTask | ImageTask, BeforeValidator(_of_its_kind)
]
