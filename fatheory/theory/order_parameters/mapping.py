r"""Between an experiment's scaling and that of order parameters.

An experiment has x of standard deviation sigma, W0 without a factor :math:`1/\sqrt{n_i}`, one
learning rate :math:`\eta_f` and steps. In terms of white input of variance 1

.. math::

    Q = \sigma^2 W_0 W_0^\top,\quad R = \sigma^2 W_0 A_0^\top,\quad T = \sigma^2 A_0 A_0^\top,\qquad
    \alpha = \mathrm{step} / n_i,\quad \eta = n_i \sigma^2 \eta_f,\quad \eta_2 = n_i \eta_f,

and weight decay w loses a fraction :math:`n_i \eta_f w` of all weights per unit of alpha. A linear
task y* = T x is a linear teacher with the right singular vectors of T as its vectors.
"""

from typing import NamedTuple

import numpy as np

from fatheory.checks import real_array
from fatheory.errors import RegimeError
from fatheory.experiment import Experiment, LinearTask, Normal, RuleChoice, TeacherTask, Uniform
from fatheory.initial import InitialState, LinearProblem, TeacherProblem
from fatheory.rules import DirectRule, NodePerturbation, Rule, Shallow, UniformSignFeedback
from fatheory.theory.order_parameters.arguments import checked_problem
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters


class Overlaps(NamedTuple):
    """An experiment's seed and rule as `order_parameters` takes them.

    Attributes
    ----------
    problem : Problem
        Teacher, activation, feedback, and the rates in the scaling of order parameters.
    start : OrderParameters
        Overlaps of the drawn weights.
    inputs : int
        n_i: alpha = step / n_i.
    sigma : float
        Standard deviation of an input.
    """

    problem: Problem
    start: OrderParameters
    inputs: int
    sigma: float


def overlaps_of(start: InitialState, label: str, choice: RuleChoice) -> Overlaps:
    """Return the overlaps of one seed and rule of a two-layer experiment.

    Parameters
    ----------
    start : InitialState
        Its draws.
    label, choice : str, RuleChoice
        The rule.

    Raises
    ------
    RegimeError
        If the task is of another kind.
    ArrayError
        If the drawn teacher vectors are linearly dependent.
    """
    experiment = start.experiment
    W0, W = (real_array("weights", weights, 2) for weights in start.weights)
    A0, A = _teacher(start)
    n_i, sigma = W0.shape[1], input_deviation(experiment)
    # A unit of alpha is n_i steps.
    rate, rule = n_i * choice.learning_rate, choice.make()
    loss = rate * experiment.update.weight_decay
    square = sigma**2
    problem, state = checked_problem(
        square * W0 @ W0.T,
        square * W0 @ A0.T,
        square * A0 @ A0.T,
        W,
        A,
        activation=experiment.network.activation,
        rule=rule,
        B=_feedback(start, label, rule),
        learning_rate=square * rate,
        readout_rate=rate,
        noise=experiment.task.noise,
        decay=loss,
        input_decay=loss,
    )
    return Overlaps(problem, state, n_i, sigma)


def input_deviation(experiment: Experiment) -> float:
    """Return the standard deviation of an input of a task with white input.

    Parameters
    ----------
    experiment : Experiment
        Of a linear task or a teacher's.

    Raises
    ------
    RegimeError
        If the task is of another kind, or its inputs of a law of unknown variance.
    """
    task = experiment.task
    if isinstance(task, LinearTask):
        return 1.0
    if isinstance(task, TeacherTask):
        law = task.input
        if isinstance(law, Normal):
            return float(law.std)
        if isinstance(law, Uniform):
            return float(law.bound / np.sqrt(3))
    raise RegimeError(f"the variance of the inputs of a task of kind {task.kind!r} is not known")


def _teacher(start: InitialState) -> tuple[np.ndarray, np.ndarray]:
    """Return the teacher's vectors A0 (M, n_i) and readout A (n_o, M)."""
    problem = start.problem
    if isinstance(problem, TeacherProblem):
        A0, A = problem.weights
        return A0, A
    if not isinstance(problem, LinearProblem):
        raise RegimeError("order parameters are of linear tasks and of teachers with one layer")
    # Vectors that T does not read out would be teachers without effect, and cost as much as others.
    U, s, Vh = np.linalg.svd(problem.T, full_matrices=False)
    # At least one vector, which T = 0 does not read out.
    rank = max(1, int((s > 1e-12 * s[0]).sum()))
    return Vh[:rank], U[:, :rank] * s[:rank]


def _feedback(start: InitialState, label: str, rule: Rule) -> np.ndarray | None:
    """Return the drawn state, oriented like B; None for rules that have none of their own."""
    if isinstance(rule, NodePerturbation | Shallow | UniformSignFeedback):
        return None
    held = start.states[label][0 if isinstance(rule, DirectRule) else 1]
    return None if held is None else np.asarray(held, dtype=np.float64).T
