"""The compiled programs: advance an ensemble by a stretch of steps, and observe it.

Arrays of an ensemble have the leading axes (rule, seed). Examples have the leading axis (seed):
every rule sees the same ones.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
    sign_concordances,
    squared_loss,
    weight_angles,
)
from fatheory.train.learner import Learner, States, Weights
from fatheory.train.sampler import step_key


class Ensemble(NamedTuple):
    """What changes while learning.

    Attributes
    ----------
    weights : tuple of arrays of shape (rule, seed, unit_l, unit_{l-1})
        W_1 ... W_L.
    memory : pytree
        State of the update, such as momentum.
    diverged_at : array of shape (rule, seed)
        First step whose error was not finite; -1 while there is none.
    """

    weights: Weights
    memory: Any
    diverged_at: Int[Array, "rule seed"]


class Fixed(NamedTuple):
    """What does not change while learning.

    Attributes
    ----------
    states : tuple of arrays of shape (rule, seed, unit_l, unit_{l-1}) or None
        The rules' states.
    learning_rates : array of shape (rule,)
        Step sizes.
    seeds : array of shape (seed,)
        Seed numbers, for the random numbers of single steps.
    """

    states: States
    learning_rates: Float[Array, " rule"]
    seeds: Int[Array, " seed"]


class Batches(NamedTuple):
    """Examples of consecutive steps.

    Attributes
    ----------
    inputs, targets : arrays of shape (seed, step, batch, unit) or (seed, sample, unit)
        Examples step by step, or the pool that `order` picks from.
    order : array of shape (seed, step, batch) or None
        Which samples of the pool each step learns from.
    """

    inputs: jax.Array
    targets: jax.Array
    order: jax.Array | None


@partial(jax.jit, static_argnames=("learner", "direction", "root_seed"), donate_argnums=0)
def advance(
    ensemble: Ensemble,
    fixed: Fixed,
    batches: Batches,
    learning: Bool[Array, " layer"],
    first_step: Int[Array, ""],
    offset: Int[Array, ""],
    count: Int[Array, ""],
    *,
    learner: Learner,
    direction: optax.GradientTransformation,
    root_seed: int,
) -> Ensemble:
    """Carry out `count` updates, beginning at `first_step`, with the batches from `offset` on.

    The numbers of steps are arguments, not shapes, so segments of all lengths share one program.

    Parameters
    ----------
    ensemble, fixed, batches
        See the classes.
    learning : array of shape (layer,)
        Which layers change; the others are frozen.
    first_step, offset, count : int
        Number of the first update, its place in `batches`, and how many updates.
    learner, direction, root_seed
        What compiles: the rule's program, the update, the root of the random keys.
    """

    def update(
        network: Ensemble,
        states: States,
        rate: jax.Array,
        seed: jax.Array,
        batch: tuple[jax.Array, jax.Array],
        step: jax.Array,
    ) -> Ensemble:
        key = step_key(root_seed, seed, step)
        gradient, loss = learner.gradient(network.weights, states, *batch, key)
        tau, memory = direction.update(gradient, network.memory, network.weights)
        weights = tuple(
            jnp.where(learning[i], W - rate * t, W)
            for i, (W, t) in enumerate(zip(network.weights, tau, strict=True))
        )
        lost = (network.diverged_at < 0) & ~jnp.isfinite(loss)
        return Ensemble(weights, memory, jnp.where(lost, step, network.diverged_at))

    rules, seeds = ensemble.diverged_at.shape
    # One axis of runs: with two, XLA transposes in every product, at more than twice the time.
    flat = partial(jax.tree.map, lambda a: a.reshape(rules * seeds, *a.shape[2:]))
    states = flat(fixed.states)
    rates = jnp.repeat(fixed.learning_rates, seeds)
    numbers = jnp.tile(fixed.seeds, rules)
    update_all = jax.vmap(update, in_axes=(0, 0, 0, 0, 0, None))

    def body(i: jax.Array, runs: Ensemble) -> Ensemble:
        drawn = _batch(batches, offset + i)
        batch = flat(tuple(jnp.broadcast_to(a, (rules, *a.shape)) for a in drawn))
        return update_all(runs, states, rates, numbers, batch, first_step + i)

    runs = jax.lax.fori_loop(0, count, body, flat(ensemble))
    return jax.tree.map(lambda a: a.reshape(rules, seeds, *a.shape[1:]), runs)


def _batch(batches: Batches, i: jax.Array) -> tuple[jax.Array, jax.Array]:
    take = partial(jax.lax.dynamic_index_in_dim, index=i, axis=1, keepdims=False)
    if batches.order is None:
        return take(batches.inputs), take(batches.targets)
    chosen = take(batches.order)
    pick = jax.vmap(lambda pool, rows: pool[rows])
    return pick(batches.inputs, chosen), pick(batches.targets, chosen)


@partial(jax.jit, static_argnames=("learner", "quantities", "root_seed"))
def observe(
    weights: Weights,
    fixed: Fixed,
    probe: tuple[jax.Array, jax.Array],
    step: Int[Array, ""],
    *,
    learner: Learner,
    quantities: tuple[str, ...],
    root_seed: int,
) -> dict[str, jax.Array]:
    """Measure the ensemble on the probe: the loss, and the quantities asked for.

    Returns arrays with the leading axes (rule, seed); quantities per layer end in (layer,), and
    ``teaching_signal`` and ``backprop_signal`` are tuples over layers.
    """

    def measure(
        weights: Weights, states: States, seed: jax.Array, x: jax.Array, target: jax.Array
    ) -> dict[str, Any]:
        key = step_key(root_seed, seed, step)
        # The signal at the output layer is the error itself.
        reference = learner.backprop_signals(weights, x, target)
        measured: dict[str, Any] = {"loss": squared_loss(reference[-1])}
        if {"teaching_signals", "delta_angle", "delta_angle_flattened"} & set(quantities):
            signals = learner.signals(weights, states, x, target, key)
            measured["delta_angle"] = delta_angles(signals, reference)
            measured["delta_angle_flattened"] = flattened_delta_angles(signals, reference)
            measured["teaching_signals"] = (signals, reference)
        V = learner.backward(weights, states, key)
        behind = (None,) * len(weights) if V is None else V
        measured["weight_angle"] = weight_angles(weights, behind)
        measured["sign_concordance"] = sign_concordances(weights, behind)
        return {name: measured[name] for name in ("loss", *quantities) if name in measured}

    over_seeds = jax.vmap(measure, in_axes=(0, 0, 0, 0, 0))
    over_rules = jax.vmap(over_seeds, in_axes=(0, 0, None, None, None))
    return over_rules(weights, fixed.states, fixed.seeds, *probe)
