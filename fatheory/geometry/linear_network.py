"""Teaching signals of linear networks from their weights."""

from collections.abc import Sequence

from jaxtyping import Float, Real

from fatheory.arrays import Array, floating, namespace


def linear_signals(
    weights: Sequence[Real[Array, "..."]],
    backward_weights: Sequence[Real[Array, "..."] | None],
    T: Real[Array, "*#runs n_o n_i"],
    x: Real[Array, "*#runs sample n_i"],
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
    weights = floating(*weights)
    T, x = floating(T, x)
    namespace(*(V for V in backward_weights if V is not None))
    product = weights[0]
    for W in weights[1:]:
        product = W @ product
    delta = x @ namespace(product).swapaxes(T - product, -1, -2)
    signals = [delta]
    for V in reversed(backward_weights[1:]):
        delta = delta @ V
        signals.append(delta)
    return signals[::-1]


def linear_activities(
    weights: Sequence[Real[Array, "..."]], x: Real[Array, "*#runs sample n_i"]
) -> list[Float[Array, "..."]]:
    """Compute h_1 ... h_L = y of a linear network, per sample: h_l = W_l h_{l-1}, h_0 = x.

    Parameters
    ----------
    weights : sequence of arrays of shape (..., unit_l, unit_{l-1})
        W_1 ... W_L.
    x : array of shape (..., sample, n_i)
        Inputs.
    """
    weights = floating(*weights)
    xp = namespace(*weights)
    activities = list(floating(x))
    for W in weights:
        activities.append(activities[-1] @ xp.swapaxes(W, -1, -2))
    return activities[1:]


def linear_gradients(
    signals: Sequence[Real[Array, "..."]],
    weights: Sequence[Real[Array, "..."]],
    x: Real[Array, "*#runs sample n_i"],
) -> list[Float[Array, "..."]]:
    """Compute what W_1 ... W_L descend on a batch of a linear network: -<delta_l h_{l-1}^T>.

    With backprop's teaching signals it is the gradient of the batch-mean loss,
    -(W_L ... W_{l+1})^T E Sigma (W_{l-1} ... W_1)^T with Sigma the second moment of the batch.

    Parameters
    ----------
    signals : sequence of arrays of shape (..., sample, unit_l)
        delta_1 ... delta_L, of any rule.
    weights : sequence of arrays of shape (..., unit_l, unit_{l-1})
        W_1 ... W_L.
    x : array of shape (..., sample, n_i)
        Inputs.
    """
    signals, (x,) = floating(*signals), floating(x)
    xp = namespace(*signals, *weights)
    below = [x, *linear_activities(weights[:-1], x)]
    return [
        -(xp.swapaxes(delta, -1, -2) @ h) / x.shape[-2]
        for delta, h in zip(signals, below, strict=True)
    ]
