"""The compiled programs that measure an ensemble."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory import labels
from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
    pseudoinverse_alignments,
    sign_concordances,
    squared_loss,
    unit_angles,
    weight_angles,
    weight_norms,
)
from fatheory.networks import Units
from fatheory.rules import Pseudobackprop
from fatheory.train.ensemble import Fixed, flat_runs, for_all_rules, unflattened
from fatheory.train.learner import Learner, Signals, output_of
from fatheory.train.parameters import Parameters, RuleStates
from fatheory.train.sampler import step_key

_OF_SIGNALS = {"teaching_signals", "delta_angle", "delta_angle_flattened", "pseudobackprop_angles"}
Probe = tuple[jax.Array, jax.Array]


@partial(jax.jit, static_argnames=("learner", "quantities", "root_seed"))
def observe(
    parameters: Parameters,
    fixed: Fixed,
    probe: Probe,
    step: Int[Array, ""],
    *,
    learner: Learner,
    quantities: tuple[str, ...],
    root_seed: int,
) -> dict[str, Any]:
    """Measure what the experiment records, on the probe, by the archive's names.

    Arrays lead with the axes (rule, seed); quantities per layer end in (layer,), and
    ``teaching_signals`` is a pair of tuples over layers: the rule's and backprop's.

    Parameters
    ----------
    probe : pair of arrays
        Inputs and targets, of shape (seed, sample, unit), or without the first axis where all
        seeds share them.
    """

    def measure(parameters: Parameters, fixed: Fixed, x: jax.Array, target: jax.Array) -> dict:
        key = step_key(root_seed, fixed.seeds, step)
        measured: dict[str, Any] = {}
        if _OF_SIGNALS & set(quantities):
            measured |= _of_signals(learner, parameters, fixed.states, x, target, key, quantities)
        V = learner.backward(parameters, fixed.states, key)
        behind = (None,) * len(parameters.weights) if V is None else V
        measured[labels.WEIGHT_ANGLE] = weight_angles(parameters.weights, behind)
        measured[labels.SIGN_CONCORDANCE] = sign_concordances(parameters.weights, behind)
        measured[labels.UNIT_ANGLE] = unit_angles(parameters.weights[-1], behind[-1])
        measured[labels.WEIGHT_NORM] = weight_norms(parameters.weights)
        if labels.PSEUDOINVERSE_ALIGNMENT in quantities:
            measured[labels.PSEUDOINVERSE_ALIGNMENT] = pseudoinverse_alignments(
                parameters.weights, behind
            )
        return {name: measured[name] for name in measured if _wanted(name, quantities)}

    return over_runs(measure, (parameters, fixed), probe)


@partial(jax.jit, static_argnames="units")
def evaluate(
    parameters: Parameters, samples: Probe, *, units: Units
) -> tuple[Float[Array, "rule seed"], Float[Array, "rule seed"]]:
    """Return the loss, and the percentage of samples whose largest output is not the target's."""

    def measure(
        parameters: Parameters, x: jax.Array, target: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        y = output_of(parameters, units, x)
        wrong = jnp.argmax(y, axis=-1) != jnp.argmax(target, axis=-1)
        return squared_loss(target - y), 100 * jnp.mean(wrong, dtype=y.dtype)

    return over_runs(measure, (parameters,), samples, one_by_one=samples[0].ndim == 2)


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
        every_rule = for_all_rules(probe, rules)
        measured = jax.vmap(lambda run, x, target: measure(*run, x, target))(flat, *every_rule)
    return unflattened(measured, (rules, seeds))


def _of_signals(
    learner: Learner,
    parameters: Parameters,
    states: RuleStates,
    x: jax.Array,
    target: jax.Array,
    key: jax.Array,
    quantities: tuple[str, ...],
) -> dict[str, Any]:
    signals = learner.signals(parameters, states, x, target, key)
    reference = learner.signals_through(parameters.weights[1:], parameters, x, target)
    measured: dict[str, Any] = {
        "teaching_signals": (signals, reference),
        labels.DELTA_ANGLE: delta_angles(signals, reference),
        labels.DELTA_ANGLE_FLATTENED: flattened_delta_angles(signals, reference),
    }
    if "pseudobackprop_angles" in quantities:
        V = tuple(Pseudobackprop.backward_weights(W, None) for W in parameters.weights[1:])
        pseudo: Signals = learner.signals_through(V, parameters, x, target)
        measured[labels.PSEUDOBACKPROP_ANGLE] = delta_angles(signals, pseudo)
        measured[labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE] = delta_angles(reference, pseudo)
    return measured


def _wanted(name: str, quantities: tuple[str, ...]) -> bool:
    of_pseudobackprop = (labels.PSEUDOBACKPROP_ANGLE, labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE)
    return ("pseudobackprop_angles" if name in of_pseudobackprop else name) in quantities
