"""Gradient flow of the two-layer linear network, integrated as it stands."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float

from fatheory.arrays import ArrayLike, Covariance, TargetMap
from fatheory.checks import (
    checked_tolerances,
    covariance_matrix,
    increasing_times,
    matching_shapes,
    real_matrix,
    two_layer_arrays,
)
from fatheory.geometry import feedback_invariant
from fatheory.rules import Rule, as_rule
from fatheory.theory.fields import Descent, RunIndex, error_flow, layered_descent
from fatheory.theory.integrate import (
    ATOL,
    RTOL,
    first_lost,
    refuse_exhausted,
)
from fatheory.theory.integrate_error import integrate_error_flow
from fatheory.theory.labelled import error_loss, labelled_solution
from fatheory.theory.mean_rule import mean_layered_rule, mean_state
from fatheory.theory.phase import FlowPhase, checked_phases


def flow(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rule: str | Rule = "feedback_alignment",
    phases: Sequence[FlowPhase] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
) -> xr.Dataset:
    r"""Solve the gradient flow of y = W W0 x towards y* = T x.

    .. math:: \dot W_0 = V^\top E \Sigma,\quad \dot W = E \Sigma W_0^\top,\quad E = T - W W_0

    with V the rule's answer to "what stands in for W": W for backprop, :math:`B^\top` for feedback
    alignment, 0 for shallow, the transposed pseudoinverse for pseudobackprop,
    :math:`B^\top \circ \mathrm{sign}\, W` for sign-concordant rules. It is the limit of SGD at
    small learning rates, in units of time t = eta * step, of online as of batch learning. E is
    integrated beside the weights, so that the loss keeps its relative accuracy however small.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o) or None
        Fixed feedback. The magnitudes and signs M o S for frsf, transposed. Rules that draw no
        feedback (backprop, shallow, usf, brsf, pseudobackprop) do not use it: it may be None.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment E[x x^T]; the identity (white input) by default.
    times : array
        Increasing, from 0 on.
    rule : str or Rule
        Rule by name or as an object with parameters.
    phases : sequence of FlowPhase
        Stretches with frozen layers; by default one without.
    rtol, atol : float
        Local error tolerances of the integrator (DOP853).

    Returns
    -------
    xarray.Dataset
        ``weight_1 (time, unit_1, unit_0)``, ``weight_2 (time, unit_2, unit_1)``, ``loss (time)``.
        NaN from the first time without a finite loss (attribute ``diverged_at``, -1 for none).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the rule needs B and got None, a time lies behind the last phase, or the flow changes
        too fast to be followed.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Lillicrap et al. 2016, Nat. Commun. 7:13276, Supplementary Notes 10-11; Liao, Leibo & Poggio
    2016, arXiv 1510.05067, for the sign-concordant rules.
    """
    W0, W, T = real_matrix("W0", W0), real_matrix("W", W), real_matrix("T", T)
    axes = {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "T": (T, ("n_o", "n_i"))}
    if B is not None:
        B = real_matrix("B", B)
        axes["B"] = (B, ("n_h", "n_o"))
    matching_shapes(axes)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    moments = increasing_times(times)
    layered = mean_layered_rule(as_rule(rule))
    state = mean_state(layered, B, W.shape)
    descent = layered_descent(layered.backward_weights, (None, state))
    plan, tolerances = checked_phases(phases, layers=2), checked_tolerances(rtol, atol)
    return labelled_flow(descent, (W0, W), T, Sigma, moments, plan, *tolerances, layered.name)


def labelled_flow(
    descent: Descent,
    start: Sequence[np.ndarray],
    T: TargetMap,
    Sigma: Covariance,
    times: Float[np.ndarray, " time"],
    phases: Sequence[FlowPhase],
    rtol: float,
    atol: float,
    rule: str,
) -> xr.Dataset:
    """Integrate the flow of one network and label it; see `flow` and `deep_flow`."""

    def alone(weights: list[np.ndarray], P: np.ndarray, _: RunIndex) -> list[np.ndarray]:
        # A rule's own code is handed matrices, as its author may expect.
        reached = descent([W[0] for W in weights], P[0], ...)
        return [S[None] for S in reached]

    # White input spares a product at every evaluation.
    field_of = error_flow(alone, None if (Sigma == np.eye(len(Sigma))).all() else Sigma[None])
    begin = [W[None] for W in start]
    runs = integrate_error_flow(field_of, begin, T[None], times, phases, rtol, atol)
    refuse_exhausted(runs, times, rtol)
    *weights, E = (block[0] for block in runs.blocks)
    with np.errstate(over="ignore"):  # an error that is too large to be squared has diverged
        # By E that was integrated, and not by the weights, which lose it where learning is done.
        loss = error_loss(E, Sigma)
    lost = first_lost([*weights, E, loss])
    if lost >= 0:
        for values in (*weights, loss):
            values[lost:] = np.nan
    return labelled_solution(times, weights, loss, method="flow", rule=rule, diverged_at=lost)


def invariant(W0: ArrayLike, W: ArrayLike, B: ArrayLike) -> np.ndarray:
    """Compute C = B W + (B W)^T - W0 W0^T, constant under the flow of feedback alignment.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Input weights.
    W : array of shape (n_o, n_h)
        Output weights.
    B : array of shape (n_h, n_o)
        Feedback weights.

    Returns
    -------
    array of shape (n_h, n_h)
        Constant for any input covariance and target. After one simultaneous discrete update it
        has changed by exactly -dW0 dW0^T.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 11.
    """
    return feedback_invariant(*two_layer_arrays(W0=W0, W=W, B=B))
