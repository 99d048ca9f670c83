"""A dense layer that sends errors back through V in the place of W, and networks of them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.networks.units import Units

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


def first_sums(W: jax.Array, biases: Sequence[jax.Array], x: Activity) -> Activity:
    """Compute the sums W_1 x + b_1 of the first layer, which sends nothing back."""
    sums = x @ W.T
    return sums + biases[0] if biases else sums


def activities(
    sums: Activity,
    weights: Sequence[jax.Array],
    backward_weights: Sequence[jax.Array],
    biases: Sequence[jax.Array],
    units: Units,
    added: Sequence[Activity | float] | None = None,
) -> list[Activity]:
    """Run a network from the sums of its first layer on; return the activities of layers 1 to L.

    Parameters
    ----------
    sums : array of shape (sample, unit_1)
        W_1 x + b_1.
    weights, backward_weights : sequences of arrays of shape (unit_l, unit_{l-1})
        W_l and V_l for l = 2 ... L.
    biases : sequence of arrays of shape (unit_l,)
        b_l for l = 2 ... L; empty for a network without biases.
    units : Units
        Functions of hidden and output units.
    added : sequence of arrays of shape (sample, unit_l), optional
        Values added to the hidden activities, l = 1 ... L-1. The derivative of a loss with respect
        to them is minus the teaching signal of that layer, under any rule.
    """
    *hidden, top = hidden_and_output_sums(sums, weights, backward_weights, biases, units, added)
    return [*hidden, units.output(top)]


def hidden_and_output_sums(
    sums: Activity,
    weights: Sequence[jax.Array],
    backward_weights: Sequence[jax.Array],
    biases: Sequence[jax.Array],
    units: Units,
    added: Sequence[Activity | float] | None = None,
) -> list[Activity]:
    """Return the activities of the hidden layers and, last, the sums of the output units.

    Parameters are those of `activities`.
    """
    values = []
    a = sums
    for i, (W, V) in enumerate(zip(weights, backward_weights, strict=True)):
        h = units.hidden(a)
        if added is not None:
            h = h + added[i]
        values.append(h)
        a = dense(h, W, V)
        if biases:
            a = a + biases[i]
    return [*values, a]
