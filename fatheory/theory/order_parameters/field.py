r"""The vector field of the order parameters.

With fields :math:`u = (h, \text{teacher}) \sim N(0, C)`, :math:`e = G g(u) + s\zeta`,
:math:`G = [-W, A]` and :math:`P = V G`, one example moves the overlaps on average by (1/N times)

.. math::

    \dot R &= \eta D_{\cdot,T},\qquad
    \dot Q = \eta (D_S + D_S^\top) + \eta^2 \Delta,\qquad \dot W = \eta_2 G I_2,

    D_{in} &= E\,\delta_i u_n = \sum_a P_{ia} I_3(i, n, a),\qquad
    \Delta_{ik} = E\,\delta_i \delta_k = \sum_{ab} P_{ia} P_{kb} I_4(i,k,a,b)
                  + s^2 (V V^\top)_{ik} J_2(i,k),

delta the teaching signal. By parts D = kappa C, kappa the mean gradient of W0 in the basis of the
fields.
"""

import numpy as np
from jaxtyping import Float

from fatheory.theory.order_parameters.averages import Averages
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters, Values


def motion(problem: Problem, state: OrderParameters) -> OrderParameters:
    """Compute d/d alpha of the order parameters.

    Parameters
    ----------
    problem : Problem
        What is learned, and how.
    state : OrderParameters
        With any leading axes.

    Returns
    -------
    OrderParameters
        Of the same shapes.

    References
    ----------
    Saad & Solla 1995, Phys. Rev. E 52:4225; Goldt et al. 2019, NeurIPS, for a readout that
    learns; Refinetti et al. 2021, arXiv 2011.12428, for direct feedback alignment.
    """
    means = Averages(problem, state)
    K, eta = means.K, problem.eta
    D = means.kappa @ means.C
    Q = eta * (D[..., :K] + D[..., :K].mT) + eta**2 * signal_moments(means)
    R = eta * D[..., K:]
    if problem.input_decay:
        # Twice, as Q is quadratic in W0.
        Q = Q - 2 * problem.input_decay * state.Q
        R = R - problem.input_decay * state.R
    learned = problem.eta_readout * (means.G @ means.I2[..., :K])
    W = learned - problem.decay * state.W
    B = None if state.B is None else learned.mT - problem.decay * state.B
    return OrderParameters(Q, R, W, B)


def signal_moments(means: Averages) -> Float[np.ndarray, "*batch K K"]:
    r"""Compute Delta = E delta delta^T over inputs, target noise and perturbations.

    Node perturbation of size rho has, with M = W^T W and backprop's P,

    .. math:: \Delta_{ik} = 2 \Delta^{BP}_{ik} + \delta_{ik} \Big[\sum_{jab} P_{ja} P_{jb}
        I_4(i,i,a,b) + s^2\,\mathrm{tr} M\, J_2(i,i)\Big] + \tfrac{\rho^2}{4}
        \big[((\mathrm{tr} M)^2 + 2\,\mathrm{tr} M^2) I + 4\,\mathrm{tr}(M) M + 8 M^2\big]_{ik}
        J_2(i,k)

    from the moments of `fatheory.theory.node_perturbation_moments`.

    Parameters
    ----------
    means : Averages
        Of the state.
    """
    P, problem = means.P, means.problem
    left = P[..., :, None, None, :] @ means.I4
    moments = (left @ P[..., None, :, :, None])[..., 0, 0]
    if problem.noise:
        moments = moments + problem.noise**2 * (means.V @ means.V.mT) * means.J2[..., : means.K]
    if problem.feedback.perturbation is None:
        return moments
    return 2 * moments + _perturbed(means, problem.feedback.perturbation)


def _perturbed(means: Averages, size: float) -> Float[np.ndarray, "*batch K K"]:
    """Return what node perturbation adds to twice backprop's moments."""
    K, P = means.K, means.P
    J2, M = means.J2[..., :K], means.V @ means.V.mT
    square = M @ M
    trace, second = (np.trace(A, axis1=-2, axis2=-1)[..., None, None] for A in (M, square))
    eye, own = np.eye(K), np.diagonal(means.I4, axis1=-4, axis2=-3)  # (..., a, b, i)
    every = np.einsum("...ab,...abi->...i", P.mT @ P, own)
    every = every + means.problem.noise**2 * trace[..., 0] * np.diagonal(J2, axis1=-2, axis2=-1)
    spread = (trace**2 + 2 * second) * eye + 4 * trace * M + 8 * square
    return every[..., None] * eye + size**2 / 4 * spread * J2


def generalization_error(
    means: Averages,
) -> tuple[Values, Values]:
    """Compute 1/2 E |A g(teacher) - W g(h)|^2, and the size of the terms that cancel in it.

    Parameters
    ----------
    means : Averages
        Of the state.
    """
    terms = (means.G.mT @ means.G) * means.I2
    return 0.5 * terms.sum(axis=(-2, -1)), 0.5 * np.abs(terms).sum(axis=(-2, -1))
