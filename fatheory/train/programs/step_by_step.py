"""The compiled program that advances an ensemble step by step."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from fatheory.initial import connected
from fatheory.networks import BatchStatistics, Layers, Parameters, running
from fatheory.train.ensemble import (
    Batches,
    Ensemble,
    RunConstants,
    flat_runs,
    for_all_runs,
    unflattened,
)
from fatheory.train.learner import Learner
from fatheory.train.sampler import step_key


class ProgramSpec(NamedTuple):
    """What compiles: everything about an update that is not an array. Hashable.

    Attributes
    ----------
    learner : Learner
        The rule's program.
    direction : optax.GradientTransformation
        From gradients to weight changes.
    weight_decay : float
        What `direction` does to weights beside following the gradient; blocks need to know it.
    block : int
        How many online examples the first layer takes at a time; 0 for one by one.
    inner_blocks : tuple of int
        How many of these blocks within have, each a divisor of the one before.
    lit_inputs : int
        Columns that take part in a block whose other inputs are zero; 0 for always all.
    in_turn : bool
        Whether runs go through a range of steps one after another rather than side by side.
    """

    learner: Learner
    direction: optax.GradientTransformation
    weight_decay: float
    block: int = 0
    inner_blocks: tuple[int, ...] = ()
    lit_inputs: int = 0
    in_turn: bool = False


class StepRange(NamedTuple):
    """Which updates to carry out.

    The numbers of steps are arguments, not shapes, so segments of all lengths share one program.

    Attributes
    ----------
    learning : array of shape (layer,)
        Which layers change; the others are frozen.
    first_step, offset, updates : int
        Number of the first update, its position among the batches, and how many updates.
    rate_factors : array of shape (step,) or None
        What the learning rates are multiplied by at every step of the run; None for 1.
    """

    learning: Bool[Array, " layer"]
    first_step: Int[Array, ""]
    offset: Int[Array, ""]
    updates: Int[Array, ""]
    rate_factors: Float[Array, " step"] | None = None


# The ensemble is donated: old and new weights together would be twice the memory.
@partial(jax.jit, static_argnames="spec", donate_argnums=0)
def advance(
    ensemble: Ensemble,
    fixed: RunConstants,
    batches: Batches,
    step_range: StepRange,
    *,
    spec: ProgramSpec,
) -> Ensemble:
    """Carry out a range of updates, each for the whole batch of its step.

    Side by side, all runs take a step before any takes the next. In turn, every run takes all its
    steps before the next run begins: large convolutions fill a CPU by themselves, and the arrays
    of one run stay in its cache.
    """
    runs = ensemble.diverged_at.shape
    constants, flat = flat_runs(fixed), flat_runs(ensemble)
    update = partial(_update, spec, step_range)

    def side_by_side(i: jax.Array, running: Ensemble) -> Ensemble:
        # Picked before vmap, once a replica, for all rules learn from the same.
        batch = for_all_runs(batches.at(step_range.offset + i), runs)
        return jax.vmap(update, in_axes=(0, 0, 0, None))(
            running, constants, batch, step_range.first_step + i
        )

    def train(run: tuple[Ensemble, RunConstants, jax.Array]) -> Ensemble:
        network, own, replica = run

        def body(i: jax.Array, network: Ensemble) -> Ensemble:
            batch = batches.of(replica, step_range.offset + i)
            return update(network, own, batch, step_range.first_step + i)

        return jax.lax.fori_loop(0, step_range.updates, body, network)

    if spec.in_turn:
        replicas = jnp.tile(jnp.arange(runs[1]), runs[0])
        return unflattened(jax.lax.map(train, (flat, constants, replicas)), runs)
    return unflattened(jax.lax.fori_loop(0, step_range.updates, side_by_side, flat), runs)


def _update(
    spec: ProgramSpec,
    step_range: StepRange,
    network: Ensemble,
    fixed: RunConstants,
    batch: tuple[jax.Array, jax.Array],
    step: Int[Array, ""],
) -> Ensemble:
    """Carry out one update of one network."""
    parameters = network.parameters
    key = step_key(fixed.root_seeds, fixed.seeds, step)
    gradients = spec.learner.gradient(parameters, fixed.states, *batch, key)
    gradient = connected_gradient(gradients.parameters, fixed)
    tau, optimizer_state = spec.direction.update(gradient, network.optimizer_state, parameters)
    rate = fixed.learning_rates
    # None makes a program of its own, in which constant rates cost nothing.
    if step_range.rate_factors is not None:
        rate = rate * step_range.rate_factors[step]
    moved = descend(parameters, tau, rate, step_range.learning)
    moments = _remembered(spec, network.moments, gradients.moments)
    return Ensemble(
        moved, optimizer_state, first_loss(network.diverged_at, gradients.loss, step), moments
    )


def _remembered(
    spec: ProgramSpec, kept: tuple[BatchStatistics, ...], batch: tuple[BatchStatistics, ...]
) -> tuple[BatchStatistics, ...]:
    """Let the running moments of normalised layers follow those of a batch."""
    layers = spec.learner.architecture.hidden
    return tuple(
        running(old, new, layer.normalization.memory)
        for old, new, layer in zip(kept, batch, layers, strict=False)
        if layer.normalization is not None
    )


def descend(
    parameters: Parameters, tau: Parameters, rate: jax.Array, learning: Bool[Array, " layer"]
) -> Parameters:
    """Take a step of the layers that learn; feedback learns with the weights beside it."""

    def moved(A: jax.Array, t: jax.Array, learns: jax.Array) -> jax.Array:
        # Not A - rate * learns * t: a frozen layer would turn NaN with those that diverge.
        return jnp.where(learns, A - rate * t, A)

    return jax.tree.map(moved, parameters, tau, parameters.of_layers(learning))


def connected_gradient(gradient: Parameters, fixed: RunConstants) -> Parameters:
    """Leave missing connections out of a gradient, of all layers or of the upper ones."""
    depth = len(gradient.weights)
    forward = _upper(fixed.connections, depth)
    feedback = _upper(fixed.states.connections, len(gradient.feedback))
    return gradient._replace(
        weights=connected(gradient.weights, forward),
        feedback=connected(gradient.feedback, feedback),
    )


def first_loss(
    diverged_at: Int[Array, ""], loss: Float[Array, ""], step: Int[Array, ""]
) -> Int[Array, ""]:
    """Return the first step whose loss was not finite, this one included; -1 for none."""
    # In every step: snapshots, which may lie far apart, would tell too late.
    lost = (diverged_at < 0) & ~jnp.isfinite(loss)
    return jnp.where(lost, step, diverged_at)


def _upper(masks: Layers, count: int) -> Layers:
    # From the end, as a gradient of the upper layers lacks the first.
    return masks[len(masks) - count :]
