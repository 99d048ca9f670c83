"""One time step of a spiking network, forward and feedback (Lillicrap et al. 2016, Fig. 4).

Synapses are handed in as functions from the activity before them to the drive behind them, so that
whoever keeps weights in another form than a matrix runs the same network. Arrays have the axes
(stream, neuron): streams are independent sequences of images.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.experiment import SpikingNetwork

Neurons = Float[jax.Array, "stream _"]
Synapses = Callable[[jax.Array], jax.Array]


class Potentials(NamedTuple):
    """What a spiking network remembers from one time step to the next.

    Attributes
    ----------
    forward : tuple of arrays of shape (..., stream, unit_l)
        v of layers 1 to L.
    feedback : tuple of arrays of the same shapes
        u of the hidden layers.
    """

    forward: tuple[jax.Array, ...]
    feedback: tuple[jax.Array, ...]

    @classmethod
    def at_rest(
        cls, sizes: Sequence[int], before: tuple[int, ...], dtype: jax.typing.DTypeLike
    ) -> "Potentials":
        """Return zeros, for layers of these sizes behind the axes `before`."""
        forward, feedback = (
            tuple(jnp.zeros((*before, n), dtype) for n in layers) for layers in (sizes, sizes[:-1])
        )
        return cls(forward, feedback)


class Neuron(NamedTuple):
    """What neurons do, apart from their synapses. Hashable.

    Attributes
    ----------
    leak, ceiling, steps_per_image, group
        As of `SpikingNetwork`.
    gain : float
        What the drive is multiplied by.
    stochastic : bool
        Whether neurons spike; else their activity is the probability of a spike.
    """

    leak: float
    gain: float
    ceiling: float
    stochastic: bool
    steps_per_image: int
    group: int

    @classmethod
    def of(cls, network: SpikingNetwork) -> "Neuron":
        """Return what the neurons of a described network do."""
        return cls(
            network.leak,
            # A running average of the drive has the drive's size; a leaky sum is 1 / leak times as
            # large.
            {"leaky": 1.0, "average": network.leak}[network.integration],
            network.ceiling,
            network.spikes == "stochastic",
            network.steps_per_image,
            network.group,
        )

    def integrate(self, potential: Neurons, drive: Neurons) -> Neurons:
        """Return the potential after a time step."""
        return (1 - self.leak) * potential + self.gain * drive

    def emit(
        self, probability: Float[jax.Array, "*n"], uniform: Float[jax.Array, "*n"]
    ) -> Float[jax.Array, "*n"]:
        """Return spikes, from numbers that are uniform in [0, 1)."""
        # Strictly below: of [0, 1) that is the fraction p exactly, and nothing for p = 0.
        return (uniform < probability).astype(probability.dtype) if self.stochastic else probability

    def sense(
        self, x: Float[jax.Array, "*n"], uniform: Float[jax.Array, "*n"]
    ) -> Float[jax.Array, "*n"]:
        """Return the input spikes of images."""
        return self.emit(jnp.minimum(x, self.ceiling), uniform)


def centred(u: Float[jax.Array, "*n"]) -> Float[jax.Array, "*n"]:
    """Return phi(u) = 2 sigma(u) - 1, without cancellation at small u."""
    return jnp.tanh(u / 2)


def slope(v: Float[jax.Array, "*n"]) -> Float[jax.Array, "*n"]:
    """Return sigma'(v)."""
    p = jax.nn.sigmoid(v)
    return p * (1 - p)


def forward_step(
    neuron: Neuron,
    potentials: Sequence[Neurons],
    spikes: Neurons,
    uniforms: Sequence[Neurons],
    synapses: Sequence[Synapses],
) -> tuple[tuple[Neurons, ...], tuple[Neurons, ...]]:
    """Pass input spikes through layers 1 to L.

    Parameters
    ----------
    neuron : Neuron
        What neurons do.
    potentials : sequence of arrays of shape (stream, unit_l)
        v of layers 1 to L before the step.
    spikes : array of shape (stream, unit_0)
        Input spikes.
    uniforms : sequence of arrays of shape (stream, unit_l)
        Numbers in [0, 1) that decide on spikes.
    synapses : sequence of callables
        From the activity of layer l - 1 to W_l s + b_l.

    Returns
    -------
    potentials, activities : tuples of arrays
        v and s of layers 1 to L.
    """
    after, active = [], []
    for v, uniform, drive in zip(potentials, uniforms, synapses, strict=True):
        v = neuron.integrate(v, drive(spikes))
        spikes = neuron.emit(jax.nn.sigmoid(v), uniform)
        after.append(v)
        active.append(spikes)
    return tuple(after), tuple(active)


def feedback_step(
    neuron: Neuron, potentials: Sequence[Neurons], error: Neurons, synapses: Sequence[Synapses]
) -> tuple[tuple[Neurons, ...], tuple[Neurons, ...]]:
    """Pass the potentials y* - s of the error neurons down to layer 1.

    Parameters
    ----------
    neuron : Neuron
        What neurons do.
    potentials : sequence of arrays of shape (stream, unit_l)
        u of the hidden layers before the step.
    error : array of shape (stream, unit_L)
        y* - s.
    synapses : sequence of callables
        From phi(u) of layers 2 to L to the drive V_l^T phi(u) of the layers below.

    Returns
    -------
    potentials, signals : tuples of arrays
        u of the hidden layers, and phi(u) of layers 1 to L.
    """
    after: list[jax.Array] = []
    # Error neurons have no memory: their potential is y* - s of this very step.
    signals = [centred(error)]
    for u, drive in zip(reversed(potentials), reversed(synapses), strict=True):
        after.append(neuron.integrate(u, drive(signals[-1])))
        signals.append(centred(after[-1]))
    return tuple(reversed(after)), tuple(reversed(signals))


def modulators(potentials: Sequence[Neurons], signals: Sequence[Neurons]) -> tuple[Neurons, ...]:
    """Return phi(u) sigma'(v) of layers 1 to L, the third factor of plasticity times the second."""
    return tuple(m * slope(v) for v, m in zip(potentials, signals, strict=True))
