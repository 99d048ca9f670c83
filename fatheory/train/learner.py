"""One network under one rule: gradients of a batch, and teaching signals of any batch.

Everything starts from the sums a_1 = W_1 x + b_1 of the first layer. Whoever knows them by another
way than the product, as blocks of online learning do, trains by the same rules.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.arrays import Array
from fatheory.initial import connected
from fatheory.networks import Units, activities, first_sums
from fatheory.rules import AdaptiveFeedback, DirectRule, LayeredRule, Rule
from fatheory.train.direct import direct_signals, direct_step
from fatheory.train.parameters import Layers, Parameters, RuleStates, Step, losses
from fatheory.train.sampler import KeySampler

Weights = tuple[jax.Array, ...]
Signals = tuple[Float[jax.Array, "sample _"], ...]


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
        if isinstance(self.rule, DirectRule):
            return direct_step(self.rule, self.units, above, states, sums, target, key)
        V = self._backward(above, states, key)

        def loss(sums: jax.Array, weights: Weights, biases: Weights) -> jax.Array:
            y = activities(sums, weights, V, biases, self.units)[-1]
            return jnp.mean(losses(target - y))

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
        above = parameters.above
        if isinstance(self.rule, DirectRule):
            sums = first_sums(parameters.weights[0], parameters.biases, x)
            y = output_of(parameters, self.units, x)
            hidden = direct_signals(self.rule, self.units, above, states, sums, target, key)
            return (*hidden, target - y)
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
            return jnp.sum(losses(target - y))

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
            drawn = connected(fresh, states.connections[1:])
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


def output_of(
    parameters: Parameters, units: Units, x: Float[jax.Array, "sample n_i"]
) -> Float[jax.Array, "sample n_o"]:
    """Return the network's output."""
    weights, biases, _ = parameters.above
    sums = first_sums(parameters.weights[0], parameters.biases, x)
    return activities(sums, weights, weights, biases, units)[-1]
