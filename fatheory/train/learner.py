"""One network under one rule: gradients of a batch, and teaching signals of any batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.arrays import Array
from fatheory.networks import Activation, activities, output
from fatheory.rules import DirectRule, LayeredRule, Rule
from fatheory.train.sampler import KeySampler

Weights = tuple[jax.Array, ...]
States = tuple[jax.Array | None, ...]
Signals = tuple[Float[jax.Array, "sample _"], ...]


@dataclass(frozen=True)
class _Pass:
    """A forward pass as a direct rule sees it (`fatheory.rules.Trial`)."""

    hidden_shapes: tuple[tuple[int, ...], ...]
    loss: Callable[[tuple[Array, ...]], jax.Array]


@dataclass(frozen=True)
class Learner:
    """What one step does to one network. Hashable, so that equal learners compile once.

    Attributes
    ----------
    backward_weights : callable or None
        (W, state) -> V of a layered rule; None for a direct rule.
    drawer : Rule or None
        The rule itself where it draws random numbers at every step; None where rules that differ
        only in arrays can share a program.
    activation : callable
        Function of the hidden units.
    """

    backward_weights: Callable[[Array, Array | None], Array] | None
    drawer: Rule | None
    activation: Activation

    @classmethod
    def of(cls, rule: Rule, activation: Activation) -> "Learner":
        """Return the learner of a rule; rules that differ only in arrays get equal ones."""
        backward = rule.backward_weights if isinstance(rule, LayeredRule) else None
        return cls(backward, rule if rule.stochastic or backward is None else None, activation)

    def gradient(
        self,
        weights: Weights,
        states: States,
        x: Float[jax.Array, "sample n_i"],
        target: Float[jax.Array, "sample n_o"],
        key: jax.Array,
    ) -> tuple[Weights, Float[jax.Array, ""]]:
        """Return the rule's gradient of the batch-mean loss, and that loss."""
        if self.backward_weights is None:
            return self._direct_gradient(weights, x, target, key)
        V = self._backward(weights, states, key)

        def loss(weights: Weights) -> jax.Array:
            return jnp.mean(_losses(target - output(weights, V, x, self.activation)))

        value, gradient = jax.value_and_grad(loss)(weights)
        return gradient, value

    def signals(
        self,
        weights: Weights,
        states: States,
        x: Float[jax.Array, "sample n_i"],
        target: Float[jax.Array, "sample n_o"],
        key: jax.Array,
    ) -> Signals:
        """Return the teaching signals delta_l of layers 1 to L, per sample.

        delta_L = e; below, what the rule delivers in the place of -dL/dh_l.
        """
        error = target - output(weights, weights, x, self.activation)
        if self.backward_weights is None:
            return (*self._direct_signals(weights, x, target, key), error)
        return layered_signals(
            weights, self._backward(weights, states, key), x, target, self.activation
        )

    def backprop_signals(
        self,
        weights: Weights,
        x: Float[jax.Array, "sample n_i"],
        target: Float[jax.Array, "sample n_o"],
    ) -> Signals:
        """Return the teaching signals that backprop would deliver with the same weights."""
        return layered_signals(weights, weights, x, target, self.activation)

    def backward(self, weights: Weights, states: States, key: jax.Array) -> States | None:
        """Return V_2 ... V_L behind a leading None; None for a direct rule, which has no V."""
        if self.backward_weights is None:
            return None
        return (None, *self._backward(weights, states, key)[1:])

    def _backward(self, weights: Weights, states: States, key: jax.Array) -> Weights:
        if isinstance(self.drawer, LayeredRule):
            sampler = KeySampler(key, weights[0].dtype)
            states = (None, *(self.drawer.draw(sampler, W.shape) for W in weights[1:]))
        backward = self.backward_weights
        assert backward is not None
        # V_1 would only carry errors to the input, where nothing asks for them.
        above = zip(weights[1:], states[1:], strict=True)
        return (weights[0], *(backward(W, state) for W, state in above))

    def _direct_signals(
        self, weights: Weights, x: jax.Array, target: jax.Array, key: jax.Array
    ) -> Signals:
        assert isinstance(self.drawer, DirectRule)

        def loss(perturbations: tuple[Array, ...]) -> jax.Array:
            return _losses(target - output(weights, weights, x, self.activation, perturbations))

        shapes = tuple((len(x), len(W)) for W in weights[:-1])
        sampler = KeySampler(key, weights[0].dtype)
        return self.drawer.teaching_signals(_Pass(shapes, loss), sampler)

    def _direct_gradient(
        self, weights: Weights, x: jax.Array, target: jax.Array, key: jax.Array
    ) -> tuple[Weights, jax.Array]:
        signals = self._direct_signals(weights, x, target, key)
        cut = tuple(jnp.zeros_like(W) for W in weights)

        def loss(weights: Weights) -> tuple[jax.Array, jax.Array]:
            # With V = 0 no error passes from layer to layer, so the derivative of -delta h is
            # each layer's own three-factor update.
            *hidden, y = activities(weights, cut, x, self.activation)
            losses = _losses(target - y)
            delivered = sum(jnp.sum(d * h, -1) for d, h in zip(signals, hidden, strict=True))
            return jnp.mean(losses - delivered), jnp.mean(losses)

        gradient, value = jax.grad(loss, has_aux=True)(weights)
        return gradient, value


def layered_signals(
    weights: Weights,
    backward_weights: Sequence[jax.Array],
    x: jax.Array,
    target: jax.Array,
    activation: Activation,
) -> Signals:
    """Return the teaching signals that travel through V, per sample, of layers 1 to L."""
    taps = tuple(jnp.zeros((len(x), len(W)), x.dtype) for W in weights)

    def loss(taps: tuple[jax.Array, ...]) -> jax.Array:
        y = output(weights, backward_weights, x, activation, taps[:-1]) + taps[-1]
        return jnp.sum(_losses(target - y))

    return tuple(-g for g in jax.grad(loss)(taps))


def _losses(error: jax.Array) -> jax.Array:
    """Return L = 1/2 e^T e of each sample."""
    return 0.5 * jnp.sum(error * error, axis=-1)
