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
from fatheory.experiment.functions import Derivative
from fatheory.networks.activations import ACTIVATIONS, Activation
from fatheory.networks.slopes import delivered, with_derivative


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

    def with_derivative(self, derivative: Derivative) -> "Architecture":
        """Return a network of the same values whose sigmoid and tanh units have rough slopes."""
        hidden = tuple(
            layer._replace(function=with_derivative(layer.function, derivative))
            for layer in self.hidden
        )
        return self._replace(hidden=hidden, output=with_derivative(self.output, derivative))

    @property
    def cross_entropy(self) -> bool:
        """Whether the loss is the cross-entropy of softmax outputs rather than 1/2 e^T e."""
        return self.output is jax.nn.softmax

    def losses(
        self,
        sums: Float[jax.Array, "sample n_o"],
        target: Float[jax.Array, "sample n_o"],
        sent: Float[jax.Array, "sample n_o"] | None = None,
    ) -> Float[jax.Array, " sample"]:
        """Return the loss of each sample from the sums of the output units.

        1/2 e^T e with e = y* - y, or -sum y* log y (natural logarithm) for softmax outputs; minus
        its derivative with respect to the sums is e of softmax outputs.

        Parameters
        ----------
        sums : array of shape (sample, n_o)
            Of the output units.
        target : array of shape (sample, n_o)
            y*.
        sent : array of shape (sample, n_o), optional
            Receives, in the backward pass, the error e without the slopes of the output units.
        """
        if self.cross_entropy:
            sums = sums if sent is None else delivered(sums, sent)
            return -jnp.sum(target * jax.nn.log_softmax(sums), axis=-1)
        y = self.output(sums)
        error = target - (y if sent is None else delivered(y, sent))
        return 0.5 * jnp.sum(error * error, axis=-1)
