"""Online learning around the flow: mean and spread over data draws, to leading order in eta."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike, FeedbackWeights, InputWeights, OutputWeights
from fatheory.checks import covariance_matrix, increasing_times, matching_shapes, real_array
from fatheory.errors import RegimeError, UnknownNameError
from fatheory.theory.integrate import integrate
from fatheory.theory.online_noise import (
    OnlineTask,
    mean_bending,
    mean_jacobian,
    mean_update,
    update_covariance,
)
from fatheory.theory.spread import Spread, angle_expansion, loss_expansion, spread_of

RULES = ("backprop", "feedback_alignment", "shallow")
RTOL = 1e-9
ATOL = 1e-12


@dataclass(frozen=True)
class Fluctuations:
    """Online learning around the flow.

    The weights theta = (W0, W) are flattened row by row, W0 first. At learning rate eta their mean
    is that of the flow plus eta times `drift`, their covariance eta times `covariance`.

    Attributes
    ----------
    times : array of shape (time,)
        In units t = eta * step.
    W0 : array of shape (time, n_h, n_i)
        Input weights along the flow.
    W : array of shape (time, n_o, n_h)
        Output weights along the flow.
    covariance : array of shape (time, n, n)
        P, with n = n_h n_i + n_o n_h.
    drift : array of shape (time, n)
        m.
    loss : Spread
        Of L = 1/2 tr(E Sigma E^T), without the noise floor.
    angle : Spread or None
        Of the angle between W and B^T, in degrees; None without B, NaN where W is 0 or parallel
        to B^T.
    """

    times: Float[np.ndarray, " time"]
    W0: Float[np.ndarray, "time n_h n_i"]
    W: Float[np.ndarray, "time n_o n_h"]
    covariance: Float[np.ndarray, "time n n"]
    drift: Float[np.ndarray, "time n"]
    loss: Spread
    angle: Spread | None


def online_fluctuations(
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    times: ArrayLike,
    rule: str = "feedback_alignment",
    noise: ArrayLike | None = None,
) -> Fluctuations:
    r"""Compute mean and spread of online SGD over data draws, same start, target and feedback.

    Expand theta_k = flow + sqrt(eta) u + eta m + ... at t = eta k. With f the update of one example
    divided by eta, f' and J its mean's field and Jacobian:

    .. math::
        \dot P = J P + P J^\top + D,\quad P = \mathrm{Cov}\,u,\quad D = \mathrm{Cov}\,f,\qquad
        \dot m = J m + \tfrac12 \bar f'' : P - \tfrac12 J \bar f,

    the last term because steps of length eta lag behind the flow. For x ~ N(0, Sigma), the update
    is linear in e x^T, whose covariance is
    (E Sigma E^T + noise)_{ik} Sigma_{jl} + (E Sigma)_{il} (E Sigma)_{kj}. An observable g has the
    mean g + eta (grad g . m + tr(Hess g P)/2) and the variance eta grad g^T P grad g.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Start of the input weights.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    B : array of shape (n_h, n_o) or None
        Fixed feedback, needed by feedback alignment; with other rules only the angle's reference.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Covariance of the Gaussian inputs; the identity by default.
    times : array of shape (time,)
        Increasing, from 0 on, in units t = eta * step.
    rule : str
        ``"backprop"``, ``"feedback_alignment"`` or ``"shallow"``.
    noise : array of shape (n_o, n_o), optional
        Covariance of Gaussian noise on the target; zero by default.

    Returns
    -------
    Fluctuations
        For all learning rates at once. The expansion holds while the spread is small against the
        scale on which the field bends: for eta well below `largest_stable_learning_rate`, and,
        without target noise, for times at which the loss has not fallen so far that its relative
        spread is of order one.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or times do not increase.
    RegimeError
        If feedback alignment has no B, or the flow diverges.
    UnknownNameError
        If the rule is another one.

    Notes
    -----
    Dense: n^2 numbers for P and n^3 operations per evaluation; some hundred weights are quick.

    References
    ----------
    The linear-noise expansion (van Kampen 1976) applied to online learning, as in Heskes & Kappen
    1991; the coefficients are derived for this project.
    """
    if rule not in RULES:
        raise UnknownNameError("rule with known fluctuations", rule, RULES)
    W0, W, T = real_array("W0", W0, 2), real_array("W", W, 2), real_array("T", T, 2)
    axes = {"W0": (W0, ("n_h", "n_i")), "W": (W, ("n_o", "n_h")), "T": (T, ("n_o", "n_i"))}
    if B is not None:
        B = real_array("B", B, 2)
        axes["B"] = (B, ("n_h", "n_o"))
    sizes = matching_shapes(axes)
    if rule == "feedback_alignment" and B is None:
        raise RegimeError("feedback alignment needs its fixed feedback B of shape (n_h, n_o)")
    carrier = {"backprop": None, "feedback_alignment": B, "shallow": np.zeros_like(W.T)}[rule]
    no_noise = np.zeros((sizes["n_o"], sizes["n_o"]))
    task = OnlineTask(
        carrier,
        T,
        covariance_matrix("Sigma", Sigma, sizes["n_i"]),
        no_noise if noise is None else covariance_matrix("noise", noise, sizes["n_o"]),
    )
    return _solve(W0, W, task, increasing_times(times), B)


def _solve(
    W0: InputWeights,
    W: OutputWeights,
    task: OnlineTask,
    times: Float[np.ndarray, " time"],
    B: FeedbackWeights | None,
) -> Fluctuations:
    def field(state: list[np.ndarray]) -> list[np.ndarray]:
        W0, W, P, m = state
        J, mean = mean_jacobian(W0, W, task), mean_update(W0, W, task)
        # The last term is of discrete steps: eta f leaves out the flow's next term, eta^2 J f / 2.
        dm = J @ m[:, 0] + mean_bending(W0, W, task, P) - J @ mean / 2
        # P is symmetric, so that P J^T is the transpose.
        JP = J @ P
        dW0, dW = np.split(mean, [W0.size])
        return [
            dW0.reshape(W0.shape),
            dW.reshape(W.shape),
            JP + JP.T + update_covariance(W0, W, task),
            dm[:, None],
        ]

    n = W0.size + W.size
    # No spread at the start, which all data draws share.
    start = (W0, W, np.zeros((n, n)), np.zeros((n, 1)))
    path = integrate(field, start, times, rtol=RTOL, atol=ATOL)
    if path.diverged_at >= 0:
        raise RegimeError(
            f"the flow diverges before t = {times[path.diverged_at]:.6g}; there is no spread around"
            f" it: ask for earlier times"
        )
    W0s, Ws, P, m = path.weights
    loss = spread_of(loss_expansion(W0s, Ws, task), P, m[..., 0])
    between = None if B is None else spread_of(angle_expansion(W0s, Ws, B), P, m[..., 0])
    return Fluctuations(times, W0s, Ws, P, m[..., 0], loss, between)
