r"""Online learning of two linear layers as a Markov chain of small matrices.

With white Gaussian input and weights that start near zero the network is one of n_o hidden units,

.. math:: \Delta X = \eta V e x^\top,\quad \Delta W = \eta\, e\, (X x)^\top,\qquad
          E = T - W K X,\quad e = E x,

under feedback alignment :math:`W_0 = B X`, the readout :math:`W B^\top`, :math:`K = B^\top B` and
V = 1; under backprop K = 1, :math:`V = W^\top`, and X and W are what grows of the start.
:math:`P = E E^\top,\ S = E X^\top,\ Q = X X^\top` and W are a closed chain: given them,
:math:`(e, X x) \sim N(0, [[P, S], [S^\top, Q]])`, and
:math:`E[|x|^2 f] = (n_i + d)\,E[f]` for f homogeneous of degree d.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

Square = Float[np.ndarray, "#run #point n_o n_o"]
"""A matrix for each run and each of some points; a mean has one point."""
Factor = Float[np.ndarray, "#run #point 1 1"]
"""A number for each run and point, to be multiplied with."""


def symmetric(A: Square) -> Square:
    """Return A + A^T."""
    return A + A.mT


def times(A: Square, Z: Square) -> Square:
    """Return A Z for one Z of all points, as one product of tall matrices a run."""
    return (A.reshape(len(A), -1, A.shape[-1]) @ Z[:, 0]).reshape(A.shape)


def transposed(A: Square) -> Square:
    """Return A^T, laid out anew: products of many small matrices are twice as fast then."""
    return np.ascontiguousarray(A.mT)


def inner(A: Square, B: Square) -> Factor:
    """Return tr(A^T B)."""
    flat = (A.reshape(*A.shape[:2], -1), B.reshape(*B.shape[:2], -1))
    return np.vecdot(*flat)[..., None, None]


def trace(A: Square) -> Factor:
    """Return the trace."""
    return np.trace(A, axis1=-2, axis2=-1)[..., None, None]


@dataclass(frozen=True, eq=False)
class Chain:
    """What the chain of several runs is of.

    Attributes
    ----------
    K : array of shape (run, 1, n_o, n_o)
        B^T B under feedback alignment, the identity under backprop.
    target : array of shape (run, 1, n_o, n_o)
        T T^T.
    backprop : bool
        Whether V = W^T; 1 otherwise.
    n_i : int
        Number of inputs.
    eta : float
        Learning rate, per step.
    """

    K: Square
    target: Square
    backprop: bool
    n_i: int
    eta: float

    @classmethod
    def joined(cls, chains: "Sequence[Chain]") -> "Chain":
        """Return the chain of the runs of several, of the same sizes, rule and rate."""
        K, target = (
            np.concatenate(parts) for parts in zip(*((c.K, c.target) for c in chains), strict=True)
        )
        return replace(chains[0], K=K, target=target)

    def only(self, runs: Sequence[int]) -> "Chain":
        """Return the chain of some of the runs."""
        return replace(self, K=self.K[runs], target=self.target[runs])

    @property
    def n_o(self) -> int:
        """Number of outputs."""
        return self.K.shape[-1]

    @cached_property
    def root(self) -> Square:
        """K^1/2."""
        values, vectors = np.linalg.eigh(self.K)
        return (vectors * np.sqrt(np.clip(values, 0, None))[..., None, :]) @ vectors.mT

    def feedback(self, W: Square) -> Square:
        """Return V."""
        return W.mT if self.backprop else np.broadcast_to(np.eye(self.n_o), W.shape)

    def fed(self, A: Square, W: Square) -> Square:
        """Return A V^T."""
        return A @ W if self.backprop else A

    def hidden(self, A: Square) -> Square:
        """Return A K."""
        return A if self.backprop else times(A, self.K)

    def gain(self, W: Square) -> Square:
        """Return M = W K V."""
        return W @ W.mT if self.backprop else times(W, self.K)


@dataclass(frozen=True, eq=False)
class ChainState:
    """P (or what stands for it), S, Q and W, each of shape (run, point, n_o, n_o)."""

    P: Square
    S: Square
    Q: Square
    W: Square

    @classmethod
    def joined(cls, states: "Sequence[ChainState]") -> "ChainState":
        """Return the runs of several, one after another."""
        parts = zip(*((state.P, state.S, state.Q, state.W) for state in states), strict=True)
        return cls(*(np.concatenate(part) for part in parts))

    def only(self, runs: Sequence[int]) -> "ChainState":
        """Return some of the runs."""
        return ChainState(self.P[runs], self.S[runs], self.Q[runs], self.W[runs])


class Layout:
    """Where the entries of a state, and the log scale after them, lie in a vector."""

    def __init__(self, n_o: int) -> None:
        self.upper = np.triu_indices(n_o)
        self.mirror = np.empty((n_o, n_o), dtype=int)
        self.mirror[self.upper] = np.arange(len(self.upper[0]))
        # P and Q are symmetric: half of their entries is followed, and read back by one indexing.
        self.mirror.T[self.upper] = self.mirror[self.upper]
        self.n_o, t, s = n_o, len(self.upper[0]), n_o**2
        self.ends = (t, t + s, 2 * t + s, 2 * t + 2 * s)
        self.size = self.ends[-1] + 1

    def pack(self, state: ChainState, scale: np.ndarray | None = None) -> np.ndarray:
        """Return vectors of shape (run, point, size); the scale is 0 if it is not given."""
        shape = state.W.shape[:2]
        some = (..., *self.upper)
        if scale is None:
            scale = np.zeros(shape)
        parts = (state.P[some], state.S.reshape(*shape, -1), state.Q[some])
        return np.concatenate([*parts, state.W.reshape(*shape, -1), scale[..., None]], axis=-1)

    def unpack(self, vector: np.ndarray) -> tuple[ChainState, np.ndarray]:
        """Return state and log scale of vectors of shape (run, point, size)."""
        p, s, q, w = self.ends
        square = (*vector.shape[:-1], self.n_o, self.n_o)
        state = ChainState(
            vector[..., self.mirror],
            vector[..., p:s].reshape(square),
            vector[..., s:q][..., self.mirror],
            vector[..., q:w].reshape(square),
        )
        return state, vector[..., w]


class SpreadOfS:
    """The covariance of S, as a map of matrices Z to <(S - <S>) Z (S - <S>)^T>.

    Parameters
    ----------
    covariance : array of shape (run, n_o**2, n_o**2)
        Of the entries of S, row by row.
    """

    def __init__(self, covariance: Float[np.ndarray, "run m m"]) -> None:
        runs, m, _ = covariance.shape
        n = round(m**0.5)
        by_pairs = covariance.reshape(runs, n, n, n, n).transpose(0, 2, 4, 1, 3)  # ab, ij
        # Laid out once, so that each call is one product of matrices.
        self._map = np.ascontiguousarray(by_pairs).reshape(runs, m, m)

    def __call__(self, Z: Square) -> Square:
        """Return sum_ab Z_ab Cov(S_ia, S_jb)."""
        return (Z.reshape(*Z.shape[:2], -1) @ self._map).reshape(Z.shape)
