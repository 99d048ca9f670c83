"""What learns in a network, what its rule has drawn, and what one step asks of both."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

Layers = tuple[Any, ...]
"""One array a layer, or None."""


class Parameters(NamedTuple):
    """Weights, biases and feedback weights that learn.

    Attributes
    ----------
    weights : tuple of arrays of shape (..., unit_l, unit_{l-1})
        W_1 ... W_L, or W_2 ... W_L of a network above its first layer.
    biases : tuple of arrays of shape (..., unit_l)
        Of the same layers; empty for a network without biases.
    feedback : tuple of arrays of shape (..., unit_l, unit_{l-1})
        V_2 ... V_L of a rule whose feedback learns; empty for the others.
    """

    weights: tuple[jax.Array, ...]
    biases: tuple[jax.Array, ...]
    feedback: tuple[jax.Array, ...]

    @property
    def above(self) -> "Parameters":
        """Those of layers 2 to L."""
        return Parameters(self.weights[1:], self.biases[1:], self.feedback)

    def below(self, W: jax.Array, b: jax.Array | None) -> "Parameters":
        """Put a first layer under the parameters of layers 2 to L."""
        biases = () if b is None else (b, *self.biases)
        return Parameters((W, *self.weights), biases, self.feedback)


class RuleStates(NamedTuple):
    """What a rule has drawn and what connections its feedback has, for layers 1 to L.

    Attributes
    ----------
    drawn : tuple of arrays or None
        See `fatheory.initial.Start.states`.
    connections : tuple of arrays or None
        1 where feedback has a connection, else 0; None where it lacks none.
    """

    drawn: Layers
    connections: Layers


class Step(NamedTuple):
    """What one batch asks for.

    Attributes
    ----------
    first : array of shape (sample, unit_1)
        Gradient of the batch-mean loss with respect to the sums of the first layer.
    above : Parameters
        Gradients of layers 2 to L.
    loss : scalar
        The batch-mean loss.
    """

    first: Float[jax.Array, "sample n_1"]
    above: Parameters
    loss: Float[jax.Array, ""]


DECAYS = Parameters(True, False, True)  # type: ignore[arg-type]
"""Biases do not decay."""


def losses(error: Float[jax.Array, "sample n_o"]) -> Float[jax.Array, " sample"]:
    """Return L = 1/2 e^T e of each sample."""
    return 0.5 * jnp.sum(error * error, axis=-1)
