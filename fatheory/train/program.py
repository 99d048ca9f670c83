"""The compiled program that advances an ensemble step by step."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int

from fatheory.initial import connected
from fatheory.networks import first_sums
from fatheory.train.ensemble import (
    Batches,
    Ensemble,
    Fixed,
    flat_runs,
    for_all_rules,
    unflattened,
)
from fatheory.train.learner import Learner
from fatheory.train.parameters import Layers, Parameters, Step
from fatheory.train.sampler import step_key


class Recipe(NamedTuple):
    """What compiles: everything about an update that is not an array. Hashable.

    Attributes
    ----------
    learner : Learner
        The rule's program.
    direction : optax.GradientTransformation
        From gradients to weight changes.
    weight_decay : float
        What `direction` does to weights beside following the gradient; blocks need to know it.
    root_seed : int
        Root of the random keys.
    block : int
        How many online examples the first layer takes at a time; 0 for one by one.
    """

    learner: Learner
    direction: optax.GradientTransformation
    weight_decay: float
    root_seed: int
    block: int = 0


class Stretch(NamedTuple):
    """Which updates to carry out.

    The numbers of steps are arguments, not shapes, so segments of all lengths share one program.

    Attributes
    ----------
    learning : array of shape (layer,)
        Which layers change; the others are frozen.
    first_step, offset, updates : int
        Number of the first update, its place among the batches, and how many updates.
    """

    learning: Bool[Array, " layer"]
    first_step: Int[Array, ""]
    offset: Int[Array, ""]
    updates: Int[Array, ""]


@partial(jax.jit, static_argnames="recipe", donate_argnums=0)
def advance(
    ensemble: Ensemble, fixed: Fixed, batches: Batches, stretch: Stretch, *, recipe: Recipe
) -> Ensemble:
    """Carry out a stretch of updates, each for the whole batch of its step."""
    runs = ensemble.diverged_at.shape
    update_all = jax.vmap(partial(_update, recipe, stretch.learning), in_axes=(0, 0, 0, None))
    constants = flat_runs(fixed)

    def body(i: jax.Array, running: Ensemble) -> Ensemble:
        batch = for_all_rules(batches.at(stretch.offset + i), runs[0])
        return update_all(running, constants, batch, stretch.first_step + i)

    return unflattened(jax.lax.fori_loop(0, stretch.updates, body, flat_runs(ensemble)), runs)


def _update(
    recipe: Recipe,
    learning: Bool[Array, " layer"],
    network: Ensemble,
    fixed: Fixed,
    batch: tuple[jax.Array, jax.Array],
    step: Int[Array, ""],
) -> Ensemble:
    """Carry out one update of one network."""
    x, target = batch
    parameters = network.parameters
    key = step_key(recipe.root_seed, fixed.seeds, step)
    sums = first_sums(parameters.weights[0], parameters.biases, x)
    taught = recipe.learner.step(parameters.above, fixed.states, sums, target, key)
    bias = jnp.sum(taught.first, axis=0) if parameters.biases else None
    gradient = connected_gradient(taught.above.below(taught.first.T @ x, bias), fixed)
    tau, memory = recipe.direction.update(gradient, network.memory, parameters)
    moved = descend(parameters, tau, fixed.learning_rates, learning)
    return Ensemble(moved, memory, first_loss(network.diverged_at, taught, step))


def descend(
    parameters: Parameters, tau: Parameters, rate: jax.Array, learning: Bool[Array, " layer"]
) -> Parameters:
    """Take a step of the layers that learn; feedback learns with the weights beside it."""

    def moved(layers: tuple, changes: tuple, flags: jax.Array) -> tuple:
        trio = zip(layers, changes, flags, strict=True)
        return tuple(jnp.where(learns, A - rate * t, A) for A, t, learns in trio)

    depth = len(parameters.weights)
    return Parameters(
        moved(parameters.weights, tau.weights, learning),
        moved(parameters.biases, tau.biases, learning[: len(parameters.biases)]),
        moved(parameters.feedback, tau.feedback, learning[depth - len(parameters.feedback) :]),
    )


def connected_gradient(gradient: Parameters, fixed: Fixed) -> Parameters:
    """Leave missing connections out of a gradient, of all layers or of the upper ones."""
    depth = len(gradient.weights)
    forward = _upper(fixed.connections, depth)
    feedback = _upper(fixed.states.connections, len(gradient.feedback))
    return Parameters(
        connected(gradient.weights, forward),
        gradient.biases,
        connected(gradient.feedback, feedback),
    )


def first_loss(diverged_at: Int[Array, ""], taught: Step, step: Int[Array, ""]) -> Int[Array, ""]:
    """Return the first step whose loss was not finite, this one included; -1 for none."""
    lost = (diverged_at < 0) & ~jnp.isfinite(taught.loss)
    return jnp.where(lost, step, diverged_at)


def _upper(masks: Layers, count: int) -> Layers:
    return masks[len(masks) - count :]
