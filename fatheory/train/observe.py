"""The compiled programs that measure an ensemble."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory.networks import Architecture, BatchStatistics, Parameters
from fatheory.quantities import Quantity
from fatheory.train.compiled_view import CompiledView, Known
from fatheory.train.device import IMAGES_AT_A_TIME
from fatheory.train.ensemble import RunConstants, flat_runs, for_all_runs, unflattened
from fatheory.train.learner import Learner, logits_of
from fatheory.train.sampler import step_key

Probe = tuple[jax.Array, jax.Array]


@partial(jax.jit, static_argnames=("learner", "quantities", "receptive_units"))
def observe(
    parameters: Parameters,
    fixed: RunConstants,
    known: Known,
    probe: Probe,
    step: Int[Array, ""],
    *,
    learner: Learner,
    quantities: tuple[Quantity, ...],
    receptive_units: int,
) -> dict[str, jax.Array]:
    """Measure quantities on the probe, by the archive's names, of the axes (rule, seed, ...).

    Parameters
    ----------
    parameters, fixed : Parameters, RunConstants
        The runs.
    known : Known
        What other programs have found out of them, of the axes (rule, seed, ...).
    probe : pair of arrays
        Inputs and targets, of shape (seed, sample, unit), or without the first axis where all
        seeds share them.
    step : int
        After how many updates.
    learner : Learner
        The program that the runs share.
    quantities : tuple of Quantity
        What to measure.
    receptive_units : int
        How many units quantities look at one by one.
    """

    def measure(
        parameters: Parameters, fixed: RunConstants, known: Known, x: jax.Array, target: jax.Array
    ) -> dict[str, jax.Array]:
        # The key of the update that comes next: a redrawn V is measured as that update will see it.
        key = step_key(fixed.root_seeds, fixed.seeds, step)
        seen = CompiledView(
            learner, parameters, fixed.states, known, (x, target), key, receptive_units
        )
        measured: dict[str, jax.Array] = {}
        for quantity in quantities:
            measured |= quantity.measure(seen)
        return measured

    one_by_one = bool(learner.architecture.image)
    return over_runs(measure, (parameters, fixed, known), probe, one_by_one=one_by_one)


@partial(jax.jit, static_argnames="architecture")
def evaluate(
    parameters: Parameters,
    moments: tuple[BatchStatistics, ...],
    samples: Probe,
    *,
    architecture: Architecture,
) -> tuple[Float[Array, "rule seed"], Float[Array, "rule seed"]]:
    """Return the loss, and the percentage of samples whose largest output is not the target's.

    Hidden preactivations are normalised by the running moments, where there are any.
    """

    def measure(
        parameters: Parameters,
        moments: tuple[BatchStatistics, ...],
        x: jax.Array,
        target: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        def of_part(part: Probe) -> tuple[jax.Array, jax.Array]:
            x, target = part
            logits = logits_of(architecture, parameters, x, moments)
            wrong = jnp.argmax(architecture.output(logits), axis=-1) != jnp.argmax(target, axis=-1)
            return architecture.losses(logits, target), wrong

        # All activities of a convolution on all images at once would not fit into memory.
        portion = IMAGES_AT_A_TIME if architecture.image else None
        loss, wrong = _in_portions(of_part, (x, target), portion)
        # In the precision of the run, which booleans do not know.
        return jnp.mean(loss), 100 * jnp.mean(wrong, dtype=loss.dtype)

    return over_runs(measure, (parameters, moments), samples, one_by_one=samples[0].ndim == 2)


def _in_portions(measure: Any, samples: Probe, size: int | None) -> Any:
    """Apply `measure` to samples, so many at a time; None for all at once."""
    count = len(samples[0])
    if size is None or size >= count:
        return measure(samples)
    # `lax.map` takes equal parts; the rest is measured apart, not padded and cut off again.
    whole = count // size * size
    parts = jax.tree.map(lambda a: a[:whole].reshape(-1, size, *a.shape[1:]), samples)
    measured = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), jax.lax.map(measure, parts))
    if whole == count:
        return measured
    rest = measure(jax.tree.map(lambda a: a[whole:], samples))
    return jax.tree.map(lambda *pair: jnp.concatenate(pair), measured, rest)


def over_runs(measure: Any, of_runs: tuple, probe: Probe, *, one_by_one: bool = False) -> Any:
    """Apply `measure` to every run; a shared probe is large, so its runs may go one by one."""
    rules, seeds = jax.tree.leaves(of_runs)[0].shape[:2]
    flat = flat_runs(of_runs)
    if one_by_one:
        # All activities of all runs at once would not fit into memory.
        measured = jax.lax.map(lambda run: measure(*run, *probe), flat)
    elif probe[0].ndim == 2:
        measured = jax.vmap(lambda run: measure(*run, *probe))(flat)
    else:
        of_all = for_all_runs(probe, (rules, seeds))
        measured = jax.vmap(lambda run, x, target: measure(*run, x, target))(flat, *of_all)
    return unflattened(measured, (rules, seeds))
