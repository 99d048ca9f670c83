"""What learns in a network."""

from typing import Any, NamedTuple

import jax

Layers = tuple[Any, ...]
"""One array a layer, or None."""


class Parameters(NamedTuple):
    """Weights, biases, feedback weights that learn, and what follows a normalisation.

    Attributes
    ----------
    weights : tuple of arrays of shape (..., unit_l, unit_{l-1}) or (..., c_l, c_{l-1}, row, column)
        W_1 ... W_L, or W_2 ... W_L of a network above its first layer.
    biases : tuple of arrays of shape (..., unit_l) or None
        Of the same layers, None where a layer is normalised; empty for a network without biases.
    feedback : tuple of arrays of the shapes of the weights
        V_2 ... V_L of a rule whose feedback learns; empty for the others.
    scales, shifts : tuples of arrays of shape (..., feature)
        Of hidden layers 1 ... L-1 where normalised units learn them; else empty. They come after
        the sums of the first layer, so they belong to the network above it.
    """

    weights: tuple[jax.Array, ...]
    biases: Layers
    feedback: tuple[jax.Array, ...]
    scales: tuple[jax.Array, ...] = ()
    shifts: tuple[jax.Array, ...] = ()

    @property
    def above(self) -> "Parameters":
        """Those of layers 2 to L."""
        return self._replace(weights=self.weights[1:], biases=self.biases[1:])

    def of_layers(self, flags: jax.Array) -> "Parameters":
        """Hand every array the flag of its layer.

        Parameters
        ----------
        flags : array of shape (layer,)
            One for each of the layers that have weights here.
        """

        def spread(layers: Layers, flags: jax.Array) -> Layers:
            return tuple(None if A is None else flag for A, flag in zip(layers, flags, strict=True))

        depth = len(self.weights)
        # Scales and shifts are those of the lower layers, also of a network above its first one.
        normalised = flags[: len(self.scales)]
        return Parameters(
            spread(self.weights, flags),
            spread(self.biases, flags[: len(self.biases)]),
            spread(self.feedback, flags[depth - len(self.feedback) :]),
            spread(self.scales, normalised),
            spread(self.shifts, normalised),
        )

    def below(self, W: jax.Array, b: Any, *, biased: bool) -> "Parameters":
        """Put a first layer under the parameters of layers 2 to L.

        Parameters
        ----------
        W : array
            Its weights.
        b : array or None
            Its biases; None if it has none.
        biased : bool
            Whether the network has biases at all.
        """
        biases = (b, *self.biases) if biased else ()
        return self._replace(weights=(W, *self.weights), biases=biases)
