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
    """What a hidden layer makes of its preactivations. Hashable.

    Attributes
    ----------
    function : callable
        From (normalised) preactivations to activities, entry by entry.
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
        From preactivations to activities of the output units.
    image : tuple of int
        Rows, columns and colours as which a convolution sees the inputs; empty for dense networks.
    convolve_by_products : bool
        Whether convolutions are carried out as matrix products rather than by XLA's convolution;
        see `fatheory.networks.convolution`. The result is the same up to rounding.
    """

    hidden: tuple[Layer, ...]
    output: Activation
    image: tuple[int, ...] = ()
    convolve_by_products: bool = True

    @classmethod
    def of(
        cls,
        network: DenseNetwork | ConvolutionalNetwork | SpikingNetwork,
        image: tuple[int, ...] = (),
        *,
        convolve_by_products: bool = True,
    ) -> "Architecture":
        """Return what a described network computes.

        Parameters
        ----------
        network : DenseNetwork, ConvolutionalNetwork or SpikingNetwork
            Its description; of spiking neurons, the probability of a spike is the function.
        image : tuple of int
            Rows, columns and colours of the inputs, for a convolutional network.
        convolve_by_products : bool
            How convolutions are carried out, which makes a difference to speed alone.
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
        # Of dense networks it means nothing, and equal ones must be equal: they share programs.
        by_products = convolve_by_products or not pools
        return cls(hidden, ACTIVATIONS[network.output], image if pools else (), by_products)

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
        logits: Float[jax.Array, "sample n_o"],
        target: Float[jax.Array, "sample n_o"],
        sent: Float[jax.Array, "sample n_o"] | None = None,
    ) -> Float[jax.Array, " sample"]:
        """Return the loss of each sample from the logits.

        1/2 e^T e with e = y* - y, or -sum y* log y (natural logarithm) for softmax outputs; minus
        its derivative with respect to the logits is e of softmax outputs.

        Parameters
        ----------
        logits : array of shape (sample, n_o)
            Of the output units.
        target : array of shape (sample, n_o)
            y*.
        sent : array of shape (sample, n_o), optional
            Receives, in the backward pass, the error e without the slopes of the output units.
        """
        if self.cross_entropy:
            logits = logits if sent is None else delivered(logits, sent)
            # Not log(softmax): that is -inf as soon as a class is e^-104 as likely as another.
            return -jnp.sum(target * jax.nn.log_softmax(logits), axis=-1)
        y = self.output(logits)
        error = target - (y if sent is None else delivered(y, sent))
        return 0.5 * jnp.sum(error * error, axis=-1)
