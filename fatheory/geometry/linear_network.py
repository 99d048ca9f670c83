"""Teaching signals of linear networks from their weights."""

from collections.abc import Sequence

from jaxtyping import Float

from fatheory.arrays import Array, namespace


def linear_signals(
    weights: Sequence[Float[Array, "..."]],
    backward_weights: Sequence[Float[Array, "..."] | None],
    T: Float[Array, "*#runs n_o n_i"],
    x: Float[Array, "*#runs sample n_i"],
) -> list[Float[Array, "..."]]:
    """Compute delta_1 ... delta_L of a linear network, per sample.

    delta_L = e = (T - W_L ... W_1) x and delta_{l-1} = V_l^T delta_l.

    Parameters
    ----------
    weights : sequence of arrays of shape (..., unit_l, unit_{l-1})
        W_1 ... W_L.
    backward_weights : sequence of arrays or None
        V_1 ... V_L of the same shapes; only V_1, which is not used, may be None.
    T : array of shape (..., n_o, n_i)
        Target map.
    x : array of shape (..., sample, n_i)
        Inputs.
    """
    product = weights[0]
    for W in weights[1:]:
        product = W @ product
    delta = x @ namespace(product).swapaxes(T - product, -1, -2)
    signals = [delta]
    for V in reversed(backward_weights[1:]):
        delta = delta @ V
        signals.append(delta)
    return signals[::-1]
