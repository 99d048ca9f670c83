"""One network under one rule: gradients of a batch, and teaching signals of any batch.

Everything starts from the sums a_1 = W_1 x + b_1 of the first layer. Whoever knows them by another
way than the product, as blocks of online learning do, trains by the same rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.arrays import Array
from fatheory.networks import Units, activities, first_sums, hidden_and_output_sums
from fatheory.rules import AdaptiveFeedback, DirectRule, LayeredRule, Rule
from fatheory.train.parameters import Layers, Parameters, masked
from fatheory.train.sampler import KeySampler

Weights = tuple[jax.Array, ...]
Signals = tuple[Float[jax.Array, "sample _"], ...]


class RuleStates(NamedTuple):
    """What a rule has drawn and what connections its feedback has, for layers 1 to L.

    Attributes
    ----------
    drawn : tuple of arrays or None
        See `fatheory.initial.Start.states`.
    connections : tuple of arrays or None
        1 where feedback has a connection, else 0; None where it lacks none.
    """

    drawn: Layers
    connections: Layers


class Step(NamedTuple):
    """What one batch asks for.

    Attributes
    ----------
    first : array of shape (sample, unit_1)
        Gradient of the batch-mean loss with respect to the sums of the first layer.
    above : Parameters
        Gradients of layers 2 to L.
    loss : scalar
        The batch-mean loss.
    """

    first: Float[jax.Array, "sample n_1"]
    above: Parameters
    loss: Float[jax.Array, ""]


@dataclass(frozen=True)
class _Pass:
    """A forward pass as a direct rule sees it (`fatheory.rules.Trial`)."""

    hidden_shapes: tuple[tuple[int, ...], ...]
    output_error: jax.Array
    loss: Callable[[tuple[Array, ...]], jax.Array]


@dataclass(frozen=True)
class _Probe:
    """One layer as an adaptive rule sees it (`fatheory.rules.LayerProbe`)."""

    sampler: KeySampler
    respond: Callable[[Array], jax.Array]


@dataclass(frozen=True)
class Learner:
    """What one step does to one network. Hashable, so that equal learners compile once.

    Attributes
    ----------
    backward_weights : callable or None
        (W, state) -> V of a layered rule; None for a direct rule.
    rule : Rule or None
        The rule itself where it does more than that; None where rules that differ only in arrays
        can share a program.
    units : Units
        Functions of hidden and output units.
    """

    backward_weights: Callable[[Array, Array | None], Array] | None
    rule: Rule | None
    units: Units

    @classmethod
    def of(cls, rule: Rule, units: Units) -> "Learner":
        """Return the learner of a rule; rules that differ only in arrays get equal ones."""
        backward = rule.backward_weights if isinstance(rule, LayeredRule) else None
        own = rule.stochastic or rule.adaptive or backward is None
        return cls(backward, rule if own else None, units)

    @property
    def adapts(self) -> bool:
        """Whether feedback weights learn too."""
        return self.rule is not None and self.rule.adaptive

    def step(
        self,
        above: Parameters,
        states: RuleStates,
        sums: Float[jax.Array, "sample n_1"],
        target: Float[jax.Array, "sample n_o"],
        key: jax.Array,
    ) -> Step:
        """Return the rule's gradients of the batch-mean loss, and that loss."""
        if self.backward_weights is None:
            return self._direct_step(above, states, sums, target, key)
        V = self._backward(above, states, key)

        def loss(sums: jax.Array, weights: Weights, biases: Weights) -> jax.Array:
            y = activities(sums, weights, V, biases, self.units)[-1]
            return jnp.mean(_losses(target - y))

        over = jax.value_and_grad(loss, argnums=(0, 1, 2))
        value, (first, weights, biases) = over(sums, above.weights, above.biases)
        return Step(first, Parameters(weights, biases, self._adapt(above, weights, key)), value)

    def signals(
        self,
        parameters: Parameters,
        states: RuleStates,
        x: Float[jax.Array, "sample n_i"],
        target: Float[jax.Array, "sample n_o"],
        key: jax.Array,
    ) -> Signals:
        """Return the teaching signals delta_l of layers 1 to L, per sample.

        delta_L = e; below, what the rule delivers in the place of -dL/dh_l.
        """
        sums = first_sums(parameters.weights[0], parameters.biases, x)
        above = parameters.above
        if self.backward_weights is None:
            y = activities(sums, above.weights, above.weights, above.biases, self.units)[-1]
            return (*self._direct_signals(above, states, sums, target, key), target - y)
        return self.signals_through(self._backward(above, states, key), parameters, x, target)

    def signals_through(
        self,
        V: Weights,
        parameters: Parameters,
        x: Float[jax.Array, "sample n_i"],
        target: Float[jax.Array, "sample n_o"],
    ) -> Signals:
        """Return the teaching signals that travel through given V_2 ... V_L, layers 1 to L."""
        weights, biases, _ = parameters.above
        sums = first_sums(parameters.weights[0], parameters.biases, x)
        taps = tuple(jnp.zeros((len(x), len(W)), x.dtype) for W in parameters.weights)

        def loss(taps: tuple[jax.Array, ...]) -> jax.Array:
            y = activities(sums, weights, V, biases, self.units, taps[:-1])[-1] + taps[-1]
            return jnp.sum(_losses(target - y))

        return tuple(-g for g in jax.grad(loss)(taps))

    def backward(self, parameters: Parameters, states: RuleStates, key: jax.Array) -> Layers | None:
        """Return V_2 ... V_L behind a leading None; None for a direct rule, which has no V."""
        if self.backward_weights is None:
            return None
        return (None, *self._backward(parameters.above, states, key))

    def _backward(self, above: Parameters, states: RuleStates, key: jax.Array) -> Weights:
        """Return V_2 ... V_L."""
        backward, drawn = self.backward_weights, states.drawn[1:]
        assert backward is not None
        if self.adapts:
            drawn = above.feedback
        elif isinstance(self.rule, LayeredRule):
            sampler = KeySampler(key, above.weights[0].dtype)
            fresh: Layers = tuple(self.rule.draw(sampler, W.shape) for W in above.weights)
            drawn = masked(fresh, states.connections[1:])
        return tuple(backward(W, state) for W, state in zip(above.weights, drawn, strict=True))

    def _adapt(self, above: Parameters, gradients: Weights, key: jax.Array) -> Weights:
        """Return what the feedback weights descend, layers 2 to L; nothing if they do not learn."""
        if not isinstance(self.rule, AdaptiveFeedback):
            return ()
        last = len(gradients) - 1
        changes = []
        for i, (W, V, g) in enumerate(zip(above.weights, above.feedback, gradients, strict=True)):
            f = self.units.output if i == last else self.units.hidden
            b = above.biases[i] if above.biases else 0.0

            def respond(below: Array, W: Array = W, b: Array = b, f: Callable = f) -> jax.Array:
                return f(W @ below + b)

            sampler = KeySampler(jax.random.fold_in(key, i), W.dtype)
            changes.append(self.rule.state_gradient(V, g, _Probe(sampler, respond)))
        return tuple(changes)

    def _direct_signals(
        self,
        above: Parameters,
        states: RuleStates,
        sums: jax.Array,
        target: jax.Array,
        key: jax.Array,
    ) -> Signals:
        assert isinstance(self.rule, DirectRule)
        weights, biases, _ = above

        def loss(perturbations: tuple[Array, ...]) -> jax.Array:
            y = activities(sums, weights, weights, biases, self.units, perturbations)[-1]
            return _losses(target - y)

        *hidden, top = hidden_and_output_sums(sums, weights, weights, biases, self.units)
        y, slope = jax.vjp(self.units.output, top)
        trial = _Pass(tuple(h.shape for h in hidden), slope(target - y)[0], loss)
        sampler = KeySampler(key, sums.dtype)
        return self.rule.teaching_signals(trial, states.drawn[:-1], sampler)

    def _direct_step(
        self,
        above: Parameters,
        states: RuleStates,
        sums: jax.Array,
        target: jax.Array,
        key: jax.Array,
    ) -> Step:
        signals = self._direct_signals(above, states, sums, target, key)
        cut = tuple(jnp.zeros_like(W) for W in above.weights)

        def loss(sums: jax.Array, weights: Weights, biases: Weights) -> tuple[jax.Array, jax.Array]:
            # With V = 0 no error passes from layer to layer, so the derivative of -delta h is
            # each layer's own three-factor update.
            *hidden, y = activities(sums, weights, cut, biases, self.units)
            losses = _losses(target - y)
            delivered = sum(jnp.sum(d * h, -1) for d, h in zip(signals, hidden, strict=True))
            return jnp.mean(losses - delivered), jnp.mean(losses)

        over = jax.grad(loss, argnums=(0, 1, 2), has_aux=True)
        (first, weights, biases), value = over(sums, above.weights, above.biases)
        return Step(first, Parameters(weights, biases, ()), value)


def output_of(
    parameters: Parameters, units: Units, x: Float[jax.Array, "sample n_i"]
) -> Float[jax.Array, "sample n_o"]:
    """Return the network's output."""
    weights, biases, _ = parameters.above
    sums = first_sums(parameters.weights[0], parameters.biases, x)
    return activities(sums, weights, weights, biases, units)[-1]


def _losses(error: jax.Array) -> jax.Array:
    """Return L = 1/2 e^T e of each sample."""
    return 0.5 * jnp.sum(error * error, axis=-1)
