"""The forward pass, whose layers send errors back through V in the place of W.

Everything starts from the preactivations W_1 x + b_1 of the first layer. Whoever knows them by
another way than the product, as blocks of online learning do, runs the same network.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.experiment.functions import Slopes
from fatheory.networks.architecture import Architecture, Layer
from fatheory.networks.convolution import convolution, first_convolution, kernel_gradient
from fatheory.networks.dense import dense
from fatheory.networks.features import along_features
from fatheory.networks.normalization import BatchStatistics, batch_statistics, normalised
from fatheory.networks.parameters import Layers, Parameters
from fatheory.networks.pooling import average_pool, max_pool
from fatheory.networks.slopes import delivered

Activity = Float[jax.Array, "sample _"]
Preactivations = Float[jax.Array, "sample ..."]


class Pass(NamedTuple):
    """What a forward pass computed.

    Attributes
    ----------
    hidden : list of arrays of shape (sample, unit_l)
        Activities that layers 1 to L - 1 hand on, rows, columns and channels flattened.
    logits : array of shape (sample, unit_L)
        Preactivations of the output units, whatever their function.
    moments : tuple of BatchStatistics
        Of the batch, for every hidden layer; empty without normalisation.
    sent : array of shape (sample, unit_L) or None
        Equal to the product W_L h. What its derivative is, travels back to layer L - 1; None
        where the derivative of `logits` does, as it includes the slopes of the output units.
    """

    hidden: list[Activity]
    logits: Activity
    moments: tuple[BatchStatistics, ...]
    sent: Activity | None = None


def first_preactivations(
    architecture: Architecture, W: jax.Array, biases: Layers, x: Activity
) -> Preactivations:
    """Compute the preactivations W_1 x + b_1 of the first layer, which sends nothing back.

    Parameters
    ----------
    architecture : Architecture
        The network.
    W : array
        W_1.
    biases : tuple
        b_1 ..., or nothing.
    x : array of shape (sample, unit_0)
        Inputs.
    """
    image = architecture.image
    if image:
        images = x.reshape(-1, *image)
        preactivations = first_convolution(images, W, architecture.convolve_by_products)
    else:
        preactivations = x @ W.T
    if biases and biases[0] is not None:
        return preactivations + along_features(biases[0], preactivations)
    return preactivations


def first_gradient(
    architecture: Architecture, W: jax.Array, g: Preactivations, x: Activity
) -> jax.Array:
    """Compute the derivative with respect to W_1 from that with respect to W_1 x + b_1."""
    image = architecture.image
    if not image:
        return g.T @ x
    images = x.reshape(-1, *image)
    return kernel_gradient(images, g, W.shape, architecture.convolve_by_products)


def forward(
    architecture: Architecture,
    preactivations: Preactivations,
    upper: Parameters,
    V: Sequence[jax.Array],
    *,
    added: Sequence[Activity] | None = None,
    moments: tuple[BatchStatistics, ...] = (),
    key: jax.Array | None = None,
    slopes: Slopes = "transmitted",
) -> Pass:
    """Run a network from the preactivations of its first layer on.

    With local slopes, what reaches the activities that a layer hands on returns to the units by
    the way that these came (a pool's, past dropped ones), enters the layer's own weights times
    the units' slopes, which include normalisation, and travels on to the layer below through V
    without them. The network computes the same either way.

    Parameters
    ----------
    architecture : Architecture
        The network.
    preactivations : array of shape (sample, unit_1) or (sample, row, column, channel)
        W_1 x + b_1.
    upper : Parameters
        Of layers 2 to L.
    V : sequence of arrays
        V_2 ... V_L, of the shapes of the weights.
    added : sequence of arrays of shape (sample, unit_l), optional
        Values added to the hidden activities, l = 1 ... L-1. The derivative of a loss with respect
        to them is minus the teaching signal of that layer, under any rule.
    moments : tuple of BatchStatistics, optional
        By which hidden preactivations are normalised; the batch's own by default.
    key : jax.Array, optional
        Of the dropped activities; by default none is dropped.
    slopes : str
        ``"transmitted"`` or ``"local"``: how signals travel back.
    """

    def convolve(h: jax.Array, W: jax.Array, V: jax.Array) -> jax.Array:
        return convolution(h, W, V, architecture.convolve_by_products)

    hidden: list[Activity] = []
    of_batch: list[BatchStatistics] = []
    a, sent = preactivations, None
    for i, (layer, W, v) in enumerate(zip(architecture.hidden, upper.weights, V, strict=True)):
        if layer.normalization is not None:
            # Also where others are given: what nobody looks at is not computed.
            of_batch.append(batch_statistics(a))
            a = normalised(a, moments[i] if moments else of_batch[i], layer.normalization.epsilon)
            if upper.scales:
                a = along_features(upper.scales[i], a) * a + along_features(upper.shifts[i], a)
        h = _activity(layer, a, sent, None if key is None else jax.random.fold_in(key, i))
        if added is not None:
            h = h + added[i].reshape(h.shape)
        hidden.append(h.reshape(len(h), -1))
        multiply = convolve if W.ndim == 4 else dense
        below = h if W.ndim == 4 else hidden[i]
        if slopes == "local":
            # One product, from which the weights learn and through which signals travel: XLA
            # finds that both are the same, and that neither needs the other's derivative.
            a = multiply(jax.lax.stop_gradient(below), W, v)
            sent = multiply(below, jax.lax.stop_gradient(W), v)
        else:
            a = multiply(below, W, v)
        if upper.biases and upper.biases[i] is not None:
            a = a + along_features(upper.biases[i], a)
    return Pass(hidden, a, tuple(of_batch), sent)


def _activity(
    layer: Layer, a: Preactivations, sent: Preactivations | None, key: jax.Array | None
) -> Preactivations:
    h = layer.function(a)
    if sent is not None:
        h = delivered(h, sent)
    # Behind the slopes: a local signal returns to the units through the pool, then meets f'.
    if layer.pool:
        pool = max_pool if layer.pool.kind == "max" else average_pool
        h = pool(h, layer.pool.size, layer.pool.stride)
    if layer.dropout and key is not None:
        keep = jax.random.bernoulli(key, 1 - layer.dropout, h.shape)
        # Scaled while learning, so that the whole network needs no other weights when it is
        # measured.
        h = jnp.where(keep, h / (1 - layer.dropout), 0)
    return h
