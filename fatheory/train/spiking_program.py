"""The compiled program that advances spiking networks image by image."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory.networks.spiking import Neuron
from fatheory.rules import Backprop, FixedFeedback
from fatheory.train.ensemble import Batches, Ensemble, Fixed, flat_runs, unflattened
from fatheory.train.learner import Learner
from fatheory.train.program import Recipe, Stretch, first_loss
from fatheory.train.sampler import step_key
from fatheory.train.spiking_block import Pace, Scene, learn_block

LONGEST_BLOCK = 32
"""Time steps times streams. Longer blocks save memory traffic for weights, shorter ones
corrections."""


def block_length(learner: Learner, streams: int) -> int:
    """Choose how many time steps to take at a time.

    One, where V follows the weights in another way than as their transpose.
    """
    known = (FixedFeedback.backward_weights, Backprop.backward_weights)
    exact = all(function in known for function in learner.ways[0].functions)
    return max(1, LONGEST_BLOCK // streams) if exact else 1


@partial(jax.jit, static_argnames=("recipe", "neuron"), donate_argnums=0)
def advance_spiking(
    ensemble: Ensemble,
    fixed: Fixed,
    batches: Batches,
    stretch: Stretch,
    *,
    recipe: Recipe,
    neuron: Neuron,
) -> Ensemble:
    """Show the images of a stretch, one after another, each for its time steps.

    Parameters
    ----------
    ensemble : Ensemble
        Its memory are the `Potentials`.
    fixed, batches, stretch
        As of `fatheory.train.program.advance`. The examples of a batch are those of its streams.
    recipe : Recipe
        Its block counts time steps.
    neuron : Neuron
        What neurons do.
    """
    runs = ensemble.diverged_at.shape
    total = stretch.updates * neuron.steps_per_image
    blocks = (total + recipe.block - 1) // recipe.block

    def train(run: tuple[Ensemble, Fixed, jax.Array]) -> Ensemble:
        network, own, seat = run

        def body(block: jax.Array, network: Ensemble) -> Ensemble:
            return _learn(recipe, neuron, network, own, batches, seat, stretch, block)

        return jax.lax.fori_loop(0, blocks, body, network)

    everything = flat_runs(ensemble), flat_runs(fixed), jnp.tile(jnp.arange(runs[1]), runs[0])
    trained = jax.lax.map(train, everything) if recipe.in_turn else jax.vmap(train)(everything)
    return unflattened(trained, runs)


def _learn(
    recipe: Recipe,
    neuron: Neuron,
    network: Ensemble,
    fixed: Fixed,
    batches: Batches,
    seat: Int[Array, ""],
    stretch: Stretch,
    block: Int[Array, ""],
) -> Ensemble:
    """Let one network live through a block."""
    total = stretch.updates * neuron.steps_per_image
    # Rows beyond the end repeat the last time step; they are not carried out.
    place_in_block = jnp.arange(recipe.block, dtype=jnp.int32)
    rows = jnp.minimum(block * recipe.block + place_in_block, total - 1)
    images, places = rows // neuron.steps_per_image, rows % neuron.steps_per_image
    steps = stretch.first_step + images
    x, target = jax.vmap(partial(batches.of, seat))(stretch.offset + images)
    keys = jax.vmap(partial(moment_key, recipe.root_seed, fixed.seeds))(steps, places)
    scene = drawn_scene(neuron, keys, x, target, [v.shape[-1] for v in network.memory.forward])
    eta = jnp.full(recipe.block, fixed.learning_rates)
    if stretch.rate_factors is not None:
        eta = eta * stretch.rate_factors[steps]
    V = recipe.learner.backward(
        network.parameters, fixed.states, step_key(recipe.root_seed, fixed.seeds, steps[0])
    )
    assert V is not None  # direct rules are refused
    parameters, potentials, finite = learn_block(
        neuron,
        network.parameters,
        network.memory,
        V,
        tuple(
            Pace.of(jnp.where(learns, eta, 0), recipe.weight_decay, x.shape[1])
            for learns in stretch.learning
        ),
        scene,
        jnp.minimum(recipe.block, total - block * recipe.block),
        tuple(f is Backprop.backward_weights for f in recipe.learner.ways[0].functions),
    )
    health = jnp.where(jnp.all(finite), 0.0, jnp.nan)
    lost_at = first_loss(network.diverged_at, health, steps[jnp.argmin(finite)])
    return Ensemble(parameters, potentials, lost_at)


def moment_key(
    root_seed: int, seed: jax.Array, step: Int[Array, ""], place: Int[Array, ""]
) -> jax.Array:
    """Return the key of one time step, the `place`-th of its image."""
    return jax.random.fold_in(step_key(root_seed, seed, step), place)


def drawn_scene(
    neuron: Neuron,
    keys: jax.Array,
    x: Float[Array, "k stream n_0"],
    target: Float[Array, "k stream n_class"],
    sizes: list[int],
) -> Scene:
    """Draw the numbers that decide on spikes in the time steps of these keys.

    Parameters
    ----------
    neuron : Neuron
        What neurons do.
    keys : array of keys, (k,)
        One a time step.
    x, target
        What is shown in each of them, and its class.
    sizes : list of int
        Numbers of neurons of layers 1 to L.
    """
    streams, inputs = x.shape[1:]
    draw = partial(jax.random.uniform, shape=(streams, inputs + sum(sizes)), dtype=x.dtype)
    uniforms = jax.vmap(draw)(keys)
    ends = [inputs + sum(sizes[:i]) for i in range(len(sizes))]
    below, *above = jnp.split(uniforms, ends, axis=-1)
    spread = jnp.repeat(target, neuron.group, axis=-1)
    return Scene(neuron.sense(x, below), spread, tuple(above))
