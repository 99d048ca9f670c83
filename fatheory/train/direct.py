"""Rules that hand every hidden layer its teaching signals without a chain of layers."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from fatheory.arrays import Array
from fatheory.experiment.functions import Slopes
from fatheory.networks import Architecture, Moments, Parameters, forward
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
    above: Parameters,
    states: RuleStates,
    sums: jax.Array,
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
    above, states, sums, target, key
        As of `fatheory.train.learner.Learner.step`.
    """

    def loss(perturbations: tuple[Array, ...]) -> jax.Array:
        top = forward(architecture, sums, above, above.weights, added=perturbations).top
        return architecture.losses(top, target)

    ran = forward(architecture, sums, above, above.weights)
    if slopes == "local":
        error = target - architecture.output(ran.top)
    else:
        error = jax.grad(lambda top: -jnp.sum(architecture.losses(top, target)))(ran.top)
    trial = _Pass(tuple(h.shape for h in ran.hidden), error, target, loss)
    return rule.teaching_signals(trial, states.drawn[:-1], KeySampler(key, sums.dtype))


def direct_step(
    rule: DirectRule,
    architecture: Architecture,
    slopes: Slopes,
    above: Parameters,
    states: RuleStates,
    sums: jax.Array,
    target: jax.Array,
    key: jax.Array,
) -> Step:
    """Return the gradients by which every layer learns from its own teaching signals.

    Parameters are those of `direct_signals`.
    """
    signals = direct_signals(rule, architecture, slopes, above, states, sums, target, key)
    cut = tuple(jnp.zeros_like(W) for W in above.weights)
    dropped = dropout_key(architecture, key)

    def loss(
        sums: jax.Array, learned: Parameters
    ) -> tuple[jax.Array, tuple[jax.Array, tuple[Moments, ...]]]:
        # With V = 0 no error passes from layer to layer, so the derivative of -delta h is
        # each layer's own three-factor update.
        ran = forward(architecture, sums, learned, cut, key=dropped)
        error = architecture.losses(ran.top, target)
        delivered = sum(jnp.sum(d * h, -1) for d, h in zip(signals, ran.hidden, strict=True))
        return jnp.mean(error - delivered), (jnp.mean(error), ran.moments)

    over = jax.grad(loss, argnums=(0, 1), has_aux=True)
    (first, gradient), (value, moments) = over(sums, above._replace(feedback=()))
    return Step(first, gradient, value, moments)
