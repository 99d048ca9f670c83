"""Gradient flow of linear networks of any depth under layered and direct feedback."""

from collections.abc import Sequence

import xarray as xr

from fatheory.arrays import ArrayLike
from fatheory.checks import (
    checked_tolerances,
    covariance_matrix,
    increasing_times,
    matching_shapes,
    real_array,
)
from fatheory.rules import Rule, as_rule
from fatheory.rules.direct import is_direct_feedback
from fatheory.theory.fields import direct_descent, layered_descent
from fatheory.theory.flow import labelled_flow
from fatheory.theory.integrate import ATOL, RTOL
from fatheory.theory.layers import (
    direct_feedback,
    layered_feedback,
    network_weights,
    weight_axes,
)
from fatheory.theory.mean_rule import mean_layered_rule, mean_state
from fatheory.theory.phase import FlowPhase, checked_phases

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
    phases: Sequence[FlowPhase] = (),
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
    phases : sequence of FlowPhase
        Stretches with frozen layers, counted from 1; by default one without.
    rtol, atol : float
        Local error tolerances of the integrator (DOP853).

    Returns
    -------
    xarray.Dataset
        ``weight_l (time, unit_l, unit_{l-1})`` for l = 1 ... L and ``loss (time)``. NaN from the
        first time without a finite loss (attribute ``diverged_at``, -1 for none).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the rule needs feedback and got None, a time lies behind the last phase, or the flow
        changes too fast to be followed.
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
    learner = as_rule(rule)
    if is_direct_feedback(learner):
        F = direct_feedback([] if feedback is None else feedback, start)
        name, descent = DIRECT, direct_descent(F)
    else:
        layered = mean_layered_rule(learner)
        B = [None] * (len(start) - 1) if feedback is None else layered_feedback(feedback, start)
        states = [mean_state(layered, b, W.shape) for b, W in zip(B, start[1:], strict=True)]
        name = layered.name
        descent = layered_descent(layered.backward_weights, (None, *states))
    plan, tolerances = checked_phases(phases, len(start)), checked_tolerances(rtol, atol)
    return labelled_flow(descent, start, T, Sigma, moments, plan, *tolerances, name)
