"""Online learning of two-layer networks with many inputs, through its order parameters."""

import warnings
from dataclasses import replace

import numpy as np
import xarray as xr

from fatheory.arrays import ArrayLike
from fatheory.checks import increasing_times
from fatheory.errors import LearningRateWarning
from fatheory.rules import Rule
from fatheory.theory.order_parameters.activation import finer_integrals
from fatheory.theory.order_parameters.arguments import checked_problem
from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.field import generalization_error, motion
from fatheory.theory.order_parameters.integrals import Integrals
from fatheory.theory.order_parameters.labelled import labelled
from fatheory.theory.order_parameters.path import follow
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.stability import largest_stable_rate
from fatheory.theory.order_parameters.state import OrderParameters

GROWTH = 1.05
"""A generalization error that ends above its start by this factor is looked into."""


def order_parameters(
    Q: ArrayLike,
    R: ArrayLike,
    T: ArrayLike,
    W: ArrayLike,
    A: ArrayLike,
    *,
    activation: str,
    rule: str | Rule = "feedback_alignment",
    B: ArrayLike | None = None,
    learning_rate: float,
    readout_rate: float | None = None,
    noise: float = 0.0,
    times: ArrayLike,
    decay: float = 0.0,
    input_decay: float = 0.0,
) -> xr.Dataset:
    r"""Follow online learning of a two-layer network from a teacher, exact as n_i = N grows.

    The student :math:`y = W g(W_0 x / \sqrt N)` with K hidden units learns from
    :math:`y^* = A g(A_0 x / \sqrt N) + s\zeta` with M units, one fresh x ~ N(0, I) at a step:

    .. math:: W_0 \leftarrow W_0 + \frac{\eta}{\sqrt N}\, [(V e) \circ g'(h)]\, x^\top,\qquad
              W \leftarrow W + \frac{\eta_2}{N}\, e\, g(h)^\top,\qquad e = y^* - y .

    V (K x n_o) carries the error back. As N grows at fixed K, M and n_o the overlaps
    Q = W0 W0^T / N and R = W0 A0^T / N and the readout W follow ordinary differential equations
    in alpha = step / N, whatever the rates (`fatheory.theory.order_parameters.field`). Spread over
    seeds is of order N^(-1/2), shifts of the mean of order 1/N
    (`fatheory.theory.order_parameter_fluctuations`).

    Parameters
    ----------
    Q : array of shape (K, K)
        Start of the student-student overlaps.
    R : array of shape (K, M)
        Start of the student-teacher overlaps.
    T : array of shape (M, M)
        Teacher-teacher overlaps A0 A0^T / N, not singular.
    W : array of shape (n_o, K)
        Start of the readout.
    A : array of shape (n_o, M)
        The teacher's readout.
    activation : str
        g of student and teacher: ``"erf"`` (erf(u / sqrt 2)), ``"relu"`` or ``"linear"``, in
        closed form but for one quadrature of ReLU units; ``"tanh"`` or ``"sigmoid"`` by
        quadrature, whose error is estimated in the attribute ``quadrature_error``.
    rule : str or Rule
        What V is: W^T (``"backprop"``), B (``"feedback_alignment"`` and the other rules of fixed
        feedback; with one hidden layer ``"direct_feedback_alignment"`` is the same), 0
        (``"shallow"``), sign(W)^T (``"usf"``), B o sign(W)^T (``"frsf"``, B = (M o S)^T with the
        magnitudes M and the signs S = +1 or -1, concordant with a probability, of
        `fatheory.rules.FixedRandomSignFeedback.draw`), B that learns as W does
        (``"kolen_pollack"``), ``"pseudobackprop"``, ``"node_perturbation"`` of the hidden
        activity, or ``"adaptive_feedback"``: V = R_F, the overlaps with the last n_o teacher
        vectors, which are the rows of the projection F of the error to the input and have zero
        readout in A (PEPITA). A rule's parameters are given by an object, as in
        ``fatheory.rules.make_rule("node_perturbation", perturbation=0.1)``.
    B : array of shape (K, n_o), optional
        Fixed feedback, or the start of feedback that learns; only for rules that take one.
    learning_rate : float
        eta, of W0.
    readout_rate : float, optional
        eta_2, of W (and of B where it learns); eta by default, 0 for a fixed readout.
    noise : float
        Standard deviation s of the noise on each target entry. Errors are without it.
    times : array of shape (time,)
        alpha = step / N, not negative, increasing.
    decay, input_decay : float
        Weight decay of W (and of B where it learns), and of W0, per unit of alpha: the weights
        lose a fraction decay / N at each step.

    Returns
    -------
    xarray.Dataset
        ``Q (time, student, student_twin)``, ``R (time, student, teacher)``,
        ``W (time, output, student)``, ``generalization_error (time)`` = E |y* - y|^2 / 2 without
        noise, and in degrees ``delta_angle``, between teaching signals and backprop's,
        ``gradient_angle``, between mean updates of W0, ``weight_angle``, between W and V^T;
        ``B (time, student, output)`` where it learns; ``T``, ``A``, ``diverged``. An error or a
        signal below the rounding of its terms is NaN; so is everything from the attribute
        ``diverged_at`` on, the index of the first time that is not reached (-1 for none).

    Warns
    -----
    LearningRateWarning
        If the solution diverges or ends with a larger error than it began with, at a rate beyond
        stability; the message gives the limit.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, the overlaps are no covariance, T is singular, or
        times are negative or do not increase.
    RegimeError
        If a rate, decay or noise is negative or not finite, or the rule and B do not fit.
    UnknownNameError
        If there is no such activation or rule.

    References
    ----------
    Saad & Solla 1995, Phys. Rev. E 52:4225; Goldt, Advani, Saxe, Krzakala & Zdeborova 2019,
    NeurIPS; Refinetti, d'Ascoli, Ohana & Goldt 2021, arXiv 2011.12428. ReLU units, sign-concordant
    and learned feedback, node perturbation and the angles: derived for this project.

    Examples
    --------
    >>> import numpy as np
    >>> solved = order_parameters(
    ...     Q=0.1 * np.eye(2), R=[[0.01, 0.0], [0.0, 0.0]], T=np.eye(2), W=[[0.1, 0.2]],
    ...     A=[[1.0, 1.0]], activation="erf", B=[[1.0], [0.5]], learning_rate=1.0,
    ...     times=[0.0, 100.0],
    ... )
    >>> solved["generalization_error"].values.round(3)
    array([0.334, 0.014])
    """
    times = increasing_times(times)
    problem, start = checked_problem(
        Q,
        R,
        T,
        W,
        A,
        activation=activation,
        rule=rule,
        B=B,
        learning_rate=learning_rate,
        readout_rate=readout_rate,
        noise=noise,
        decay=decay,
        input_decay=input_decay,
    )
    states, diverged_at = follow(problem, start, times)
    answer = labelled(times, problem, states, diverged_at)
    finer = finer_integrals(activation)
    if finer is not None:
        answer.attrs["quadrature_error"] = _quadrature_error(problem, finer, states)
    _warn_if_unstable(problem, states, answer)
    return answer


