"""What the dynamics of order parameters is of: teacher, activation, feedback and rates."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from fatheory.theory.order_parameters.feedback import Feedback
from fatheory.theory.order_parameters.integrals import FieldCovariance, Integrals
from fatheory.theory.order_parameters.state import Layout, OrderParameters


@dataclass(frozen=True)
class Problem:
    """A teacher and a way of learning from it.

    Attributes
    ----------
    integrals : Integrals
        Of the activation, the same in student and teacher.
    feedback : Feedback
        What carries the error back.
    T : array of shape (M, M)
        Teacher-teacher overlaps.
    A : array of shape (n_o, M)
        Teacher's readout.
    eta, eta_readout : float
        Learning rates, per unit of alpha.
    noise : float
        Standard deviation s on each target entry.
    decay, input_decay : float
        Weight decay of readout (and of feedback that learns), and of the input weights, per unit
        of alpha.
    """

    integrals: Integrals
    feedback: Feedback
    T: Float[np.ndarray, "M M"]
    A: Float[np.ndarray, "n_o M"]
    eta: float
    eta_readout: float
    noise: float = 0.0
    decay: float = 0.0
    input_decay: float = 0.0

    def layout(self, K: int) -> Layout:
        """Return how states with K students lie in a vector."""
        return Layout(K, len(self.T), len(self.A), self.feedback.learns)

    def covariance(self, state: OrderParameters) -> FieldCovariance:
        """Return C = [[Q, R], [R^T, T]]."""
        K = state.Q.shape[-1]
        n = K + len(self.T)
        C = np.empty((*state.Q.shape[:-2], n, n))
        C[..., :K, :K], C[..., :K, K:] = state.Q, state.R
        C[..., K:, :K], C[..., K:, K:] = state.R.mT, self.T
        return C

    def readouts(self, state: OrderParameters) -> Float[np.ndarray, "*batch n_o n"]:
        """Return G = [-W, A]: the error is G g(u) + s zeta."""
        batch = state.W.shape[:-2]
        return np.concatenate([-state.W, np.broadcast_to(self.A, (*batch, *self.A.shape))], axis=-1)
