"""A drawn task: where its inputs come from and what their targets are."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Covariance, TargetMap
from fatheory.errors import ArrayError, FatheoryError, PluginError
from fatheory.experiment import DrawnTask, LinearTask, QuadraticTask, TeacherTask
from fatheory.experiment.distribution import EntryDistribution
from fatheory.initial.streams import stream
from fatheory.tasks import (
    TASKS,
    gaussian_inputs,
    matched_inputs,
    power_law_covariance,
    quadratic_targets,
    symmetric_root,
    teacher_targets,
)

Inputs = Float[np.ndarray, "sample n_i"]
Targets = Float[np.ndarray, "sample n_o"]


@runtime_checkable
class Problem(Protocol):
    """What one seed is to learn."""

    def inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw inputs."""

    def probe_inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw inputs on which a network is measured."""

    def targets(self, x: Inputs) -> Targets:
        """Return y* without noise."""


@dataclass(frozen=True)
class LinearProblem:
    """y* = T x, x ~ N(0, Sigma).

    Attributes
    ----------
    T : array of shape (n_o, n_i)
        The target map.
    Sigma : array of shape (n_i, n_i)
        Second moment of the inputs.
    root : array of shape (n_i, n_i) or None
        Its symmetric root; None for the identity.
    """

    T: TargetMap
    Sigma: Covariance
    root: Covariance | None

    def inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw x ~ N(0, Sigma)."""
        return gaussian_inputs(generator, count, len(self.Sigma), self.root)

    def probe_inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw inputs of second moment Sigma exactly."""
        return matched_inputs(generator, count, len(self.Sigma), self.root)

    def targets(self, x: Inputs) -> Targets:
        """Return T x."""
        return x @ self.T.T


@dataclass(frozen=True)
class _EntryInputs:
    """Inputs with independent entries of one distribution."""

    entries: EntryDistribution
    size: int

    def inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw x, entry by entry."""
        return self.entries.draw(generator, (count, self.size))

    probe_inputs = inputs


@dataclass(frozen=True)
class QuadraticProblem(_EntryInputs):
    """y*_k = x^T Q_k x; `Q` has the shape (n_o, n_i, n_i)."""

    Q: Float[np.ndarray, "n_o n_i n_i"]

    def targets(self, x: Inputs) -> Targets:
        """Return the values of the forms."""
        return quadratic_targets(self.Q, x)


@dataclass(frozen=True)
class TeacherProblem(_EntryInputs):
    """y* is the output of a network; weights, biases and activation as in `teacher_targets`."""

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    activation: str

    def targets(self, x: Inputs) -> Targets:
        """Return the teacher's output."""
        return teacher_targets(self.weights, self.biases, self.activation, x)


def draw_problem(task: DrawnTask, root_seed: int, seed: int) -> Problem:
    """Draw what a seed is to learn."""
    source = stream(root_seed, seed, "target")
    if isinstance(task, LinearTask):
        T = task.target.draw(source, (task.outputs, task.inputs))
        basis = stream(root_seed, seed, "covariance")
        Sigma = power_law_covariance(basis, task.inputs, task.spectrum_decay)
        return LinearProblem(T, Sigma, symmetric_root(Sigma) if task.spectrum_decay else None)
    if isinstance(task, QuadraticTask):
        shape = (task.outputs, task.inputs, task.inputs)
        return QuadraticProblem(task.input, task.inputs, task.coefficients.draw(source, shape))
    if not isinstance(task, TeacherTask):
        return _checked(task, _asked(task, "draw", partial(task.draw, source)))
    sizes = (task.inputs, *task.hidden, task.outputs)
    weights = tuple(
        task.weights.draw(source, (n_out, n_in)) for n_in, n_out in itertools.pairwise(sizes)
    )
    biases = () if task.biases is None else tuple(task.biases.draw(source, (n,)) for n in sizes[1:])
    return TeacherProblem(task.input, task.inputs, weights, biases, task.activation)


@dataclass(frozen=True)
class _Checked:
    """A problem of another package's task, whose arrays are looked at before they are used."""

    task: DrawnTask
    problem: Problem

    def inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw inputs."""
        return self._fit("inputs", (generator, count), count, self.task.inputs)

    def probe_inputs(self, generator: np.random.Generator, count: int) -> Inputs:
        """Draw inputs on which a network is measured."""
        return self._fit("probe_inputs", (generator, count), count, self.task.inputs)

    def targets(self, x: Inputs) -> Targets:
        """Return y* without noise."""
        return self._fit("targets", (x,), len(x), self.task.outputs)

    def _fit(self, what: str, given: tuple[Any, ...], count: int, size: int) -> np.ndarray:
        function = getattr(self.problem, what)
        array = _asked(self.task, what, lambda: np.asarray(function(*given)))
        who = f"{what} of {_whose(self.task)}"
        if array.shape != (count, size) or array.dtype.kind != "f":
            raise ArrayError(
                f"{who} must be of shape {(count, size)} and floats; got {array.shape} of "
                f"{array.dtype}"
            )
        if not np.isfinite(array).all():
            raise ArrayError(f"{who} must be finite; some are NaN or infinite")
        return array.astype(np.float64, copy=False)


def _whose(task: DrawnTask) -> str:
    return f"{task.kind!r} ({TASKS.package_of(task.kind) or 'no package'})"


def _asked(task: DrawnTask, what: str, call: Callable[[], Any]) -> Any:
    """Call a function of another package's task; what goes wrong is told with its name."""
    try:
        return call()
    except (FatheoryError, MemoryError):
        raise  # said in words already
    except Exception as error:  # whatever a stranger's function raises
        raise PluginError(
            f"the task {_whose(task)} fails in {what}: {type(error).__name__}: {error}"
        ) from error


def _checked(task: DrawnTask, problem: object) -> Problem:
    if not isinstance(problem, Problem):
        raise PluginError(
            f"draw of the task {_whose(task)} must return what has inputs, probe_inputs and "
            f"targets; got {problem!r:.60}"
        )
    return _Checked(task, problem)
