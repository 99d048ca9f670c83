"""The state of the dynamics: overlaps and readout, and how they lie in one vector."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, "*batch size"]
Values = Float[np.ndarray, "*batch"] | float
"""One number for each state of a batch; NumPy's float without one."""


class OrderParameters(NamedTuple):
    """What moves. Leading axes, the same for all, are batches.

    Attributes
    ----------
    Q : array of shape (..., K, K)
        Student-student overlaps W0 W0^T / N.
    R : array of shape (..., K, M)
        Student-teacher overlaps W0 A0^T / N.
    W : array of shape (..., n_o, K)
        Readout.
    B : array of shape (..., K, n_o) or None
        Feedback, where it learns.
    """

    Q: Float[np.ndarray, "*batch K K"]
    R: Float[np.ndarray, "*batch K M"]
    W: Float[np.ndarray, "*batch n_o K"]
    B: Float[np.ndarray, "*batch K n_o"] | None = None

    def at(self, index: Any) -> "OrderParameters":
        """Return those of some of the first axis."""
        B = None if self.B is None else self.B[index]
        return OrderParameters(self.Q[index], self.R[index], self.W[index], B)


class Layout:
    """Where the entries of the state lie in a vector; of the symmetric Q the upper triangle.

    Parameters
    ----------
    K, M, n_o : int
        Students, teachers, outputs.
    learned_feedback : bool
        Whether B is part of the state.
    """

    def __init__(self, K: int, M: int, n_o: int, learned_feedback: bool) -> None:
        self.K, self.M, self.n_o = K, M, n_o
        self.learned_feedback = learned_feedback
        self.upper = np.triu_indices(K)
        mirror = np.empty((K, K), dtype=int)
        mirror[self.upper] = np.arange(len(self.upper[0]))
        mirror.T[self.upper] = mirror[self.upper]
        # Both triangles are read from one, so that Q stays symmetric to the last bit.
        self._mirror = mirror
        sizes = [len(self.upper[0]), K * M, n_o * K, K * n_o * learned_feedback]
        self._ends = np.cumsum(sizes)
        self.size = int(self._ends[-1])

    def pack(self, state: OrderParameters) -> Vector:
        """Return the state as vectors."""
        batch = state.W.shape[:-2]
        parts = [state.Q[..., self.upper[0], self.upper[1]], state.R.reshape(*batch, -1)]
        parts.append(state.W.reshape(*batch, -1))
        if self.learned_feedback:
            assert state.B is not None
            parts.append(state.B.reshape(*batch, -1))
        return np.concatenate(parts, axis=-1)

    def unpack(self, vector: Vector) -> OrderParameters:
        """Return the state that `pack` packed."""
        batch, (q, r, w, _) = vector.shape[:-1], self._ends
        return OrderParameters(
            vector[..., self._mirror],
            vector[..., q:r].reshape(*batch, self.K, self.M),
            vector[..., r:w].reshape(*batch, self.n_o, self.K),
            vector[..., w:].reshape(*batch, self.K, self.n_o) if self.learned_feedback else None,
        )
