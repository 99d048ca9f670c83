"""The compiled program that advances spiking networks image by image."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory.networks.spiking import Neuron
from fatheory.rules import Backprop
from fatheory.train.ensemble import Batches, Ensemble, RunConstants, flat_runs, unflattened
from fatheory.train.programs.spiking_block import BlockInputs, StepSizes, learn_block
from fatheory.train.programs.step_by_step import ProgramSpec, StepRange, first_loss
from fatheory.train.sampler import step_key


@partial(jax.jit, static_argnames=("spec", "neuron"), donate_argnums=0)
def advance_spiking(
    ensemble: Ensemble,
    fixed: RunConstants,
    batches: Batches,
    step_range: StepRange,
    *,
    spec: ProgramSpec,
    neuron: Neuron,
) -> Ensemble:
    """Show the images of a range of steps, one after another, each for its time steps.

    Parameters
    ----------
    ensemble : Ensemble
        Its optimizer state are the `Potentials`.
    fixed, batches, step_range
        As of `fatheory.train.programs.step_by_step.advance`. The examples of a batch are those
        of its streams.
    spec : ProgramSpec
        Its block counts time steps.
    neuron : Neuron
        What neurons do.
    """
    runs = ensemble.diverged_at.shape
    total = step_range.updates * neuron.steps_per_image
    blocks = (total + spec.block - 1) // spec.block

    def train(run: tuple[Ensemble, RunConstants, jax.Array]) -> Ensemble:
        network, own, replica = run

        def body(block: jax.Array, network: Ensemble) -> Ensemble:
            return _learn(spec, neuron, network, own, batches, replica, step_range, block)

        return jax.lax.fori_loop(0, blocks, body, network)

    # The number of a replica instead of its images, which are picked where they lie.
    everything = flat_runs(ensemble), flat_runs(fixed), jnp.tile(jnp.arange(runs[1]), runs[0])
    trained = jax.lax.map(train, everything) if spec.in_turn else jax.vmap(train)(everything)
    return unflattened(trained, runs)


def _learn(
    spec: ProgramSpec,
    neuron: Neuron,
    network: Ensemble,
    fixed: RunConstants,
    batches: Batches,
    replica: Int[Array, ""],
    step_range: StepRange,
    block: Int[Array, ""],
) -> Ensemble:
    """Let one network live through a block."""
    total = step_range.updates * neuron.steps_per_image
    # Rows beyond the end repeat the last time step; they are not carried out.
    position_in_block = jnp.arange(spec.block, dtype=jnp.int32)
    rows = jnp.minimum(block * spec.block + position_in_block, total - 1)
    images, positions = rows // neuron.steps_per_image, rows % neuron.steps_per_image
    steps = step_range.first_step + images
    x, target = jax.vmap(partial(batches.of, replica))(step_range.offset + images)
    keys = jax.vmap(partial(moment_key, fixed.root_seeds, fixed.seeds))(steps, positions)
    given = drawn_inputs(
        neuron, keys, x, target, [v.shape[-1] for v in network.optimizer_state.forward]
    )
    eta = jnp.full(spec.block, fixed.learning_rates)
    if step_range.rate_factors is not None:
        eta = eta * step_range.rate_factors[steps]
    V = spec.learner.backward(
        network.parameters, fixed.states, step_key(fixed.root_seeds, fixed.seeds, steps[0])
    )
    assert V is not None  # direct rules are refused
    parameters, potentials, finite = learn_block(
        neuron,
        network.parameters,
        network.optimizer_state,
        V,
        tuple(
            StepSizes.of(jnp.where(learns, eta, 0), spec.weight_decay, x.shape[1])
            for learns in step_range.learning
        ),
        given,
        jnp.minimum(spec.block, total - block * spec.block),
        tuple(f is Backprop.backward_weights for f in spec.learner.feedback_paths[0].functions),
    )
    # There is no loss while neurons live; potentials that are not finite stand for one.
    health = jnp.where(jnp.all(finite), 0.0, jnp.nan)
    lost_at = first_loss(network.diverged_at, health, steps[jnp.argmin(finite)])
    return Ensemble(parameters, potentials, lost_at)


def moment_key(
    root_seed: jax.Array, seed: jax.Array, step: Int[Array, ""], position: Int[Array, ""]
) -> jax.Array:
    """Return the key of one time step, the `position`-th of its image."""
    return jax.random.fold_in(step_key(root_seed, seed, step), position)


def drawn_inputs(
    neuron: Neuron,
    keys: jax.Array,
    x: Float[Array, "k stream n_0"],
    target: Float[Array, "k stream n_class"],
    sizes: list[int],
) -> BlockInputs:
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
    below, *upper = jnp.split(uniforms, ends, axis=-1)
    spread = jnp.repeat(target, neuron.group, axis=-1)
    return BlockInputs(neuron.sense(x, below), spread, tuple(upper))
