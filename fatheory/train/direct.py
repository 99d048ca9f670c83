"""Rules that hand every hidden layer its teaching signals without a chain of layers."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from fatheory.arrays import Array
from fatheory.experiment.functions import Slopes
from fatheory.networks import Architecture, BatchStatistics, Parameters, forward
from fatheory.rules import DirectRule
from fatheory.train.parameters import RuleStates, Step
from fatheory.train.sampler import KeySampler, dropout_key


@dataclass(frozen=True)
class _Pass:
    """A forward pass as a direct rule sees it (`fatheory.rules.Trial`)."""

    hidden_shapes: tuple[tuple[int, ...], ...]
    output_error: jax.Array
    target: jax.Array
    loss: Callable[[tuple[Array, ...]], jax.Array]


def direct_signals(
    rule: DirectRule,
    architecture: Architecture,
    slopes: Slopes,
    upper: Parameters,
    states: RuleStates,
    preactivations: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> tuple[jax.Array, ...]:
    """Return the teaching signals of the hidden layers, per sample.

    Parameters
    ----------
    rule : DirectRule
        What makes the signals.
    architecture : Architecture
        The network, with the derivatives by which it learns.
    slopes : str
        Whether the error is multiplied by the slopes of the output units before it is sent.
    upper, states, preactivations, target, key
        As of `fatheory.train.learner.Learner.step`.
    """

    def loss(perturbations: tuple[Array, ...]) -> jax.Array:
        logits = forward(
            architecture, preactivations, upper, upper.weights, added=perturbations
        ).logits
        return architecture.losses(logits, target)

    ran = forward(architecture, preactivations, upper, upper.weights)
    if slopes == "local":
        # L16's e, without the slope of the output; below, minus the derivative by the logits has
        # it.
        error = target - architecture.output(ran.logits)
    else:
        error = jax.grad(lambda logits: -jnp.sum(architecture.losses(logits, target)))(ran.logits)
    trial = _Pass(tuple(h.shape for h in ran.hidden), error, target, loss)
    return rule.teaching_signals(trial, states.drawn[:-1], KeySampler(key, preactivations.dtype))


def direct_step(
    rule: DirectRule,
    architecture: Architecture,
    slopes: Slopes,
    upper: Parameters,
    states: RuleStates,
    preactivations: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> Step:
    """Return the gradients by which every layer learns from its own teaching signals.

    Parameters are those of `direct_signals`.
    """
    # Outside of the loss below, hence constants of it: nothing is differentiated through a rule.
    signals = direct_signals(rule, architecture, slopes, upper, states, preactivations, target, key)
    cut = tuple(jnp.zeros_like(W) for W in upper.weights)
    dropped = dropout_key(architecture, key)

    def loss(
        preactivations: jax.Array, learned: Parameters
    ) -> tuple[jax.Array, tuple[jax.Array, tuple[BatchStatistics, ...]]]:
        # With V = 0 no error passes from layer to layer, so the derivative of -delta h is
        # each layer's own three-factor update.
        ran = forward(architecture, preactivations, learned, cut, key=dropped)
        error = architecture.losses(ran.logits, target)
        delivered = sum(jnp.sum(d * h, -1) for d, h in zip(signals, ran.hidden, strict=True))
        return jnp.mean(error - delivered), (jnp.mean(error), ran.moments)

    over = jax.grad(loss, argnums=(0, 1), has_aux=True)
    (first, gradient), (value, moments) = over(preactivations, upper._replace(feedback=()))
    return Step(first, gradient, value, moments)
