r"""The late phase of online learning: rows of the error at nearly frozen weights.

In the eigenbasis of M = W K V with eigenvalues m_i, and q_a those of the input weights' Gram
matrix, :math:`P_{ij}` decays by a factor :math:`A_{ij}` per step, which solves

.. math:: 1 = \frac{(n_i - n_o) \kappa_0}{d} + \sum_a \frac{\kappa_a}{d + \delta_a},\qquad
          A = 1 + d - \gamma_0 + 2 \kappa_0,

with :math:`g_{ia} = m_i + q_a,\ \kappa_a = \eta^2 g_{ia} g_{ja}^*,\ \gamma_a = \eta (g_{ia} +
g_{ja}^*),\ \delta_a = (\gamma - 2 \kappa)_a - (\gamma - 2 \kappa)_0`. A typical run loses half of
the variance that its log loss gains (`fatheory.theory.online.lms_row`). W and Q relax by the mean
step and are held on :math:`T T^\top = P + S K W^\top + W K S^\top + W K Q K W^\top`, which every
run obeys and products of means do not.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from fatheory.theory.online.dressing import dressing
from fatheory.theory.online.log_variance import log_variance_of_row
from fatheory.theory.online.mean_step import mean_step
from fatheory.theory.online.reduced_chain import Chain, ChainState, Square, symmetric, trace

FROZEN = 1e-6
"""Error against its start, as P, below which the weights no longer move."""
_ITERATIONS, _NEWTON = 60, 4
_NEAR = 1e-4
"""Relative change from which on Newton's steps have all digits."""


@dataclass(frozen=True, eq=False)
class LateRows:
    """Rates of the rows at some weights.

    Attributes
    ----------
    basis, inverse : arrays of shape (run, 1, n_o, n_o)
        Eigenvectors of M as columns.
    growth : array of shape (run, 1, n_o, n_o)
        A_ij per step.
    log_variance : array of shape (run, 1, n_o)
        What a step adds to the variance of the log of a row.
    """

    basis: np.ndarray
    inverse: np.ndarray
    growth: np.ndarray
    log_variance: Float[np.ndarray, "run 1 n_o"]

    def only(self, runs: Sequence[int]) -> "LateRows":
        """Return those of some of the runs."""
        parts = (self.basis, self.inverse, self.growth, self.log_variance)
        return LateRows(*(part[runs] for part in parts))

    def shares(self, P: Square) -> Float[np.ndarray, "run 1 n_o"]:
        """Return the share of each row in the loss."""
        rows = self.inverse @ P @ self.inverse.mT.conj()
        part = (rows * (self.basis.mT.conj() @ self.basis).mT).sum(-1).real
        return part / part.sum(-1, keepdims=True)

    def decayed(self, P: Square, steps: int = 1) -> Square:
        """Return P some steps later."""
        rows = self.growth**steps * (self.inverse @ P @ self.inverse.mT.conj())
        return (self.basis @ rows @ self.basis.mT.conj()).real


class LatePhase:
    """The late phase of some runs.

    Parameters
    ----------
    chain : Chain
        What is learned.
    start : ChainState
        Means where it begins; P of the whole error.
    log_variance : array of shape (run,)
        Variance of the log loss there.
    """

    def __init__(self, chain: Chain, start: ChainState, log_variance: np.ndarray) -> None:
        self.chain, self.state, self._begun = chain, start, log_variance
        # What the mean S makes of P decays with S and not with the rows; it is nearly all at small
        # rates, and what is left may be rounding.
        self._H = dressing(chain, start, regularization=0.0)
        self._slow = _power(start.P - start.S @ self._H @ start.S.mT, 1.0)
        self._rows_variance = np.zeros(start.P.shape[:-1])
        self._settle()

    @property
    def added(self) -> Float[np.ndarray, " run"]:
        """Variance of the log loss that this phase has added."""
        return (self.rows.shares(self.state.P) ** 2 * self._rows_variance).sum((-2, -1))

    @property
    def log_variance(self) -> Float[np.ndarray, " run"]:
        """Variance of the log loss."""
        return self._begun + self.added

    @property
    def frozen(self) -> Bool[np.ndarray, " run"]:
        """Whether the weights no longer move, and the error is that of the rows alone."""
        size, slow, whole = (
            trace(A)[:, 0, 0, 0] for A in (self.state.P, self._slow, self.chain.target)
        )
        return (size < FROZEN * whole) & (slow > (1 - FROZEN) * size)

    def only(self, runs: Sequence[int]) -> "LatePhase":
        """Return the phase of some of the runs, where it is; this one stays as it is."""
        # A shallow copy: parts are replaced and never changed in place.
        other, runs = copy(self), list(runs)
        other.chain, other.state = self.chain.only(runs), self.state.only(runs)
        other._begun, other._H, other._slow = self._begun[runs], self._H[runs], self._slow[runs]
        other._rows_variance, other.rows = self._rows_variance[runs], self.rows.only(runs)
        return other

    def advance(self, steps: int) -> None:
        """Carry out some steps, at the rates of the same weights."""
        self._rows_variance = self._rows_variance + steps * self.rows.log_variance
        for _ in range(steps):
            at = self.state
            move = mean_step(self.chain, at)
            self._slow = self.rows.decayed(self._slow)
            S = at.S + move.S
            P = self._slow + S @ self._H @ S.mT
            self.state = ChainState(P, S, at.Q + move.Q, at.W + move.W)
        self._settle()

    def advance_frozen(self, steps: int) -> None:
        """Carry out some steps where the weights no longer move."""
        self._rows_variance = self._rows_variance + steps * self.rows.log_variance
        self._slow = self.rows.decayed(self._slow, steps)
        self.state = ChainState(self._slow, self.state.S, self.state.Q, self.state.W)

    def _settle(self) -> None:
        self.state = on_identity(self.chain, self.state)
        self.rows = late_rows(self.chain, self.state)


