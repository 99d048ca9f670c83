"""The arrays of an ensemble: what changes while learning, what does not, and the examples.

Arrays of an ensemble have the leading axes (rule, seed). Examples have the leading axis (seed), of
length 1 where all replicas see the same: cells of a sweep often do. Large pools that all replicas
share have no such axis. Every rule sees the same examples.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory.networks import BatchStatistics, Layers, Parameters
from fatheory.train.parameters import RuleStates


class Ensemble(NamedTuple):
    """What changes while learning.

    Attributes
    ----------
    parameters : Parameters
        Weights, biases, and feedback weights that learn.
    optimizer_state : pytree
        State of the update, such as momentum.
    diverged_at : array of shape (rule, seed)
        First step whose error was not finite; -1 while there is none.
    moments : tuple of BatchStatistics
        Running ones of the hidden layers; empty without normalisation.
    """

    parameters: Parameters
    optimizer_state: Any
    diverged_at: Int[Array, "*runs"]
    moments: tuple[BatchStatistics, ...] = ()


class RunConstants(NamedTuple):
    """What does not change while learning.

    Attributes
    ----------
    states : RuleStates
        What the rules have drawn, with the connections of feedback.
    connections : tuple of arrays or None
        1 where forward weights have a connection, else 0; None where a layer lacks none.
    learning_rates : array of shape (rule, seed)
        Step sizes.
    root_seeds, seeds : arrays of shape (rule, seed)
        Roots and seed numbers, for the random numbers of single steps. Arrays both, so that
        experiments of other roots share compiled programs.
    """

    states: RuleStates
    connections: Layers
    learning_rates: Float[Array, "*runs"]
    root_seeds: Int[Array, "*runs"]
    seeds: Int[Array, "*runs"]


class Batches(NamedTuple):
    """Examples of consecutive steps.

    Attributes
    ----------
    inputs, targets : arrays
        Of shape (seed, step, batch, unit), step by step; or with `order` the pool that it picks
        from, (seed, sample, unit), or (sample, unit) where all seeds share it.
    order : array of shape (seed, step, batch) or None
        Which samples of the pool each step learns from.
    """

    inputs: jax.Array
    targets: jax.Array
    order: jax.Array | None

    def at(self, steps: Int[Array, "..."]) -> tuple[jax.Array, jax.Array]:
        """Return inputs and targets of these steps, of shape (seed, ..., batch, unit)."""
        # By default `take` looks for rows out of range, to fill in NaN; there are none.
        take = partial(jnp.take, indices=steps, axis=1, mode="clip")
        if self.order is None:
            return take(self.inputs), take(self.targets)
        chosen = take(self.order)
        if self.inputs.ndim == 2:
            return self.inputs[chosen], self.targets[chosen]
        pick = jax.vmap(lambda pool, rows: pool[rows])
        return pick(self.inputs, chosen), pick(self.targets, chosen)

    @property
    def replicas(self) -> int:
        """For how many replicas there are examples; 1 where all see the same."""
        return len(self.inputs if self.order is None else self.order)

    def of(self, replica: Int[Array, ""], step: Int[Array, ""]) -> tuple[jax.Array, jax.Array]:
        """Return inputs and targets of one step of one seed, of shape (batch, unit)."""
        # Examples that all replicas share stand in row 0.
        replica = jnp.minimum(replica, self.replicas - 1)
        if self.order is None:
            return self.inputs[replica, step], self.targets[replica, step]
        chosen = self.order[replica, step]
        if self.inputs.ndim == 2:
            return self.inputs[chosen], self.targets[chosen]
        return self.inputs[replica, chosen], self.targets[replica, chosen]

    def of_seeds(self, replicas: slice) -> "Batches":
        """Return the batches of some seeds."""
        if self.replicas == 1:
            return self
        shared = self.inputs.ndim == 2
        return Batches(
            self.inputs if shared else self.inputs[replicas],
            self.targets if shared else self.targets[replicas],
            None if self.order is None else self.order[replicas],
        )


def flat_runs(tree: Any) -> Any:
    """Join the axes (rule, seed) into one axis of runs.

    With two, XLA transposes in every product, at more than twice the time.
    """
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), tree)


def for_all_runs(examples: tuple[jax.Array, jax.Array], runs: tuple[int, ...]) -> Any:
    """Repeat examples for every rule, and for every replica where all see the same.

    Parameters
    ----------
    examples : pair of arrays
        Of the leading axis (seed), or one of length 1.
    runs : tuple of int
        Numbers of rules and of replicas, which become one axis.
    """
    return flat_runs(jax.tree.map(lambda a: jnp.broadcast_to(a, (*runs, *a.shape[1:])), examples))


def unflattened(tree: Any, shape: tuple[int, ...]) -> Any:
    """Part the axis of runs into (rule, seed) again."""
    return jax.tree.map(partial(_part, shape), tree)


def _part(shape: tuple[int, ...], a: jax.Array) -> jax.Array:
    return a.reshape(*shape, *a.shape[1:])
