"""The learning rate above which a state's error grows."""

import numpy as np

from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.field import generalization_error, motion, signal_moments
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters, Values


def largest_stable_rate(problem: Problem, state: OrderParameters) -> Values:
    r"""Compute the learning rate above which the generalization error grows at this state.

    With the ratio of the rates held, d eps / d alpha = -eta a + eta^2 b, with b the effect of
    :math:`E\,\delta\delta^\top` on Q. The answer is a / b: 2 for one linear unit with a fixed
    readout and input of variance 1, at every state.

    Parameters
    ----------
    problem : Problem
        What is learned, and how; its own rate must be positive.
    state : OrderParameters
        With any leading axes.

    Returns
    -------
    array
        Infinite where b is not positive; not positive where the error grows at any rate.
    """
    means = Averages(problem, state)
    moved = motion(problem, state)
    noisy = signal_moments(means)
    # The part of first order in the rates; what is left of Q is of second order.
    mean = moved._replace(Q=moved.Q - problem.eta**2 * noisy)
    still = OrderParameters(noisy, np.zeros_like(state.R), np.zeros_like(state.W))
    a = -_slope(problem, state, mean) / problem.eta
    b = _slope(problem, state, still)
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), np.inf)


def _slope(problem: Problem, state: OrderParameters, direction: OrderParameters) -> Values:
    """Differentiate the generalization error along a direction, by central differences."""
    parts = (direction.Q, direction.R, direction.W)
    size = np.max([np.abs(part).max(axis=(-2, -1)) for part in parts], axis=0)
    step = 1e-4 / np.where(size > 0, size, 1.0)

    def error(sign: float) -> Values:
        far = sign * step[..., None, None]
        moved = OrderParameters(
            state.Q + far * direction.Q,
            state.R + far * direction.R,
            state.W + far * direction.W,
            state.B,
        )
        return generalization_error(Averages(problem, moved))[0]

    return (error(1.0) - error(-1.0)) / (2 * step)
