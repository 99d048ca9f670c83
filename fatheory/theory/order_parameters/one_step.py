"""One step of online learning as a random variable: increments of the order parameters."""

from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import qmc

from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters, Vector

LOG_DRAWS = 13
"""Increments are sampled at 2^13 quasi-random points: standard deviations to about 1 %."""


def increments(problem: Problem, state: OrderParameters) -> OrderParameters:
    """Compute N times the change of the order parameters in one step, at sampled examples.

    To leading order in N, where |x|^2 / N = 1. Decay, which does not vary, is left out.

    Parameters
    ----------
    problem : Problem
        What is learned, and how.
    state : OrderParameters
        Without leading axes.

    Returns
    -------
    OrderParameters
        With a leading axis of examples.
    """
    means = Averages(problem, state)
    K, n, n_o = means.K, means.C.shape[-1], means.G.shape[0]
    z = standard_points(n + n_o + K)
    values, basis = np.linalg.eigh(means.C)
    # By the symmetric root, for C is singular where a student has become its teacher.
    u = z[:, :n] @ ((basis * np.sqrt(np.clip(values, 0, None))) @ basis.T)
    g = problem.integrals.value(u)
    e = g @ means.G.T + problem.noise * z[:, n : n + n_o]
    size = problem.feedback.perturbation
    if size is None:
        sent = e @ means.V.T
    else:
        xi = z[:, n + n_o :]
        felt = xi @ state.W.T
        gain = (e * felt).sum(axis=1) - size / 2 * (felt**2).sum(axis=1)
        sent = gain[:, None] * xi
    delta = problem.eta * sent * problem.integrals.slope(u[:, :K])
    D = delta[:, :, None] * u[:, None, :]
    dW = problem.eta_readout * e[:, :, None] * g[:, None, :K]
    return OrderParameters(
        D[..., :K] + D[..., :K].mT + delta[:, :, None] * delta[:, None, :],
        D[..., K:],
        dW,
        None if state.B is None else dW.mT,
    )


def increment_covariance(
    problem: Problem, state: OrderParameters
) -> Float[np.ndarray, "size size"]:
    """Compute the covariance of `increments`, over examples, target noise and perturbations.

    Parameters
    ----------
    problem : Problem
        What is learned, and how.
    state : OrderParameters
        Without leading axes.
    """
    rows: Vector = problem.layout(state.Q.shape[0]).pack(increments(problem, state))
    rows = rows - rows.mean(axis=0)
    # By their number, not one less: the points are a quadrature, and no sample.
    return rows.T @ rows / len(rows)


@cache
def standard_points(size: int) -> Float[np.ndarray, "draw size"]:
    """Return quasi-random standard normal points of second moment exactly 1.

    Parameters
    ----------
    size : int
        Dimensions.
    """
    points = qmc.Sobol(size, rng=np.random.default_rng(0)).random_base2(LOG_DRAWS)
    # At 0 or 1, which rounding may reach, the quantile is infinite.
    z = ndtri(np.clip(points, 1e-12, 1 - 1e-12))
    z -= z.mean(axis=0)
    # So that averages of what is quadratic in the fields have no error of sampling.
    factor = np.linalg.cholesky(z.T @ z / len(z))
    return np.linalg.solve(factor, z.T).T
