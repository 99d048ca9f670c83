"""Gradient flow of the two-layer linear network, integrated as it stands."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from fatheory import labels
from fatheory.checks import covariance_matrix, increasing_times, matching_shapes, real_array
from fatheory.errors import RegimeError
from fatheory.geometry import feedback_invariant, linear_loss
from fatheory.rules import Backprop, DirectRule, LayeredRule, NodePerturbation, Rule, make_rule
from fatheory.theory.fields import linear_flow_field
from fatheory.theory.integrate import ATOL, RTOL, Phase, integrate


def flow(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rule: str | Rule = "feedback_alignment",
    phases: Sequence[Phase] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
) -> xr.Dataset:
    r"""Solve the gradient flow of y = W W0 x towards y* = T x.

    .. math:: \dot W_0 = V^\top E \Sigma,\quad \dot W = E \Sigma W_0^\top,\quad E = T - W W_0

    with V the rule's answer to "what stands in for W": W for backprop, :math:`B^\top` for feedback
    alignment, 0 for shallow, the transposed pseudoinverse for pseudobackprop,
    :math:`B^\top \circ \mathrm{sign}\, W` for sign-concordant rules. It is the limit of SGD at
    small learning rates, in units of time t = eta * step, of online as of batch learning.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o) or None
        Fixed feedback. The magnitudes and signs M o S for sign-concordant rules, transposed;
        None where the rule needs none or says it itself (backprop, shallow, usf, brsf).
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Input second moment E[x x^T]; the identity (white input) by default.
    times : array
        Increasing, from 0 on.
    rule : str or Rule
        Rule by name or as an object with parameters.
    phases : sequence of Phase
        Stretches with frozen layers; by default one without.
    rtol, atol : float
        Local error tolerances of the integrator (DOP853).

    Returns
    -------
    xarray.Dataset
        ``weight_1 (time, unit_1, unit_0)``, ``weight_2 (time, unit_2, unit_1)``, ``loss (time)``.
        NaN from the time on at which the flow blows up (attribute ``diverged_at``, -1 if never).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or Sigma is not a covariance.
    RegimeError
        If the rule needs B and got None, or a time lies behind the last phase.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Lillicrap et al. 2016, Nat. Commun. 7:13276, Supplementary Notes 10-11; Liao, Leibo & Poggio
    2016, arXiv 1510.05067, for the sign-concordant rules.
    """
    W0, W, T = real_array("W0", W0, 2), real_array("W", W, 2), real_array("T", T, 2)
    axes = {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "T": (T, ("n_o", "n_i"))}
    if B is not None:
        B = real_array("B", B, 2)
        axes["B"] = (B, ("n_h", "n_o"))
    matching_shapes(axes)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    moments = increasing_times(times)
    layered = mean_layered_rule(make_rule(rule) if isinstance(rule, str) else rule)
    state = _state(layered, B, W.shape)
    field = linear_flow_field(layered.backward_weights, (None, state), T, Sigma)
    path = integrate(field, (W0, W), moments, phases, rtol, atol)
    return _dataset(moments, path.weights, path.diverged_at, T, Sigma, layered.name)


def mean_layered_rule(rule: Rule) -> LayeredRule:
    """Return the layered rule whose flow is the mean motion under `rule`.

    A layered rule is its own. Node perturbation of a quadratic loss has backprop's teaching
    signal as its mean, so backprop's flow is its limit at small learning rates (Werfel, Xie &
    Seung 2005).

    Raises
    ------
    RegimeError
        For another direct rule: its mean is not known.
    """
    if isinstance(rule, LayeredRule):
        return rule
    if isinstance(rule, NodePerturbation):
        return Backprop()
    assert isinstance(rule, DirectRule)
    raise RegimeError(f"no mean flow is known for the direct rule {rule.name!r}")


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
    W0, W, B = real_array("W0", W0, 2), real_array("W", W, 2), real_array("B", B, 2)
    matching_shapes(
        {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "B": (B, ("n_h", "n_o"))}
    )
    return feedback_invariant(W0, W, B)


def _state(rule: LayeredRule, B: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    if B is not None:
        return B.T
    constant = rule.mean_state(None, shape)
    if constant is None:
        constant = rule.draw(_NoRandomness(rule.name), shape)
    return constant


class _NoRandomness:
    """Stands in for a generator: a rule that draws from it needed B."""

    def __init__(self, rule: str) -> None:
        self.message = f"the rule {rule!r} needs its fixed feedback B of shape (n_h, n_o); got None"

    def uniform(self, low: float, high: float, size: tuple[int, ...]) -> np.ndarray:
        del low, high, size
        raise RegimeError(self.message)

    def normal(self, loc: float, scale: float, size: tuple[int, ...]) -> np.ndarray:
        del loc, scale, size
        raise RegimeError(self.message)


def _dataset(
    times: np.ndarray,
    weights: tuple[np.ndarray, ...],
    diverged_at: int,
    T: np.ndarray,
    Sigma: np.ndarray,
    rule: str,
) -> xr.Dataset:
    W0, W = weights
    data = {
        labels.weight(1): ((labels.TIME, labels.unit(1), labels.unit(0)), W0),
        labels.weight(2): ((labels.TIME, labels.unit(2), labels.unit(1)), W),
        labels.LOSS: ((labels.TIME,), linear_loss(W0, W, T, Sigma)),
    }
    variables = {
        name: (dims, values, labels.variable(name).attrs) for name, (dims, values) in data.items()
    }
    return xr.Dataset(
        variables,
        coords={labels.TIME: ((labels.TIME,), times, labels.variable(labels.TIME).attrs)},
        attrs={"source": "theory/flow", "rule": rule, "diverged_at": diverged_at},
    )
