"""The arrays of a group of runs: from draws to stacks, and from stacks to names."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.initial import InitialState
from fatheory.networks import Architecture, BatchStatistics, Layers, Parameters
from fatheory.train.ensemble import RunConstants
from fatheory.train.feedback_path import FeedbackPath
from fatheory.train.learner import Learner
from fatheory.train.parameters import RuleStates


def stacked(
    experiment: Experiment,
    starts: Sequence[InitialState],
    learner: Learner,
    members: Sequence[int],
) -> tuple[Parameters, RunConstants]:
    """Stack what the runs start from, and what they keep, along the axes (rule, replica)."""
    dtype = np.dtype(experiment.precision)
    chosen = [experiment.rule_labels[i] for i in members]
    runs = (len(chosen), len(starts))
    drawn = _stack_states(chosen, starts, dtype)
    stack = partial(_for_every_rule, rules=runs[0], dtype=dtype)
    normalization = experiment.network.normalization
    parameters = Parameters.initial(
        *_first_parameters(chosen, starts, stack, dtype),
        drawn[1:] if learner.adapts else (),
        learnable_normalization=normalization is not None and normalization.learnable,
    )
    # From each replica's own experiment: cells of a sweep that share the program differ in rates.
    rates = [[start.experiment.learning_rates[i] for start in starts] for i in members]
    # Keys are folded by 32 bits without a sign, and seeds lie below 2^32.
    seeds = np.asarray([start.seed for start in starts], dtype=np.uint32)
    roots = np.asarray([start.experiment.root_seed for start in starts], dtype=np.uint32)
    feedback_paths = [_feedback_path(experiment, learner, i) for i in members]
    states = RuleStates(
        # Feedback that learns is among the parameters.
        (None,) * len(drawn) if learner.adapts else drawn,
        stack([start.connections.feedback for start in starts]),
        jnp.asarray(np.broadcast_to(np.array(feedback_paths, np.int32)[:, None], runs)),
    )
    fixed = RunConstants(
        states,
        stack([start.connections.forward for start in starts]),
        jnp.asarray(np.asarray(rates), dtype),
        jnp.asarray(np.broadcast_to(roots, runs)),
        jnp.asarray(np.broadcast_to(seeds, runs)),
    )
    return parameters, fixed


def _first_parameters(
    chosen: Sequence[str],
    starts: Sequence[InitialState],
    stack: Callable[[Sequence[Layers]], Layers],
    dtype: np.dtype,
) -> tuple[Layers, Layers]:
    """Stack start weights and biases; given ones may differ from rule to rule."""
    if not any(start.of_rules for start in starts):
        return stack([start.weights for start in starts]), stack([start.biases for start in starts])
    own = [[start.of_rule(label) for start in starts] for label in chosen]
    weights, biases = (
        [[getattr(start, what) for start in row] for row in own] for what in ("weights", "biases")
    )
    return _for_each_rule(weights, dtype), _for_each_rule(biases, dtype)


def _for_each_rule(rows: Sequence[Sequence[Layers]], dtype: np.dtype) -> Layers:
    """Stack layers of all rules and seeds."""
    return tuple(
        None
        if rows[0][0][layer] is None
        else jnp.asarray(np.array([[of_one[layer] for of_one in row] for row in rows]), dtype)
        for layer in range(len(rows[0][0]))
    )


def first_statistics(
    architecture: Architecture, experiment: Experiment, runs: tuple[int, ...]
) -> tuple[BatchStatistics, ...]:
    """Return the running moments before the first update: mean 0 and variance 1."""
    dtype = np.dtype(experiment.precision)
    return tuple(
        BatchStatistics(jnp.zeros((*runs, shape[0]), dtype), jnp.ones((*runs, shape[0]), dtype))
        for layer, shape in zip(architecture.hidden, experiment.weight_shapes, strict=False)
        if layer.normalization is not None
    )


def named(parameters: Parameters, moments: tuple[BatchStatistics, ...]) -> dict[str, np.ndarray]:
    """Return what is learned, and running moments, by their archive's names."""
    found: dict[str, Any] = dict(parameters.by_name())
    for i, (mean, variance) in enumerate(moments, start=1):
        found |= {labels.running_mean(i): mean, labels.running_variance(i): variance}
    return {name: np.asarray(array) for name, array in found.items()}


def _feedback_path(experiment: Experiment, learner: Learner, member: int) -> int:
    """Return which of the learner's feedback paths a rule has; 0 where it has none."""
    if not learner.feedback_paths:
        return 0
    choice = experiment.rules[member][1]
    return learner.feedback_paths.index(FeedbackPath.of(choice, experiment.layers))


def _stack_states(chosen: Sequence[str], starts: Sequence[InitialState], dtype: np.dtype) -> Layers:
    """Stack the rules' states layer by layer, with leading axes (rule, seed).

    Where some rules have a state and others none, the latter get zeros, which they never look at.
    """
    layers: list[jax.Array | None] = []
    for layer in range(len(starts[0].weights)):
        states = [[start.states[label][layer] for start in starts] for label in chosen]
        known = [state for row in states for state in row if state is not None]
        if not known:
            layers.append(None)
            continue
        nothing = np.zeros_like(known[0])
        filled = [[nothing if state is None else state for state in row] for row in states]
        layers.append(jnp.asarray(np.array(filled), dtype))
    return tuple(layers)


def _for_every_rule(of_seeds: Sequence[Layers], *, rules: int, dtype: np.dtype) -> Layers:
    """Stack layers of all seeds, and repeat them for every rule."""
    layers: list[jax.Array | None] = []
    for of_layer in zip(*of_seeds, strict=True):
        if of_layer[0] is None:
            layers.append(None)
            continue
        array = np.stack([np.asarray(layer) for layer in of_layer])
        layers.append(jnp.asarray(np.broadcast_to(array, (rules, *array.shape)), dtype))
    return tuple(layers)
