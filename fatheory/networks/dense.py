"""A dense layer that sends errors back through V in the place of W, and networks of them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.networks.activations import Activation

Activity = Float[jax.Array, "sample _"]


@jax.custom_vjp
def dense(
    h: Float[jax.Array, "sample n_in"],
    W: Float[jax.Array, "n_out n_in"],
    V: Float[jax.Array, "n_out n_in"],
) -> Float[jax.Array, "sample n_out"]:
    """Compute h W^T; in the backward pass errors return to `h` through V, not W.

    The derivative with respect to W is the true one, that with respect to V is zero. With V = W
    this is an ordinary layer (Liao, Leibo & Poggio 2016, "asymmetric backpropagation").
    """
    del V
    return h @ W.T


def _forward(h: jax.Array, W: jax.Array, V: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    return h @ W.T, (h, V)


def _backward(saved: tuple[jax.Array, ...], g: jax.Array) -> tuple[jax.Array, ...]:
    h, V = saved
    return g @ V, g.T @ h, jnp.zeros_like(V)


dense.defvjp(_forward, _backward)


def output(
    weights: Sequence[jax.Array],
    backward_weights: Sequence[jax.Array],
    x: Activity,
    activation: Activation,
    added: Sequence[Activity | float] | None = None,
) -> Activity:
    """Run a dense network with linear output, and return its output.

    Parameters
    ----------
    weights, backward_weights : sequences of arrays of shape (unit_l, unit_{l-1})
        W_l and V_l for l = 1 ... L; V_1 plays no part.
    x : array of shape (sample, unit_0)
        Input.
    activation : callable
        Function of the hidden units.
    added : sequence of arrays of shape (sample, unit_l), optional
        Values added to the hidden activities, l = 1 ... L-1. The derivative of a loss with respect
        to them is minus the teaching signal of that layer, under any rule.
    """
    return activities(weights, backward_weights, x, activation, added)[-1]


def activities(
    weights: Sequence[jax.Array],
    backward_weights: Sequence[jax.Array],
    x: Activity,
    activation: Activation,
    added: Sequence[Activity | float] | None = None,
) -> list[Activity]:
    """Run a dense network and return the activities of layers 1 to L; see `output`."""
    h, values = x, []
    last = len(weights) - 1
    for i, (W, V) in enumerate(zip(weights, backward_weights, strict=True)):
        a = dense(h, W, V)
        h = a if i == last else activation(a)
        if added is not None and i < last:
            h = h + added[i]
        values.append(h)
    return values
