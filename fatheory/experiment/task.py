"""What the network is to learn."""

from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, SerializeAsAny

from fatheory.experiment.array_task import ArrayTask
from fatheory.experiment.description import (
    NOT_EMPTY,
    OR_ONE,
    Count,
    NonNegative,
    Size,
    of_its_kind,
)
from fatheory.experiment.distribution import Distribution, EntryDistribution, Normal, Uniform
from fatheory.experiment.foreign_task import ForeignTask
from fatheory.experiment.functions import ActivationName
from fatheory.experiment.image_task import ImageTask
from fatheory.experiment.task_face import TaskFace
from fatheory.tasks import TASKS


class DrawnTask(TaskFace):
    """A task whose examples are drawn, each of a distribution of its own.

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

    def probe_size(self, asked: int) -> int:
        """Return the number of samples of the probe: the finite samples where there are any."""
        return self.samples or asked

    @property
    def program(self) -> Hashable:
        """What a compiled program depends on: sizes alone."""
        # Numbers that are drawn are arguments of a program, not part of it.
        return (self.kind, self.inputs, self.outputs, self.samples)


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
    hidden : int or tuple of int
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
    hidden: Annotated[tuple[Size, ...], NOT_EMPTY, OR_ONE]
    activation: ActivationName = "tanh"
    weights: Distribution = Uniform(bound=0.5)
    biases: EntryDistribution | None = None
    input: EntryDistribution = Normal(std=1.0)


TASKS.build_in(LinearTask, QuadraticTask, TeacherTask, ImageTask, ArrayTask, ForeignTask)


def _read_task(value: Any) -> Any:
    """Read a task, or a mapping as the kind of task that it names, of whatever package."""
    if isinstance(value, TaskFace):
        return value
    kind = value.get("kind", "linear") if isinstance(value, Mapping) else "linear"
    # Only the one that is named: asking for all would import every installed plug-in.
    known = {kind: TASKS.find(kind)} if isinstance(kind, str) else {}
    return of_its_kind("task", known or TASKS.known(), "linear")(value)


Task = Annotated[SerializeAsAny[TaskFace], BeforeValidator(_read_task)]
