"""The compiled programs that measure an ensemble."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fatheory import labels
from fatheory.geometry import (
    delta_angles,
    flattened_delta_angles,
    gradient_norms,
    pseudoinverse_alignments,
    sign_concordances,
    unit_angles,
    update_sign_agreements,
    weight_angles,
    weight_norms,
)
from fatheory.networks import Architecture, Layers, Moments, Parameters
from fatheory.rules import Pseudobackprop
from fatheory.train.ensemble import Fixed, flat_runs, for_all_runs, unflattened
from fatheory.train.learner import Learner, Signals, top_of
from fatheory.train.parameters import RuleStates
from fatheory.train.sampler import step_key

_OF_SIGNALS = {"teaching_signals", "delta_angle", "delta_angle_flattened", "pseudobackprop_angles"}
_OF_GRADIENTS = {labels.GRADIENT_NORM, labels.UPDATE_SIGN_AGREEMENT}
Probe = tuple[jax.Array, jax.Array]
IMAGES_AT_A_TIME = 500
"""Images on which a convolutional network is evaluated side by side."""


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
        if _OF_GRADIENTS & set(quantities):
            measured |= _of_gradients(learner, parameters, fixed.states, x, target, key)
        V = learner.backward(parameters, fixed.states, key)
        behind = (None,) * len(parameters.weights) if V is None else _matrices(V)
        weights = _matrices(parameters.weights)
        measured[labels.WEIGHT_ANGLE] = weight_angles(weights, behind)
        measured[labels.SIGN_CONCORDANCE] = sign_concordances(weights, behind)
        measured[labels.UNIT_ANGLE] = unit_angles(weights[-1], behind[-1])
        measured[labels.WEIGHT_NORM] = weight_norms(weights)
        if labels.PSEUDOINVERSE_ALIGNMENT in quantities:
            measured[labels.PSEUDOINVERSE_ALIGNMENT] = pseudoinverse_alignments(weights, behind)
        return {name: measured[name] for name in measured if _wanted(name, quantities)}

    one_by_one = bool(learner.architecture.image)
    return over_runs(measure, (parameters, fixed), probe, one_by_one=one_by_one)


@partial(jax.jit, static_argnames="architecture")
def evaluate(
    parameters: Parameters,
    moments: tuple[Moments, ...],
    samples: Probe,
    *,
    architecture: Architecture,
) -> tuple[Float[Array, "rule seed"], Float[Array, "rule seed"]]:
    """Return the loss, and the percentage of samples whose largest output is not the target's.

    Hidden sums are normalised by the running moments, where there are any.
    """

    def measure(
        parameters: Parameters, moments: tuple[Moments, ...], x: jax.Array, target: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        def of_part(part: Probe) -> tuple[jax.Array, jax.Array]:
            x, target = part
            top = top_of(architecture, parameters, x, moments)
            wrong = jnp.argmax(architecture.output(top), axis=-1) != jnp.argmax(target, axis=-1)
            return architecture.losses(top, target), wrong

        # All activities of a convolution on all images at once would not fit into memory.
        portion = IMAGES_AT_A_TIME if architecture.image else None
        loss, wrong = _in_portions(of_part, (x, target), portion)
        return jnp.mean(loss), 100 * jnp.mean(wrong, dtype=loss.dtype)

    return over_runs(measure, (parameters, moments), samples, one_by_one=samples[0].ndim == 2)


def _in_portions(measure: Any, samples: Probe, size: int | None) -> Any:
    """Apply `measure` to samples, so many at a time; None for all at once."""
    count = len(samples[0])
    if size is None or size >= count:
        return measure(samples)
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
    exact = learner.exact
    reference = exact.signals_through(parameters.weights[1:], parameters, x, target)
    measured: dict[str, Any] = {
        "teaching_signals": (signals, reference),
        labels.DELTA_ANGLE: delta_angles(signals, reference),
        labels.DELTA_ANGLE_FLATTENED: flattened_delta_angles(signals, reference),
    }
    if "pseudobackprop_angles" in quantities:
        V = tuple(Pseudobackprop.backward_weights(W, None) for W in parameters.weights[1:])
        pseudo: Signals = exact.signals_through(V, parameters, x, target)
        measured[labels.PSEUDOBACKPROP_ANGLE] = delta_angles(signals, pseudo)
        measured[labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE] = delta_angles(reference, pseudo)
    return measured


def _of_gradients(
    learner: Learner,
    parameters: Parameters,
    states: RuleStates,
    x: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> dict[str, jax.Array]:
    whole = replace(learner, architecture=learner.architecture.undropped)
    taught = whole.gradient(parameters, states, x, target, key).parameters
    true = learner.backprop_gradient(parameters, x, target)
    gradients, references = _matrices(taught.weights), _matrices(true.weights)
    return {
        labels.GRADIENT_NORM: gradient_norms(gradients),
        labels.UPDATE_SIGN_AGREEMENT: update_sign_agreements(gradients, references),
    }


def _matrices(weights: Layers) -> Layers:
    """Flatten kernels to a row for every channel; leave matrices, and None, as they are."""
    return tuple(W if W is None or W.ndim == 2 else W.reshape(len(W), -1) for W in weights)


def _wanted(name: str, quantities: tuple[str, ...]) -> bool:
    of_pseudobackprop = (labels.PSEUDOBACKPROP_ANGLE, labels.BACKPROP_TO_PSEUDOBACKPROP_ANGLE)
    return ("pseudobackprop_angles" if name in of_pseudobackprop else name) in quantities
