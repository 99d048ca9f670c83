"""The compiled programs that test spiking networks, and look at single neurons.

Plasticity is arrested; potentials pass from one image to the next as in learning.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory.networks import Parameters
from fatheory.networks.spiking import (
    Neuron,
    Potentials,
    Synapses,
    feedback_step,
    forward_step,
    modulators,
)
from fatheory.quantities import Spiking
from fatheory.train.ensemble import RunConstants
from fatheory.train.learner import Learner
from fatheory.train.observe import Probe, over_runs
from fatheory.train.programs.spiking import drawn_inputs
from fatheory.train.programs.spiking_block import BlockInputs, all_finite
from fatheory.train.sampler import step_key

STREAMS = 100
"""Sequences of images that are tested side by side. Each begins at rest, which a leak of 0.9
makes nearly irrelevant within its first image."""
_TESTING = 2**31
"""A step that no run reaches: tests draw the same numbers whenever they are made."""


@partial(jax.jit, static_argnames="neuron")
def evaluate_spiking(
    parameters: Parameters, fixed: RunConstants, samples: Probe, *, neuron: Neuron
) -> tuple[Float[Array, "rule seed"], Float[Array, "rule seed"]]:
    """Return the loss, and the percentage of images for which another class is most active.

    The output y of a class is the activity of its neurons, averaged over them and over the time
    steps of the image; the loss is 1/2 e^T e, averaged over images, NaN for networks that have
    diverged.
    """

    def measure(
        parameters: Parameters, fixed: RunConstants, x: jax.Array, target: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        order = stream_order(len(x))
        forward = _forward(parameters)

        def live(v: tuple, given: BlockInputs) -> tuple[tuple, jax.Array]:
            uniforms = [uniform[0] for uniform in given.uniforms]
            v, s = forward_step(neuron, v, given.spikes[0], uniforms, forward)
            return v, jnp.sum(s[-1].reshape(len(order), -1, neuron.group), axis=-1)

        # Nothing learns in a test, so no error is sent back and u is left out.
        rest = _rest(parameters, len(order)).forward
        v, outputs = _over_time(neuron, fixed, parameters, (x, target), order, live, rest)
        by_image = outputs.reshape(-1, neuron.steps_per_image, *outputs.shape[1:])
        # Sums are exact, so that classes with equally many spikes tie; the first one wins.
        spikes = jnp.sum(by_image, axis=1).swapaxes(0, 1).reshape(order.size, -1)[: len(x)]
        error = target - spikes / (neuron.steps_per_image * neuron.group)
        loss = jnp.where(all_finite(v), jnp.mean(jnp.sum(error * error, -1)) / 2, jnp.nan)
        wrong = jnp.argmax(spikes, axis=-1) != jnp.argmax(target, axis=-1)
        return loss, 100 * jnp.mean(wrong, dtype=loss.dtype)

    return over_runs(measure, (parameters, fixed), samples, one_by_one=True)


@partial(jax.jit, static_argnames=("learner", "neuron", "units"))
def observe_spiking(
    parameters: Parameters,
    fixed: RunConstants,
    probe: Probe,
    *,
    learner: Learner,
    neuron: Neuron,
    units: int,
) -> Spiking:
    """Watch neurons while the probe's images are shown one after another.

    Behind the axes (rule, seed), and single neurons by the first `units` of layers 1 to L.
    """

    def measure(
        parameters: Parameters, fixed: RunConstants, x: jax.Array, target: jax.Array
    ) -> Spiking:
        forward = _forward(parameters)
        key = step_key(fixed.root_seeds, fixed.seeds, jnp.asarray(_TESTING, jnp.uint32))
        V = learner.backward(parameters, fixed.states, key)
        assert V is not None  # direct rules are refused
        back = [_synapses(W.T) for W in V[1:]]

        def live(potentials: Potentials, given: BlockInputs) -> tuple[Potentials, tuple]:
            uniforms = [uniform[0] for uniform in given.uniforms]
            v, s = forward_step(neuron, potentials.forward, given.spikes[0], uniforms, forward)
            error = given.target[0] - s[-1]
            u, signals = feedback_step(neuron, potentials.feedback, error, back)
            few = [
                jnp.stack([a[0, :units] for a in layers])
                for layers in (v, s, modulators(v, signals))
            ]
            return Potentials(v, u), (*few, jnp.stack([jnp.mean(a) for a in s]))

        order = jnp.arange(len(x))[None]
        rest = _rest(parameters, 1)
        _, seen = _over_time(neuron, fixed, parameters, (x, target), order, live, rest)
        *traces, active = seen
        return Spiking(jnp.mean(active, axis=0), *(jnp.moveaxis(a, 0, -1) for a in traces))

    return over_runs(measure, (parameters, fixed), probe, one_by_one=True)


def stream_order(count: int) -> Int[Array, "stream position"]:
    """Cut images into streams of consecutive ones; the last repeats the last image at its end."""
    # The length first: 101 images are 51 streams of 2, and not 100 of which most repeat one.
    length = -(-count // min(STREAMS, count))
    streams = -(-count // length)
    return jnp.minimum(jnp.arange(streams * length), count - 1).reshape(streams, length)


def _over_time(
    neuron: Neuron,
    fixed: RunConstants,
    parameters: Parameters,
    samples: Probe,
    order: Int[Array, "stream position"],
    live: Callable[[Any, BlockInputs], tuple[Any, Any]],
    rest: Any,
) -> tuple[Any, Any]:
    """Show images in order, and stack along a first axis what `live` says of every time step."""
    x, target = samples
    sizes = [len(W) for W in parameters.weights]
    key = step_key(fixed.root_seeds, fixed.seeds, jnp.asarray(_TESTING, jnp.uint32))

    def body(state: Any, position: jax.Array) -> tuple[Any, Any]:
        rows = order[:, position // neuron.steps_per_image]
        keys = jax.random.fold_in(key, position)[None]
        return live(state, drawn_inputs(neuron, keys, x[rows][None], target[rows][None], sizes))

    # Unlike in learning the number of steps is a shape, and what steps say is stacked.
    return jax.lax.scan(body, rest, jnp.arange(order.shape[1] * neuron.steps_per_image))


def _forward(parameters: Parameters) -> list[Synapses]:
    biases = parameters.biases or (None,) * len(parameters.weights)
    return [_synapses(W, b) for W, b in zip(parameters.weights, biases, strict=True)]


def _synapses(W: jax.Array, b: jax.Array | None = None) -> Synapses:
    return lambda s: s @ W.T if b is None else s @ W.T + b[None]


def _rest(parameters: Parameters, streams: int) -> Potentials:
    sizes = [len(W) for W in parameters.weights]
    return Potentials.at_rest(sizes, (streams,), parameters.weights[0].dtype)
