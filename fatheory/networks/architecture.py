"""What a network computes, apart from its arrays."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.experiment import (
    BatchNormalization,
    ConvolutionalNetwork,
    DenseNetwork,
    Pool,
    SpikingNetwork,
)
from fatheory.networks.activations import ACTIVATIONS, Activation


class Layer(NamedTuple):
    """What a hidden layer makes of its sums. Hashable.

    Attributes
    ----------
    function : callable
        From (normalised) sums to activities, entry by entry.
    normalization : BatchNormalization or None
        What comes before the function.
    pool : Pool or None
        From activities (sample, row, column, channel) to fewer.
    dropout : float
        Fraction of what the layer hands on that is set to zero while learning.
    """

    function: Activation
    normalization: BatchNormalization | None = None
    pool: Pool | None = None
    dropout: float = 0.0


class Architecture(NamedTuple):
    """What a network computes from its inputs and parameters. Hashable.

    Attributes
    ----------
    hidden : tuple of Layer
        Layers 1 to L - 1.
    output : callable
        From sums to activities of the output units.
    image : tuple of int
        Rows, columns and colours as which a convolution sees the inputs; empty for dense networks.
    """

    hidden: tuple[Layer, ...]
    output: Activation
    image: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        network: DenseNetwork | ConvolutionalNetwork | SpikingNetwork,
        image: tuple[int, ...] = (),
    ) -> "Architecture":
        """Return what a described network computes.

        Parameters
        ----------
        network : DenseNetwork, ConvolutionalNetwork or SpikingNetwork
            Its description; of spiking neurons, the probability of a spike is the function.
        image : tuple of int
            Rows, columns and colours of the inputs, for a convolutional network.
        """
        pools = [block.pool for block in getattr(network, "blocks", ())]
        dense = network.layers - 1 - len(pools)
        # What a convolution takes in is never dropped.
        dropouts = [0.0] * (len(pools) - 1) + [network.dropout] * (dense + bool(pools))
        function, normalization = ACTIVATIONS[network.activation], network.normalization
        hidden = tuple(
            Layer(function, normalization, pool, dropout)
            for pool, dropout in zip([*pools, *[None] * dense], dropouts, strict=True)
        )
        return cls(hidden, ACTIVATIONS[network.output], image if pools else ())

    @property
    def undropped(self) -> "Architecture":
        """The same network with nothing dropped."""
        return self._replace(hidden=tuple(layer._replace(dropout=0.0) for layer in self.hidden))

    @property
    def cross_entropy(self) -> bool:
        """Whether the loss is the cross-entropy of softmax outputs rather than 1/2 e^T e."""
        return self.output is jax.nn.softmax

    def losses(
        self, sums: Float[jax.Array, "sample n_o"], target: Float[jax.Array, "sample n_o"]
    ) -> Float[jax.Array, " sample"]:
        """Return the loss of each sample from the sums of the output units.

        1/2 e^T e with e = y* - y, or -sum y* log y (natural logarithm) for softmax outputs; minus
        its derivative with respect to the sums is e of softmax outputs.
        """
        if self.cross_entropy:
            return -jnp.sum(target * jax.nn.log_softmax(sums), axis=-1)
        error = target - self.output(sums)
        return 0.5 * jnp.sum(error * error, axis=-1)
