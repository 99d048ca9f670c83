"""The averages of one state, each computed once and when it is asked for."""

from functools import cached_property

import numpy as np
from jaxtyping import Float

from fatheory.theory.order_parameters.integrals import FieldCovariance
from fatheory.theory.order_parameters.problem import Problem
from fatheory.theory.order_parameters.state import OrderParameters


class Averages:
    """What the field and the angles are made of.

    Parameters
    ----------
    problem : Problem
        What is learned, and how.
    state : OrderParameters
        With any leading axes.
    """

    def __init__(self, problem: Problem, state: OrderParameters) -> None:
        self.problem, self.state = problem, state
        self.K: int = state.Q.shape[-1]

    @cached_property
    def C(self) -> FieldCovariance:
        """Covariance of the fields, students first."""
        return self.problem.covariance(self.state)

    @cached_property
    def G(self) -> Float[np.ndarray, "*batch n_o n"]:
        """Readouts of the error, e = G g(u) + s zeta."""
        return self.problem.readouts(self.state)

    @cached_property
    def V(self) -> Float[np.ndarray, "*batch K n_o"]:
        """Feedback."""
        return self.problem.feedback.weights(self.state)

    @cached_property
    def P(self) -> Float[np.ndarray, "*batch K n"]:
        """Teaching signals, delta_i = g'(u_i) [sum_a P_ia g(u_a) + s (V zeta)_i]."""
        return self.V @ self.G

    @cached_property
    def I2(self) -> Float[np.ndarray, "*batch n n"]:
        """Averages E g(a) g(b)."""
        return self.problem.integrals.products(self.C)

    @cached_property
    def J2(self) -> Float[np.ndarray, "*batch K n"]:
        """Averages E g'(i) g'(a)."""
        return self.problem.integrals.slopes(self.C, self.K)

    @cached_property
    def K2(self) -> Float[np.ndarray, "*batch K n"]:
        """Averages E g''(i) g(a)."""
        return self.problem.integrals.curvatures(self.C, self.K)

    @cached_property
    def I4(self) -> Float[np.ndarray, "*batch K K n n"]:
        """Averages E g'(i) g'(k) g(a) g(b)."""
        return self.problem.integrals.quadruples(self.C, self.K)

    @cached_property
    def kappa(self) -> Float[np.ndarray, "*batch K n"]:
        """Mean gradient of W0: E delta x^T = kappa [W0; A0] / sqrt N."""
        return self.mean_gradient(self.P)

    def mean_gradient(self, P: Float[np.ndarray, "*batch K n"]) -> Float[np.ndarray, "*batch K n"]:
        """Compute kappa_ic = P_ic J2(i, c) + delta_ic sum_a P_ia K2(i, a) for any P."""
        kappa = P * self.J2
        # By parts; only by its own field does g'(u_i) have a derivative.
        own = np.arange(self.K)
        kappa[..., own, own] += (P * self.K2).sum(axis=-1)
        return kappa
