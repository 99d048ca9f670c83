"""Functions of units, by name."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Activation = Callable[[jax.Array], jax.Array]

ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda a: a,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    # The root is cast, or it would take float32 activities along to float64.
    "erf": lambda a: jax.scipy.special.erf(a / jnp.sqrt(2.0).astype(a.dtype)),
    "softmax": jax.nn.softmax,
}
"""`erf` is erf(a / sqrt 2), the convention of the teacher-student literature; `softmax` is over the
last axis, for output units."""
