"""How an observable spreads when the weights do: its expansion around the flow."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import FeedbackWeights
from fatheory.geometry import angle, linear_loss
from fatheory.theory.online_noise import OnlineTask, mean_jacobian, mean_update

RESOLUTION = 1e-7
"""Variance along a direction, relative to all, below which the integration does not resolve it."""


class Expansion(NamedTuple):
    """An observable of the weights along the flow.

    Attributes
    ----------
    value : array of shape (time,)
    gradient : array of shape (time, n)
    hessian : array of shape (time, n, n)
    curvature : array of shape (time, n, n)
        The part of the Hessian that is left at a minimum of the observable. The rest of it acts
        together with second-order fluctuations of the weights, which the spread leaves out.
    """

    value: Float[np.ndarray, " time"]
    gradient: Float[np.ndarray, "time n"]
    hessian: Float[np.ndarray, "time n n"]
    curvature: Float[np.ndarray, "time n n"]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of an observable over data draws, for every learning rate.

    Attributes
    ----------
    flow : array of shape (time,)
        Its value along the flow, the limit at small learning rates.
    correction : array of shape (time,)
        (mean - flow) / eta to leading order.
    variance : array of shape (time,)
        Variance / eta to leading order: gradient^T P gradient. NaN where it is below what the
        integration of P resolves, as late in learning without target noise.
    curvature_variance : array of shape (time,)
        tr(H P H P) / 2 with H the Hessian at a minimum: what is left of the variance, over eta^2,
        where the gradient vanishes, as that of the loss does when it is learned. 0 for the angle;
        NaN as above.
    """

    flow: Float[np.ndarray, " time"]
    correction: Float[np.ndarray, " time"]
    variance: Float[np.ndarray, " time"]
    curvature_variance: Float[np.ndarray, " time"]

    def mean(self, learning_rate: float) -> Float[np.ndarray, " time"]:
        """Return the mean over data draws, right to first order in the learning rate."""
        return self.flow + learning_rate * self.correction

    def std(self, learning_rate: float) -> Float[np.ndarray, " time"]:
        """Return the standard deviation over data draws, right to order eta^(1/2)."""
        return np.sqrt(learning_rate * self.variance + learning_rate**2 * self.curvature_variance)


def spread_of(
    observable: Expansion, P: Float[np.ndarray, "time n n"], m: Float[np.ndarray, "time n"]
) -> Spread:
    """Return the spread of an observable of weights with covariance eta P and mean shift eta m."""
    value, gradient, hessian, curvature = observable
    correction = np.sum(gradient * m, axis=1) + np.sum(hessian * P, axis=(1, 2)) / 2
    variance = np.einsum("ti,tij,tj->t", gradient, P, gradient)
    HP = curvature @ P
    curved = np.sum(HP * np.swapaxes(HP, 1, 2), axis=(1, 2)) / 2
    size = np.trace(P, axis1=1, axis2=2)
    floor = RESOLUTION * size * np.sum(gradient**2, axis=1)
    curved_floor = (RESOLUTION * size * np.linalg.norm(curvature, axis=(1, 2))) ** 2
    return Spread(
        value,
        correction,
        # NaN and not 0: a spread that is not resolved must not pass for certainty.
        np.where(variance < floor, np.nan, variance),
        np.where(curved < curved_floor, np.nan, curved),
    )


def loss_expansion(
    W0: Float[np.ndarray, "time n_h n_i"], W: Float[np.ndarray, "time n_o n_h"], task: OnlineTask
) -> Expansion:
    """Return the loss with its derivatives: backprop's update is minus its gradient.

    The curvature is the Gauss-Newton part, the Hessian if the target were W W0.
    """
    descent = task._replace(B=None)
    pairs = list(zip(W0, W, strict=True))
    gradient = np.stack([-mean_update(*pair, descent) for pair in pairs])
    hessian = np.stack([-mean_jacobian(*pair, descent) for pair in pairs])
    curvature = np.stack(
        [-mean_jacobian(*pair, descent._replace(T=pair[1] @ pair[0])) for pair in pairs]
    )
    return Expansion(linear_loss(W0, W, task.T, task.Sigma), gradient, hessian, curvature)


def angle_expansion(
    W0: Float[np.ndarray, "time n_h n_i"],
    W: Float[np.ndarray, "time n_o n_h"],
    B: FeedbackWeights,
) -> Expansion:
    r"""Return the angle between W and B^T, in degrees, with its derivatives.

    In polar coordinates about B^T, with r = |W| and unit vectors r^ and t^:
    grad = t^ / r, Hess = [-(r^ t^T + t^ r^T) + cot(theta) (I - r^ r^T - t^ t^T)] / r^2.
    """
    times, n0, n1 = len(W), W0[0].size, W[0].size
    flat = W.reshape(times, n1)
    theta = np.deg2rad(angle(flat, B.T.reshape(1, n1)))
    defined = np.sin(theta) > 0  # False for NaN
    r = np.where(defined, np.linalg.norm(flat, axis=1), np.nan)[:, None]
    sine = np.where(defined, np.sin(theta), np.nan)[:, None]
    cosine = np.cos(theta)[:, None]
    radial = flat / r
    polar = (cosine * radial - B.T.reshape(1, n1) / np.linalg.norm(B)) / sine
    outer = polar[:, :, None] * radial[:, None, :]
    around = np.eye(n1) - radial[:, :, None] * radial[:, None, :]
    around = around - polar[:, :, None] * polar[:, None, :]
    gradient, hessian = np.zeros((times, n0 + n1)), np.zeros((times, n0 + n1, n0 + n1))
    gradient[:, n0:] = polar / r
    bend = (cosine / sine)[:, :, None] * around - outer - np.swapaxes(outer, 1, 2)
    # The angle does not depend on W0.
    hessian[:, n0:, n0:] = bend / r[:, :, None] ** 2
    return Expansion(
        np.rad2deg(theta), np.rad2deg(gradient), np.rad2deg(hessian), np.zeros_like(hessian)
    )
