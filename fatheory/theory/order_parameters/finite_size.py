r"""Networks with finitely many inputs: spread over seeds and shift of the mean, to order 1/N.

With x the order parameters, one step moves them by f(x)/N on average, with covariance
:math:`D(x)/N^2`. Van Kampen's expansion :math:`x = \bar x + N^{-1/2} \xi + N^{-1} m` gives, J the
Jacobian of f,

.. math:: \dot S = J S + S J^\top + D,\quad S = \mathrm{Cov}\,\xi,\qquad
          \dot m = J m + \tfrac12 f'' : S + c - \tfrac12 J f .

The last term turns steps into time. :math:`c_Q = \eta^2 E\,\delta\delta^\top (u^\top C^{-1} u - n)`
comes from :math:`|x|^2`, which a signal's own fields make larger than N; it is twice
:math:`\eta^2\, d/ds\, E\,\delta\delta^\top` under s C at s = 1, with the feedback held. Under rules
of signs the expansion holds while no entry of the readout changes its sign.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from fatheory.errors import RegimeError
from fatheory.rules import FixedFeedback, SignConcordant
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.feedback import Feedback
from fatheory.theory.order_parameters.field import generalization_error, motion, signal_moments
from fatheory.theory.order_parameters.one_step import increment_covariance
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import Layout, OrderParameters, Values, Vector

RTOL = 1e-8
ATOL = 1e-10
SUBSTEPS = 4
"""Stretches of constant coefficients in each step of the solver; errors fall as their square."""
FIRST, SECOND = 1e-6, 1e-3
"""Steps of first and second central differences."""


class Expansion(NamedTuple):
    """The order parameters at large N, as vectors of the problem's layout.

    Attributes
    ----------
    x : array of shape (time, size)
        Their limit.
    S : array of shape (time, size, size)
        N times their covariance.
    m : array of shape (time, size)
        N times the shift of their mean.
    """

    x: Float[np.ndarray, "time size"]
    S: Float[np.ndarray, "time size size"]
    m: Float[np.ndarray, "time size"]


def expand(
    problem: Problem, start: OrderParameters, times: Float[np.ndarray, " time"]
) -> Expansion:
    """Integrate the expansion from a start that all seeds share.

    Parameters
    ----------
    problem : Problem
        What is learned, and how.
    start : OrderParameters
        At alpha = 0.
    times : array of shape (time,)
        Increasing, not negative.

    Raises
    ------
    RegimeError
        If the order parameters diverge before the last time.
    """
    layout = problem.layout(start.Q.shape[0])
    x0 = layout.pack(start)
    path = _path(problem, layout, x0, float(times[-1]))
    S, m = np.zeros((layout.size, layout.size)), np.zeros(layout.size)
    rows = []
    now = 0.0
    for time in times:
        while now < time:
            step = path.knots[np.searchsorted(path.knots, now, side="right")]
            until = min(time, step)
            S, m = _fluctuation_scale(
                problem, layout, path.at((now + until) / 2), until - now, S, m
            )
            now = until
        rows.append((path.at(time), S, m))
    x, S_all, m_all = (np.array(part) for part in zip(*rows, strict=True))
    return Expansion(x, S_all, m_all)


def error_expansion(
    problem: Problem, expansion: Expansion, layout: Layout
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """Compute N times the variance and N times the shift of the mean generalization error.

    Parameters
    ----------
    problem : Problem
        What is learned.
    expansion : Expansion
        Of the order parameters.
    layout : Layout
        Of its vectors.
    """

    def error(x: Vector) -> Values:
        return generalization_error(Averages(problem, layout.unpack(x)))[0]

    variance, shift = [], []
    for x, S, m in zip(*expansion, strict=True):
        steps = FIRST * np.eye(layout.size)
        gradient = (error(x + steps) - error(x - steps)) / (2 * FIRST)
        variance.append(gradient @ S @ gradient)
        shift.append(gradient @ m + _bending(error, x, S))
    return np.array(variance), np.array(shift)


class _Path(NamedTuple):
    knots: Float[np.ndarray, " knot"]
    at: Callable[[float], Vector]


def _path(problem: Problem, layout: Layout, x0: Vector, end: float) -> _Path:
    """Integrate the limit, and cut its steps into stretches."""

    def flat(_: float, x: Vector) -> Vector:
        return layout.pack(motion(problem, layout.unpack(x)))

    # The solver wants a time to go.
    if end == 0:
        return _Path(np.array([0.0]), lambda _: x0)
    with np.errstate(all="ignore"):
        solved = solve_ivp(flat, (0.0, end), x0, "DOP853", dense_output=True, rtol=RTOL, atol=ATOL)
    if not solved.success or not np.isfinite(solved.y[:, -1]).all():
        raise RegimeError(
            f"the order parameters diverge at time {solved.t[-1]:.6g} of {end:g}: there is no "
            f"spread around them; lower learning_rate or shorten the times"
        )
    parts = np.linspace(0, 1, SUBSTEPS, endpoint=False)
    inner = solved.t[:-1, None] + np.diff(solved.t)[:, None] * parts
    return _Path(np.append(inner.ravel(), end), solved.sol)


def _fluctuation_scale(
    problem: Problem,
    layout: Layout,
    x: Vector,
    h: float,
    S: Float[np.ndarray, "size size"],
    m: Vector,
) -> tuple[Float[np.ndarray, "size size"], Vector]:
    """Carry S and m over a time h, with the coefficients of the state x in its middle."""
    problem = _with_held_signs(problem, layout.unpack(x))

    def field(at: Vector) -> Vector:
        return layout.pack(motion(problem, layout.unpack(at)))

    n = layout.size
    steps = FIRST * np.eye(n)
    J = ((field(x + steps) - field(x - steps)) / (2 * FIRST)).T
    noise = increment_covariance(problem, layout.unpack(x))
    # Van Loan's block matrix: the propagator, and the noise propagated to the end.
    block = np.block([[J, noise], [np.zeros((n, n)), -J.T]])
    carried = expm(h * block)
    Phi = carried[:n, :n]
    later = Phi @ S @ Phi.T + carried[:n, n:] @ Phi.T
    # Symmetric by force: what rounding adds would be carried along.
    later = (later + later.T) / 2
    push = _bending(field, x, (S + later) / 2) + _length_effect(problem, layout, x)
    push = push - 0.5 * J @ field(x)
    block = np.zeros((n + 1, n + 1))
    # A constant push in one more column of the exponential: J may be singular, so it is not
    # inverted.
    block[:n, :n], block[:n, n] = J, push
    return later, Phi @ m + expm(h * block)[:n, n]


def _with_held_signs(problem: Problem, state: OrderParameters) -> Problem:
    """Hold feedback that follows signs: it jumps with them, and differences must not see that."""
    if not isinstance(problem.feedback.rule, SignConcordant):
        return problem
    V = problem.feedback.weights(state)
    return replace(problem, feedback=Feedback(problem.feedback.name, FixedFeedback(), V))


def _bending(
    f: Callable[[Vector], Float[np.ndarray, "..."] | float],
    x: Vector,
    S: Float[np.ndarray, "size size"],
) -> Float[np.ndarray, "..."] | float:
    """Return half the second derivative of f contracted with S, along its eigenvectors."""
    # Along eigenvectors, of which there are as many as entries; mixed derivatives would be their
    # square.
    values, vectors = np.linalg.eigh(S)
    steps = SECOND * vectors.T
    second = (f(x + steps) + f(x - steps) - 2 * f(x)) / SECOND**2
    return 0.5 * np.tensordot(values, second, axes=(0, 0))


def _length_effect(problem: Problem, layout: Layout, x: Vector) -> Vector:
    """Return c: the part of E delta delta^T |x|^2 that is of order 1/N."""
    state = layout.unpack(x)
    V = problem.feedback.weights(state)

    def moments(s: float) -> Float[np.ndarray, "K K"]:
        scaled = state._replace(Q=s * state.Q, R=s * state.R)
        means = Averages(replace(problem, T=s * problem.T), scaled)
        means.V = V  # adaptive feedback is read off R, which only the average is to scale
        return signal_moments(means)

    # Twice the derivative, so the step is not doubled.
    change = (moments(1 + FIRST) - moments(1 - FIRST)) / FIRST
    still = OrderParameters(
        problem.eta**2 * change,
        np.zeros_like(state.R),
        np.zeros_like(state.W),
        None if state.B is None else np.zeros_like(state.B),
    )
    return layout.pack(still)
