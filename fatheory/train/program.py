"""The compiled program that advances an ensemble step by step."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from fatheory.initial import connected
from fatheory.networks import Layers, Moments, Parameters, running
from fatheory.train.ensemble import (
    Batches,
    Ensemble,
    Fixed,
    flat_runs,
    for_all_runs,
    unflattened,
)
from fatheory.train.learner import Learner
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
    in_turn : bool
        Whether runs go through a stretch one after another rather than side by side.
    """

    learner: Learner
    direction: optax.GradientTransformation
    weight_decay: float
    root_seed: int
    block: int = 0
    in_turn: bool = False


class Stretch(NamedTuple):
    """Which updates to carry out.

    The numbers of steps are arguments, not shapes, so segments of all lengths share one program.

    Attributes
    ----------
    learning : array of shape (layer,)
        Which layers change; the others are frozen.
    first_step, offset, updates : int
        Number of the first update, its place among the batches, and how many updates.
    rate_factors : array of shape (step,) or None
        What the learning rates are multiplied by at every step of the run; None for 1.
    """

    learning: Bool[Array, " layer"]
    first_step: Int[Array, ""]
    offset: Int[Array, ""]
    updates: Int[Array, ""]
    rate_factors: Float[Array, " step"] | None = None


@partial(jax.jit, static_argnames="recipe", donate_argnums=0)
def advance(
    ensemble: Ensemble, fixed: Fixed, batches: Batches, stretch: Stretch, *, recipe: Recipe
) -> Ensemble:
    """Carry out a stretch of updates, each for the whole batch of its step.

    Side by side, all runs take a step before any takes the next. In turn, every run takes all its
    steps before the next run begins: large convolutions fill a CPU by themselves, and the arrays
    of one run stay in its cache.
    """
    runs = ensemble.diverged_at.shape
    constants, flat = flat_runs(fixed), flat_runs(ensemble)
    update = partial(_update, recipe, stretch)

    def side_by_side(i: jax.Array, running: Ensemble) -> Ensemble:
        batch = for_all_runs(batches.at(stretch.offset + i), runs)
        return jax.vmap(update, in_axes=(0, 0, 0, None))(
            running, constants, batch, stretch.first_step + i
        )

    def train(run: tuple[Ensemble, Fixed, jax.Array]) -> Ensemble:
        network, own, seat = run

        def body(i: jax.Array, network: Ensemble) -> Ensemble:
            batch = batches.of(seat, stretch.offset + i)
            return update(network, own, batch, stretch.first_step + i)

        return jax.lax.fori_loop(0, stretch.updates, body, network)

    if recipe.in_turn:
        seats = jnp.tile(jnp.arange(runs[1]), runs[0])
        return unflattened(jax.lax.map(train, (flat, constants, seats)), runs)
    return unflattened(jax.lax.fori_loop(0, stretch.updates, side_by_side, flat), runs)


def _update(
    recipe: Recipe,
    stretch: Stretch,
    network: Ensemble,
    fixed: Fixed,
    batch: tuple[jax.Array, jax.Array],
    step: Int[Array, ""],
) -> Ensemble:
    """Carry out one update of one network."""
    parameters = network.parameters
    key = step_key(recipe.root_seed, fixed.seeds, step)
    asked = recipe.learner.gradient(parameters, fixed.states, *batch, key)
    gradient = connected_gradient(asked.parameters, fixed)
    tau, memory = recipe.direction.update(gradient, network.memory, parameters)
    rate = fixed.learning_rates
    if stretch.rate_factors is not None:
        rate = rate * stretch.rate_factors[step]
    moved = descend(parameters, tau, rate, stretch.learning)
    moments = _remembered(recipe, network.moments, asked.moments)
    return Ensemble(moved, memory, first_loss(network.diverged_at, asked.loss, step), moments)


def _remembered(
    recipe: Recipe, kept: tuple[Moments, ...], batch: tuple[Moments, ...]
) -> tuple[Moments, ...]:
    """Let the running moments of normalised layers follow those of a batch."""
    layers = recipe.learner.architecture.hidden
    return tuple(
        running(old, new, layer.normalization.memory)
        for old, new, layer in zip(kept, batch, layers, strict=False)
        if layer.normalization is not None
    )


def descend(
    parameters: Parameters, tau: Parameters, rate: jax.Array, learning: Bool[Array, " layer"]
) -> Parameters:
    """Take a step of the layers that learn; feedback learns with the weights beside it."""

    def moved(layers: tuple, changes: tuple, flags: jax.Array) -> tuple:
        trio = zip(layers, changes, flags, strict=True)
        return tuple(
            None if A is None else jnp.where(learns, A - rate * t, A) for A, t, learns in trio
        )

    depth = len(parameters.weights)
    # Scales and shifts are those of the lower layers, also of a network above its first layer.
    normalised = learning[: len(parameters.scales)]
    return Parameters(
        moved(parameters.weights, tau.weights, learning),
        moved(parameters.biases, tau.biases, learning[: len(parameters.biases)]),
        moved(parameters.feedback, tau.feedback, learning[depth - len(parameters.feedback) :]),
        moved(parameters.scales, tau.scales, normalised),
        moved(parameters.shifts, tau.shifts, normalised),
    )


def connected_gradient(gradient: Parameters, fixed: Fixed) -> Parameters:
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
    lost = (diverged_at < 0) & ~jnp.isfinite(loss)
    return jnp.where(lost, step, diverged_at)


def _upper(masks: Layers, count: int) -> Layers:
    return masks[len(masks) - count :]
