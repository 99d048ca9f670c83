"""A dense layer that sends errors back through V in the place of W."""

import jax
import jax.numpy as jnp
from jaxtyping import Float


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
    # The zeros are for JAX, which wants a derivative of every argument; where nobody takes the one
    # by V, XLA leaves them out.
    return g @ V, g.T @ h, jnp.zeros_like(V)


dense.defvjp(_forward, _backward)
