r"""The second moment of the error map at frozen weights: exact, from the first step.

In whitened inputs z, :math:`E \Sigma^{1/2} = U F` in the eigenbasis of M = W V = U diag(m) U^{-1},
a row moves in a step by :math:`-\eta\,(f_i \cdot z)\, G_i z`,
:math:`G_i = m_i \Sigma + \Sigma^{1/2} W_0^\top W_0 \Sigma^{1/2}`. By Isserlis' theorem
:math:`D_{ij} = \langle f_i f_j^{\mathsf H} \rangle` is closed:

.. math:: D_{ij} \leftarrow D_{ij} - \eta\,(G_i D_{ij} + D_{ij} G_j^{\mathsf H})
    + \eta^2\, G_i S(D_{ij})\, G_j^{\mathsf H},\qquad S(D) = D + D^\top + \mathrm{tr} D .

Node perturbation has V = W^T, and the noise of its teaching signal, of covariance
:math:`|W^\top e|^2 + W^\top e e^\top W` (`fatheory.theory.node_perturbation_moments` at small
perturbations), adds

.. math:: \eta^2\, \Sigma\, \Big[m_i m_j S(D_{ij})
    + \delta_{ij} m_i \sum_k m_k S(D_{kk})\Big] \Sigma .
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Inexact
from scipy.sparse.linalg import LinearOperator, eigs

from fatheory.arrays import ArrayLike
from fatheory.checks import (
    covariance_matrix,
    matching_shapes,
    positive_number,
    real_array,
    step_numbers,
    two_layer_arrays,
)
from fatheory.rules import NodePerturbation, Rule, Shallow, as_rule
from fatheory.theory.mean_rule import mean_layered_rule, mean_state

RANK_TOLERANCE = 1e-12
"""Variances, and rates of decay, below this fraction of the largest are taken for 0."""

ErrorMoments = Inexact[np.ndarray, "*rows n n"]


class FrozenRows:
    """The rows of the error at frozen weights.

    Parameters
    ----------
    W0, W, B, Sigma : arrays
        As of `frozen_mean_loss`.
    rule : Rule
        Of learning.
    """

    def __init__(
        self,
        W0: Float[np.ndarray, "n_h n_i"],
        W: Float[np.ndarray, "n_o n_h"],
        B: Float[np.ndarray, "n_h n_o"] | None,
        Sigma: Float[np.ndarray, "n_i n_i"],
        rule: Rule,
    ) -> None:
        layered = mean_layered_rule(rule)
        M = np.zeros((len(W), len(W)))
        if not isinstance(layered, Shallow):
            M = W @ layered.backward_weights(W, mean_state(layered, B, W.shape)).T
        self.noisy = isinstance(rule, NodePerturbation)
        # Symmetric, so that the basis is orthogonal, in which its noise is written.
        self.modes, self.basis = np.linalg.eigh(M) if self.noisy else np.linalg.eig(M)
        variances, axes = np.linalg.eigh(Sigma)
        # No example moves the error along directions without input, and none of it is seen there.
        seen = variances > RANK_TOLERANCE * variances[-1]
        self.variances = variances[seen]
        self.root = axes[:, seen] * np.sqrt(self.variances)
        hidden = W0 @ self.root
        self.gains = hidden.T @ hidden + self.modes[:, None, None] * np.diag(self.variances)

    def noise(self, D: ErrorMoments, same: bool = True) -> ErrorMoments:
        """Return the term of second order in the rate, of moments of rows i and j.

        Parameters
        ----------
        D : array of shape (row, n, n) or (row, row, n, n)
            D_ii of all rows, or all D_ij.
        same : bool
            Whether only D_ii are given.
        """
        S = D + D.mT + np.trace(D, axis1=-2, axis2=-1)[..., None, None] * np.eye(D.shape[-1])
        G = self.gains
        moved = G @ S @ G.mT.conj() if same else G[:, None] @ S @ G.mT.conj()
        if not self.noisy:
            return moved
        m, scale = self.modes, np.outer(self.variances, self.variances)
        own = S if same else np.einsum("iiab->iab", S)
        shared = np.einsum("i,k,kab->iab", m, m, own)
        if same:
            return moved + scale * ((m**2)[:, None, None] * S + shared)
        moved = moved + scale * np.multiply.outer(np.outer(m, m), np.ones_like(scale)) * S
        each = np.arange(len(m))
        moved[each, each] += scale * shared
        return moved

    def gain(self) -> float:
        """Return the spectral radius of A_1^{-1} A_2: its inverse is the limit of the rate.

        A_1 D = G D + D G and A_2 is `noise`, for real modes. Infinite where the flow does not
        attract the error, whatever the rate.
        """
        g, V = np.linalg.eigh(self.gains)
        if g.min() <= RANK_TOLERANCE * np.abs(g).max():
            return math.inf
        total = g[:, :, None] + g[:, None, :]
        shape = self.gains.shape

        def inverted(flat: np.ndarray) -> np.ndarray:
            driven = V.mT @ self.noise(flat.reshape(shape)) @ V
            return (V @ (driven / total) @ V.mT).ravel()

        return _radius(inverted, shape)

    def growth(self, rate: float) -> float:
        """Return the factor by which the mean loss changes in a step, in the long run."""
        G, shape = self.gains, self.gains.shape

        def stepped(flat: np.ndarray) -> np.ndarray:
            D = flat.reshape(shape)
            return (D - rate * (G @ D + D @ G) + rate**2 * self.noise(D)).ravel()

        return _radius(stepped, shape)


def _radius(step: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]) -> float:
    """Return the largest eigenvalue of a map that keeps positive matrices positive."""
    size = math.prod(shape)
    start = np.broadcast_to(np.eye(shape[-1]), shape).ravel()
    # Written out where it is small: ARPACK needs room for its Krylov space.
    if size < 20:
        columns = np.array([step(column) for column in np.eye(size)]).T
        return float(np.abs(np.linalg.eigvals(columns)).max())
    operator = LinearOperator((size, size), matvec=step, dtype=float)
    found = eigs(operator, k=1, which="LM", v0=start, tol=1e-12, return_eigenvectors=False)
    return float(found[0].real)


def frozen_mean_loss(
    E: ArrayLike,
    W0: ArrayLike,
    W: ArrayLike,
    B: ArrayLike | None,
    Sigma: ArrayLike | None = None,
    *,
    learning_rate: float,
    steps: ArrayLike,
    rule: str | Rule = "feedback_alignment",
) -> Float[np.ndarray, " step"]:
    r"""Compute the mean over examples of the loss of online learning at frozen weights, exactly.

    Near a solution the weights hardly move while the error map E = T - W W0 still does. At any
    learning rate, from the first step (`fatheory.theory.online.frozen`); `late_learning` has its
    rate in the long run.

    Parameters
    ----------
    E : array of shape (n_o, n_i)
        Error map at the start.
    W0 : array of shape (n_h, n_i)
        Input weights.
    W : array of shape (n_o, n_h)
        Output weights.
    B : array of shape (n_h, n_o) or None
        Fixed feedback; None for rules that draw none.
    Sigma : array of shape (n_i, n_i), optional
        Covariance of the Gaussian inputs; the identity by default.
    learning_rate : float
        eta, per step.
    steps : array of int
        At which it is given; increasing, from 0 on.
    rule : str or Rule
        Any rule that `fatheory.theory.flow` knows; node perturbation in the limit of small
        perturbations, with their noise.

    Returns
    -------
    array of shape (step,)
        E[1/2 tr(E Sigma E^T)].

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or steps do not increase from 0 or later.
    RegimeError
        If the learning rate is not positive.
    UnknownNameError
        If there is no such rule.

    References
    ----------
    Derived for this project, after the mean-square analysis of LMS by Feuer & Weinstein 1985.
    """
    W0, W, *fixed = two_layer_arrays(W0=W0, W=W, **({} if B is None else {"B": B}))
    E = real_array("E", E, 2)
    matching_shapes(
        {"E": (E, ("n_o", "n_i")), "W": (W, ("n_o", "n_h")), "W0": (W0, ("n_h", "n_i"))}
    )
    rate = positive_number("learning_rate", learning_rate)
    wanted = step_numbers(steps)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    rows = FrozenRows(W0, W, fixed[0] if fixed else None, Sigma, as_rule(rule))
    F = np.linalg.solve(rows.basis, E @ rows.root)
    D = np.einsum("ia,jb->ijab", F, F.conj())
    # |U F|^2 = sum_ij (U^H U)_ji tr D_ij.
    metric = (rows.basis.conj().T @ rows.basis).T
    G, losses = rows.gains, []
    for step in range(int(wanted[-1]) + 1):
        if step in wanted:
            losses.append(0.5 * np.einsum("ij,ijaa->", metric, D).real)
        moved = G[:, None] @ D + D @ G.mT.conj()
        D = D - rate * moved + rate**2 * rows.noise(D, same=False)
    return np.array(losses)
