"""Gradient flow of linear networks of any depth under layered and direct feedback."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from fatheory.arrays import Covariance, TargetMap
from fatheory.checks import covariance_matrix, increasing_times, matching_shapes, real_array
from fatheory.rules import DirectFeedbackAlignment, Rule, make_rule
from fatheory.theory.fields import Field, linear_flow_field
from fatheory.theory.integrate import ATOL, RTOL, Phase, integrate
from fatheory.theory.labelled import labelled_solution, population_loss
from fatheory.theory.layers import (
    Matrix,
    direct_feedback,
    layered_feedback,
    network_weights,
    partial_products,
    weight_axes,
)
from fatheory.theory.mean_rule import mean_layered_rule, mean_state

DIRECT = "direct_feedback_alignment"
"""The rule under which every hidden layer receives the output error through its own matrix."""


def deep_flow(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike] | None,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rule: str | Rule = "feedback_alignment",
    phases: Sequence[Phase] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
) -> xr.Dataset:
    r"""Solve the gradient flow of y = W_L ... W_1 x towards y* = T x.

    .. math:: \dot W_l = P_l (W_{l-1} \cdots W_1)^\top,\quad P_L = E \Sigma,\quad
              E = T - W_L \cdots W_1

    Layered rules carry P back layer by layer, :math:`P_{l-1} = V_l^\top P_l`, with :math:`V_l`
    the rule's answer to "what stands in for W_l": W_l for backprop, :math:`B_l^\top` for feedback
    alignment. Direct feedback alignment has :math:`P_l = F_l E \Sigma` at every hidden layer. It
    is the limit of SGD at small learning rates, in units of time t = eta * step. At depth 2 both
    kinds of feedback are `flow`.

    Parameters
    ----------
    weights : sequence of arrays
        Start W_1 ... W_L, W_l of shape (n_l, n_{l-1}); n_0 inputs, n_L outputs.
    feedback : sequence of arrays or None
        B_2 ... B_L of shapes (n_{l-1}, n_l) for layered rules; F_1 ... F_{L-1} of shapes
        (n_l, n_L) for ``"direct_feedback_alignment"``. Rules that draw no feedback (backprop,
        shallow, usf, brsf, pseudobackprop) do not use it: it may be None.
    T : array of shape (n_L, n_0)
        Target map.
    Sigma : array of shape (n_0, n_0), optional
        Input second moment E[x x^T]; the identity (white input) by default.
    times : array
        Increasing, from 0 on.
    rule : str or Rule
        A layered rule by name or as an object with parameters, or ``"direct_feedback_alignment"``.
    phases : sequence of Phase
        Stretches with frozen layers, counted from 1; by default one without.
    rtol, atol : float
        Local error tolerances of the integrator (DOP853).

    Returns
    -------
    xarray.Dataset
        ``weight_l (time, unit_l, unit_{l-1})`` for l = 1 ... L and ``loss (time)``. NaN from the
        time on at which the flow blows up (attribute ``diverged_at``, -1 if never).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the rule needs feedback and got None, or a time lies behind the last phase.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Lillicrap et al. 2016, Nat. Commun. 7:13276 (two layers); Refinetti, d'Ascoli, Ohana & Goldt
    2021, arXiv 2011.12428 (direct feedback, any depth).
    """
    start = network_weights(weights)
    T = real_array("T", T, 2)
    matching_shapes(weight_axes(start) | {"T": (T, (f"n_{len(start)}", "n_0"))})
    Sigma = covariance_matrix("Sigma", Sigma, T.shape[1])
    moments = increasing_times(times)
    learner = make_rule(rule) if isinstance(rule, str) else rule
    if isinstance(learner, DirectFeedbackAlignment):
        F = direct_feedback([] if feedback is None else feedback, start)
        name, field = DIRECT, direct_flow_field(F, T, Sigma)
    else:
        layered = mean_layered_rule(learner)
        B = [None] * (len(start) - 1) if feedback is None else layered_feedback(feedback, start)
        states = [mean_state(layered, b, W.shape) for b, W in zip(B, start[1:], strict=True)]
        name = layered.name
        field = linear_flow_field(layered.backward_weights, (None, *states), T, Sigma)
    path = integrate(field, start, moments, phases, rtol, atol)
    return labelled_solution(
        moments,
        path.weights,
        population_loss(path.weights, T, Sigma),
        method="deep_flow",
        rule=name,
        diverged_at=path.diverged_at,
    )


def direct_flow_field(feedback: Sequence[Matrix], T: TargetMap, Sigma: Covariance) -> Field:
    """Return the vector field dW_l/dt = F_l E Sigma (W_{l-1} ... W_1)^T, with F_L = I.

    Parameters
    ----------
    feedback : sequence of arrays
        F_1 ... F_{L-1}, F_l of shape (n_l, n_L).
    T : array of shape (n_L, n_0)
        Target map.
    Sigma : array of shape (n_0, n_0)
        Second moment of the input, E[x x^T].
    """

    def field(weights: list[np.ndarray]) -> list[np.ndarray]:
        *below, product = partial_products(weights)
        P = (T - product) @ Sigma
        first, *others = [*(F @ P for F in feedback), P]
        return [first, *(S @ G.T for S, G in zip(others, below, strict=True))]

    return field
