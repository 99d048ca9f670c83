"""Rules that hand every hidden layer its teaching signals without a chain of layers."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from fatheory.arrays import Array
from fatheory.networks import Units, activities, hidden_and_output_sums
from fatheory.rules import DirectRule
from fatheory.train.parameters import Parameters, RuleStates, Step, losses
from fatheory.train.sampler import KeySampler


@dataclass(frozen=True)
class _Pass:
    """A forward pass as a direct rule sees it (`fatheory.rules.Trial`)."""

    hidden_shapes: tuple[tuple[int, ...], ...]
    output_error: jax.Array
    loss: Callable[[tuple[Array, ...]], jax.Array]


def direct_signals(
    rule: DirectRule,
    units: Units,
    above: Parameters,
    states: RuleStates,
    sums: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> tuple[jax.Array, ...]:
    """Return the teaching signals of the hidden layers, per sample.

    Parameters
    ----------
    above, states, sums, target, key
        As of `fatheory.train.learner.Learner.step`.
    """
    weights, biases, _ = above

    def loss(perturbations: tuple[Array, ...]) -> jax.Array:
        y = activities(sums, weights, weights, biases, units, perturbations)[-1]
        return losses(target - y)

    *hidden, top = hidden_and_output_sums(sums, weights, weights, biases, units)
    y, slope = jax.vjp(units.output, top)
    trial = _Pass(tuple(h.shape for h in hidden), slope(target - y)[0], loss)
    return rule.teaching_signals(trial, states.drawn[:-1], KeySampler(key, sums.dtype))


def direct_step(
    rule: DirectRule,
    units: Units,
    above: Parameters,
    states: RuleStates,
    sums: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> Step:
    """Return the gradients by which every layer learns from its own teaching signals."""
    signals = direct_signals(rule, units, above, states, sums, target, key)
    cut = tuple(jnp.zeros_like(W) for W in above.weights)

    def loss(sums: jax.Array, weights: tuple, biases: tuple) -> tuple[jax.Array, jax.Array]:
        # With V = 0 no error passes from layer to layer, so the derivative of -delta h is
        # each layer's own three-factor update.
        *hidden, y = activities(sums, weights, cut, biases, units)
        error = losses(target - y)
        delivered = sum(jnp.sum(d * h, -1) for d, h in zip(signals, hidden, strict=True))
        return jnp.mean(error - delivered), jnp.mean(error)

    over = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
    (first, weights, biases), value = over(sums, above.weights, above.biases)
    return Step(first, Parameters(weights, biases, ()), value)
