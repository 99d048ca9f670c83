"""Batch normalisation: preactivations of mean 0 and variance 1, by unit or by channel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.networks.features import along_features


class BatchStatistics(NamedTuple):
    """Mean and variance of every unit's preactivations, or of every channel's.

    Attributes
    ----------
    mean, variance : arrays of shape (..., feature)
        The variance is that of the batch, not an estimate of a larger population's.
    """

    mean: Float[jax.Array, "*runs feature"]
    variance: Float[jax.Array, "*runs feature"]


def batch_statistics(a: Float[jax.Array, "sample *position feature"]) -> BatchStatistics:
    """Compute mean and variance over samples, and over rows and columns where there are any."""
    axes = tuple(range(a.ndim - 1))
    # In two passes: mean(a^2) - mean(a)^2 cancels where means are large beside the spread.
    mean = jnp.mean(a, axis=axes)
    return BatchStatistics(mean, jnp.mean(jnp.square(a - along_features(mean, a)), axis=axes))


def normalised(
    a: Float[jax.Array, "sample *position feature"], moments: BatchStatistics, epsilon: float
) -> Float[jax.Array, "sample *position feature"]:
    """Compute (a - mean) / sqrt(variance + epsilon) (Ioffe & Szegedy 2015)."""
    spread = jax.lax.rsqrt(moments.variance + epsilon)
    return (a - along_features(moments.mean, a)) * along_features(spread, a)


def running(kept: BatchStatistics, batch: BatchStatistics, memory: float) -> BatchStatistics:
    """Return running moments that keep the fraction `memory` of themselves."""
    # The variance of the batch as it is: frameworks differ in whether they correct it here.
    return jax.tree.map(lambda old, new: memory * old + (1 - memory) * new, kept, batch)