def _quadrature_error(problem: Problem, finer: Integrals, states: OrderParameters) -> float:
    """Compare the field at first, middle and last state with that of a finer rule."""
    reached = np.flatnonzero(np.isfinite(states.W).all(axis=(1, 2)))
    # Three states: the finer rule costs three times as much as the usual one.
    some = np.unique(reached[[0, len(reached) // 2, -1]])
    at = states.at(some)
    usual = motion(problem, at)
    fine = motion(replace(problem, integrals=finer), at)
    return max(
        float(np.abs(a - b).max() / np.abs(b).max())
        for a, b in zip(usual, fine, strict=True)
        if b is not None and np.abs(b).max() > 0
    )


def _warn_if_unstable(problem: Problem, states: OrderParameters, answer: xr.Dataset) -> None:
    """Say so when the error ends above its start because the rate is too large."""
    if problem.eta == 0:
        return
    reached = np.flatnonzero(np.isfinite(states.W).all(axis=(1, 2)))
    first, last = states.at(reached[0]), states.at(reached[-1])
    began, ended = (generalization_error(Averages(problem, at))[0] for at in (first, last))
    diverged = bool(answer["diverged"])
    # Growth from a saddle is no more than rounding at first.
    if not (diverged or ended > GROWTH * began):
        return
    with np.errstate(all="ignore"):
        # Noise on the target keeps the error up at any rate; it is not what makes it unstable.
        limit = float(largest_stable_rate(replace(problem, noise=0.0), last))
    if not diverged and not 0 < limit < problem.eta:
        return
    what = "the order parameters diverge" if diverged else "the error grows"
    known = f"above {limit:.4g} it grows there" if limit > 0 else "it grows there at any rate"
    warnings.warn(
        f"{what}: the generalization error is {began:.3g} at time {answer.time[reached[0]]:g} and "
        f"{ended:.3g} at {answer.time[reached[-1]]:g}, the last that is reached; with "
        f"learning_rate {problem.eta:g}: {known}",
        LearningRateWarning,
        stacklevel=3,
    )
