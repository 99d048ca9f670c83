"""The gradient flow of a linear network of any depth, for one run or several side by side.

E = T - W_L ... W_1 is followed beside the weights. It could be computed from them, but not when it
is small: then W_L ... W_1 and T agree in all digits that the integrator keeps, and every ratio of
errors (angles between teaching signals above all) would be a ratio of rounding. The flow of E is
linear in E, so E followed by itself keeps its relative accuracy however small it becomes.
"""

from collections.abc import Callable, Sequence
from types import EllipsisType

import numpy as np
from jaxtyping import Float, Int

from fatheory.arrays import Array, Covariance, TargetMap
from fatheory.theory.layers import partial_products

Field = Callable[[list[np.ndarray]], list[np.ndarray]]
"""From the weights W_1 ... W_L to their time derivatives."""
RunIndex = EllipsisType | slice | Int[np.ndarray, " run"]
"""Which of the runs a field is asked for; an ellipsis where arrays have no axis of runs."""
RunsField = Callable[[list[np.ndarray], RunIndex], list[np.ndarray]]
"""From the blocks of some runs, each of shape (run, ...), to their time derivatives."""
Descent = Callable[[list[np.ndarray], np.ndarray, RunIndex], list[np.ndarray]]
"""From W_1 ... W_L and P_L = E Sigma of some runs to P_1 ... P_L, the error's correlation with the
input as it reaches every layer."""


SMALLEST_NORM = 1e-290
"""An error map without a larger entry has vanished: soon floating point would not tell it from 0,
and until then it would only be followed for its own sake."""


def without_vanished(E: Float[np.ndarray, "*runs n_o n_i"]) -> Float[np.ndarray, "*runs n_o n_i"]:
    """Set error maps that have vanished to zero, in place, so that nothing moves any more."""
    E[np.abs(E).max(axis=(-2, -1), initial=0.0) < SMALLEST_NORM] = 0.0
    return E


def layered_descent(
    backward_weights: Callable[[Array, Array | None], Array], states: Sequence[Array | None]
) -> Descent:
    """Return how a layered rule carries P down: P_{l-1} = V_l^T P_l.

    Parameters
    ----------
    backward_weights : callable
        (W_l, state_l) -> V_l of the shape of W_l.
    states : sequence
        The fixed state of the rule at layers 1 to L; that of layer 1 is never used.
    """

    def descent(weights: list[np.ndarray], P: np.ndarray, runs: RunIndex) -> list[np.ndarray]:
        reached = [P]
        for W, state in zip(reversed(weights[1:]), reversed(states[1:]), strict=True):
            V = backward_weights(W, None if state is None else state[runs])
            reached.append(V.mT @ reached[-1])
        return reached[::-1]

    return descent


def direct_descent(feedback: Sequence[Float[np.ndarray, "*run _ _"]]) -> Descent:
    """Return how direct feedback hands P down: P_l = F_l P_L.

    Parameters
    ----------
    feedback : sequence of arrays of shape (..., n_l, n_L)
        F_1 ... F_{L-1}.
    """

    def descent(weights: list[np.ndarray], P: np.ndarray, runs: RunIndex) -> list[np.ndarray]:
        del weights
        return [*(F[runs] @ P for F in feedback), P]

    return descent


def error_flow(
    descent: Descent, Sigma: Float[np.ndarray, "*run n_i n_i"] | None
) -> Callable[[frozenset[int]], RunsField]:
    r"""Return the flow of (W_1, ..., W_L, E), by the layers that a phase freezes.

    .. math:: \dot W_l = P_l (W_{l-1} \cdots W_1)^\top,\qquad
              \dot E = -\sum_l W_L \cdots W_{l+1} \dot W_l W_{l-1} \cdots W_1

    For two layers this is dW0/dt = V^T E Sigma, dW/dt = E Sigma W0^T (Lillicrap et al. 2016,
    Supplementary Notes) and dE/dt = -dW/dt W0 - W dW0/dt.

    Parameters
    ----------
    descent : callable
        How the rule carries the error down.
    Sigma : array of shape (..., n_i, n_i) or None
        Second moment of the input, E[x x^T]; None for the identity.
    """

    def field_of(frozen: frozenset[int]) -> RunsField:
        def field(state: list[np.ndarray], runs: RunIndex) -> list[np.ndarray]:
            *weights, E = state
            # A copy, for the state is the integrator's.
            E = without_vanished(E.copy())
            below = partial_products(weights[:-1])
            P = descent(weights, E if Sigma is None else E @ Sigma[runs], runs)
            moved = [P[0], *(S @ G.mT for S, G in zip(P[1:], below, strict=True))]
            # Before E moves: a frozen layer takes no part in its motion either.
            for layer in frozen:
                moved[layer - 1] = np.zeros_like(moved[layer - 1])
            product = moved[0]
            for W, dW, G in zip(weights[1:], moved[1:], below, strict=True):
                product = dW @ G + W @ product
            return [*moved, -product]

        return field

    return field_of


def linear_flow_field(
    backward_weights: Callable[[Array, Array | None], Array],
    states: Sequence[Array | None],
    T: TargetMap,
    Sigma: Covariance,
) -> Field:
    r"""Return the vector field dW_l/dt = P_l (W_{l-1} ... W_1)^T of the weights alone.

    P_L = E Sigma with E = T - W_L ... W_1, and P_{l-1} = V_l^T P_l: the error's correlation with
    the input, carried back through V in the place of W.

    Parameters
    ----------
    backward_weights : callable
        (W_l, state_l) -> V_l of the shape of W_l.
    states : sequence
        The fixed state of the rule at layers 1 to L; that of layer 1 is never used.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i)
        Second moment of the input, E[x x^T].
    """
    return _of_weights(layered_descent(backward_weights, states), T, Sigma)


def direct_flow_field(
    feedback: Sequence[Float[np.ndarray, "_ _"]], T: TargetMap, Sigma: Covariance
) -> Field:
    """Return the vector field dW_l/dt = F_l E Sigma (W_{l-1} ... W_1)^T, with F_L = I.

    Parameters
    ----------
    feedback : sequence of arrays
        F_1 ... F_{L-1}, F_l of shape (n_l, n_L).
    T : array of shape (n_L, n_0)
        Target map.
    Sigma : array of shape (n_0, n_0)
        Second moment of the input, E[x x^T].
    """
    return _of_weights(direct_descent(feedback), T, Sigma)


def _of_weights(descent: Descent, T: TargetMap, Sigma: Covariance) -> Field:
    flow = error_flow(descent, Sigma)(frozenset())

    def field(weights: list[np.ndarray]) -> list[np.ndarray]:
        return flow([*weights, T - partial_products(weights)[-1]], ...)[:-1]

    return field


def with_frozen(field: Field, frozen: frozenset[int]) -> Field:
    """Return the field in which the layers in `frozen` (counted from 1) do not move."""
    if not frozen:
        return field

    def still(weights: list[np.ndarray]) -> list[np.ndarray]:
        return [
            np.zeros_like(d) if layer in frozen else d
            for layer, d in enumerate(field(weights), start=1)
        ]

    return still
