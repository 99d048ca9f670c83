"""The gradient-flow vector field of a linear network of any depth under a layered rule."""

from collections.abc import Callable, Sequence

import numpy as np

from fatheory.arrays import Array, Covariance, TargetMap
from fatheory.theory.layers import partial_products

Field = Callable[[list[np.ndarray]], list[np.ndarray]]
"""From the weights W_1 ... W_L to their time derivatives."""


def linear_flow_field(
    backward_weights: Callable[[Array, Array | None], Array],
    states: Sequence[Array | None],
    T: TargetMap,
    Sigma: Covariance,
) -> Field:
    r"""Return the vector field dW_l/dt = P_l (W_{l-1} ... W_1)^T.

    P_L = E Sigma with E = T - W_L ... W_1, and P_{l-1} = V_l^T P_l: the error's correlation with
    the input, carried back through V in the place of W. For two layers this is
    dW0/dt = V^T E Sigma and dW/dt = E Sigma W0^T (Lillicrap et al. 2016, Supplementary Notes).

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

    def field(weights: list[np.ndarray]) -> list[np.ndarray]:
        below = partial_products(weights)
        P = (T - below[-1]) @ Sigma
        derivatives = []
        for layer in reversed(range(len(weights))):
            derivatives.append(P @ below[layer - 1].T if layer else P)
            if layer:
                P = backward_weights(weights[layer], states[layer]).T @ P
        return derivatives[::-1]

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
