"""What learns in a network, as one tree that an update can be applied to."""

from typing import Any, NamedTuple

import jax

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


DECAYS = Parameters(True, False, True)  # type: ignore[arg-type]
"""Biases do not decay."""


def masked(layers: Layers, masks: Layers) -> Layers:
    """Leave missing connections out of arrays of the shape of weights, layer by layer."""
    pairs = zip(layers, masks, strict=True)
    return tuple(A if A is None or mask is None else A * mask for A, mask in pairs)