def excess(chain: Chain, W: Square, Q: Square) -> Float[np.ndarray, " run"]:
    r"""Return the largest :math:`\chi_i = \sum_a \eta g_{ia} / (2 (1 - \eta g_{ia}))` of each run.

    The mean square of a row at frozen weights decays where it is below 1.

    Parameters
    ----------
    chain : Chain
        What is learned, by each run or by one for all weights.
    W, Q : arrays of shape (run, 1, n_o, n_o)
        The weights; finite.
    """
    m = np.linalg.eigvals(chain.gain(W))[:, 0].real[..., None]
    q = np.linalg.eigvalsh(chain.root @ Q @ chain.root)[:, 0]
    gains = np.concatenate([m + q[:, None], np.repeat(m, chain.n_i - chain.n_o, axis=-1)], axis=-1)
    gains *= chain.eta
    with np.errstate(divide="ignore"):
        chi = (gains / (2 * (1 - gains))).sum(axis=-1).max(axis=-1)
    return np.where((gains >= 1).any(axis=(1, 2)), np.inf, chi)


def late_rows(chain: Chain, state: ChainState) -> LateRows:
    """Compute the rates of all rows at the weights of a state."""
    eta, n_o, across = chain.eta, chain.n_o, chain.n_i - chain.n_o
    m, basis = np.linalg.eig(state.W @ chain.K @ chain.feedback(state.W))
    q = np.clip(np.linalg.eigvalsh(chain.root @ state.Q @ chain.root), 0, None)
    g = m[..., :, None] + q[..., None, :]
    kappa = eta**2 * g[..., :, None, :] * g[..., None, :, :].conj()
    gamma = eta * (g[..., :, None, :] + g[..., None, :, :].conj())
    kappa_0 = eta**2 * m[..., :, None] * m[..., None, :].conj()
    gamma_0 = eta * (m[..., :, None] + m[..., None, :].conj())
    delta = gamma - 2 * kappa - (gamma_0 - 2 * kappa_0)[..., None]
    d = _secular_root(across * kappa_0, kappa, delta)
    growth = 1 + d - gamma_0 + 2 * kappa_0
    own = np.arange(n_o)
    slow, apart = d[..., own, own].real, delta[..., own, own, :].real
    left = np.concatenate([slow[..., None] / (slow[..., None] + apart), _many(m, across)], axis=-1)
    gains = np.concatenate([g, m[..., None] * _many(m, across)], axis=-1)
    variance = log_variance_of_row(eta * gains.real, left, np.abs(eta * gains) ** 2 * left)
    log_variance = variance / growth[..., own, own].real ** 2
    return LateRows(basis, np.linalg.inv(basis), growth, log_variance)


def _secular_root(across: np.ndarray, kappa: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """Return the root d, by fixed-point iteration from above and Newton's steps."""
    # From above, where the iteration is safe, though slow; Newton's steps are for the last digits.
    d = across + 0.5 * kappa.sum(-1) + 1e-300
    for _ in range(_ITERATIONS):
        before = d
        d = across + (kappa * (d[..., None] / (d[..., None] + delta))).sum(-1)
        if (np.abs(d - before) <= _NEAR * np.abs(d)).all():
            break
    for _ in range(_NEWTON):
        beyond = d[..., None] + delta
        value = across / d + (kappa / beyond).sum(-1) - 1
        d = d + value / (across / d**2 + (kappa / beyond**2).sum(-1))
    return d


def _many(m: np.ndarray, across: int) -> np.ndarray:
    return np.ones((*m.shape, across))


def on_identity(chain: Chain, state: ChainState) -> ChainState:
    """Return the state with W, and then Q, changed so that the identity of every run holds."""
    WK = state.W @ chain.K
    wanted = chain.target - state.P - symmetric(state.S @ WK.mT)
    # W holds X X^T once more than X under feedback alignment; backprop moves both alike.
    W = _towards(WK @ state.Q @ WK.mT, wanted, 1 / 4 if chain.backprop else 1 / 3) @ state.W
    WK = W @ chain.K
    A = np.linalg.solve(WK, _towards(WK @ state.Q @ WK.mT, wanted, 1 / 2) @ WK)
    return ChainState(state.P, state.S, A @ state.Q @ A.mT, W)


def _towards(X: Square, wanted: Square, power: float) -> Square:
    """Return F = X^1/2 (X^-1/2 wanted X^-1/2)^power X^-1/2; F X F^T is wanted at a power 1/2."""
    root, inverse = _power(X, 0.5), _power(X, -0.5)
    return root @ _power(inverse @ wanted @ inverse, power) @ inverse


def _power(A: Square, power: float) -> Square:
    values, vectors = np.linalg.eigh((A + A.mT) / 2)
    # Rounding may put small eigenvalues below 0, and inverse roots must stay finite.
    least = 1e-12 * np.abs(values).max(axis=-1, keepdims=True)
    return (vectors * np.maximum(values, least)[..., None, :] ** power) @ vectors.mT
