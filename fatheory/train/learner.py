"""One network under one rule: gradients of a batch, and teaching signals of any batch.

Everything starts from the sums a_1 = W_1 x + b_1 of the first layer. Whoever knows them by another
way than the product, as blocks of online learning do, trains by the same rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jaxtyping import Float

from fatheory.arrays import Array
from fatheory.experiment import RuleChoice
from fatheory.experiment.functions import Derivative, Slopes
from fatheory.networks import (
    Architecture,
    Layers,
    Moments,
    Parameters,
    first_gradient,
    first_sums,
    forward,
)
from fatheory.rules import AdaptiveFeedback, DirectRule, Rule
from fatheory.train.direct import direct_signals, direct_step
from fatheory.train.parameters import Gradient, RuleStates, Step
from fatheory.train.sampler import KeySampler, dropout_key
from fatheory.train.ways import Way, Weights

Signals = tuple[Float[jax.Array, "sample _"], ...]
Inputs = Float[jax.Array, "sample n_i"]
Targets = Float[jax.Array, "sample n_o"]


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
    ways : tuple of Way
        How layered rules make V; of several, a run's state says which. Empty for a direct rule.
    rule : Rule or None
        The rule itself where it is direct or its feedback learns; None where rules that differ
        only in arrays can share a program.
    architecture : Architecture
        What the network computes.
    slopes : str
        Whether signals are multiplied by the slopes of the units that they pass.
    derivative : str
        What stands in for the derivative of the units.
    """

    ways: tuple[Way, ...]
    rule: Rule | None
    architecture: Architecture
    slopes: Slopes = "transmitted"
    derivative: Derivative = "exact"

    @classmethod
    def of(cls, choice: RuleChoice, architecture: Architecture) -> "Learner":
        """Return the learner of a rule; rules that differ only in arrays get equal ones."""
        rule = choice.make()
        if isinstance(rule, DirectRule):
            return cls((), rule, architecture, choice.slopes, choice.derivative)
        way = Way.of(choice, len(architecture.hidden) + 1)
        shared = rule if rule.adaptive else None
        return cls((way,), shared, architecture, choice.slopes, choice.derivative)

    @property
    def exact(self) -> "Learner":
        """The same, with the slopes of backprop: those that others are compared with."""
        return replace(self, slopes="transmitted", derivative="exact")

    @property
    def learning(self) -> Architecture:
        """The network with the derivatives by which it learns."""
        return self.architecture.with_derivative(self.derivative)

    @property
    def adapts(self) -> bool:
        """Whether feedback weights learn too."""
        return self.rule is not None and self.rule.adaptive

    def step(
        self,
        above: Parameters,
        states: RuleStates,
        sums: Float[jax.Array, "sample *unit"],
        target: Targets,
        key: jax.Array,
    ) -> Step:
        """Return the rule's gradients of the batch-mean loss, and that loss."""
        if isinstance(self.rule, DirectRule):
            travel = self.rule, self.learning, self.slopes
            return direct_step(*travel, above, states, sums, target, key)
        V = self._backward(above, states, key)
        taught = self._step_through(V, above, sums, target, dropout_key(self.architecture, key))
        feedback = self._adapt(above, taught.above.weights, key)
        return taught._replace(above=taught.above._replace(feedback=feedback))

    def gradient(
        self,
        parameters: Parameters,
        states: RuleStates,
        x: Inputs,
        target: Targets,
        key: jax.Array,
    ) -> Gradient:
        """Return what the rule takes for the gradient of the batch-mean loss, of all layers."""
        sums = first_sums(self.architecture, parameters.weights[0], parameters.biases, x)
        taught = self.step(parameters.above, states, sums, target, key)
        return self._whole(parameters, taught, x)

    def backprop_gradient(self, parameters: Parameters, x: Inputs, target: Targets) -> Parameters:
        """Return the gradient of the batch-mean loss, nothing dropped."""
        above = parameters.above
        sums = first_sums(self.architecture, parameters.weights[0], parameters.biases, x)
        taught = self.exact._step_through(above.weights, above, sums, target, None)
        return self._whole(parameters, taught, x).parameters

    def signals(
        self,
        parameters: Parameters,
        states: RuleStates,
        x: Inputs,
        target: Targets,
        key: jax.Array,
    ) -> Signals:
        """Return the teaching signals delta_l of layers 1 to L, per sample.

        delta_L = e; below, what the rule delivers in the place of -dL/dh_l, nothing dropped: what
        reaches the activities that layer l hands on, before the units' own slopes. With
        normalisation these are the signals that x as a batch would receive.
        """
        if isinstance(self.rule, DirectRule):
            net, above = self.learning, parameters.above
            sums = first_sums(net, parameters.weights[0], parameters.biases, x)
            travel = self.rule, net, self.slopes
            hidden = direct_signals(*travel, above, states, sums, target, key)
            return (*hidden, target - output_of(net, parameters, x))
        V = self._backward(parameters.above, states, key)
        return self.signals_through(V, parameters, x, target)

    def signals_through(
        self, V: Weights, parameters: Parameters, x: Inputs, target: Targets
    ) -> Signals:
        """Return the teaching signals that travel through given V_2 ... V_L, layers 1 to L."""
        net, above = self.learning, parameters.above
        sums = first_sums(net, parameters.weights[0], parameters.biases, x)
        # Only shapes are asked for; nothing is computed twice.
        shapes = jax.eval_shape(lambda: forward(net, sums, above, V).hidden)
        taps = tuple(jnp.zeros(shape.shape, x.dtype) for shape in shapes)

        def loss(taps: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
            ran = forward(net, sums, above, V, added=taps, slopes=self.slopes)
            return jnp.sum(net.losses(ran.top, target, ran.sent)), net.output(ran.top)

        gradients, y = jax.grad(loss, has_aux=True)(taps)
        return (*(-g for g in gradients), target - y)

    def backward(self, parameters: Parameters, states: RuleStates, key: jax.Array) -> Layers | None:
        """Return V_2 ... V_L behind a leading None; None for a direct rule, which has no V."""
        if not self.ways:
            return None
        return (None, *self._backward(parameters.above, states, key))

    def _backward(self, above: Parameters, states: RuleStates, key: jax.Array) -> Weights:
        """Return V_2 ... V_L."""
        if len(self.ways) == 1:
            return self.ways[0].backward(above, states, key)
        ways = [way.backward for way in self.ways]
        return jax.lax.switch(states.way, ways, above, states, key)

    def _step_through(
        self,
        V: Weights,
        above: Parameters,
        sums: jax.Array,
        target: Targets,
        key: jax.Array | None,
    ) -> Step:
        """Return the gradients that travel through given V; none for feedback."""
        net = self.learning

        def loss(sums: jax.Array, learned: Parameters) -> tuple[jax.Array, tuple[Moments, ...]]:
            ran = forward(net, sums, learned, V, key=key, slopes=self.slopes)
            return jnp.mean(net.losses(ran.top, target, ran.sent)), ran.moments

        over = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (value, moments), (first, gradient) = over(sums, above._replace(feedback=()))
        return Step(first, gradient, value, moments)

    def _whole(self, parameters: Parameters, taught: Step, x: Inputs) -> Gradient:
        """Complete the gradients of a step by those of the first layer."""
        first = first_gradient(self.architecture, parameters.weights[0], taught.first, x)
        bias = None
        if parameters.biases and parameters.biases[0] is not None:
            bias = jnp.sum(taught.first, axis=tuple(range(taught.first.ndim - 1)))
        whole = taught.above.below(first, bias, biased=bool(parameters.biases))
        return Gradient(whole, taught.loss, taught.moments)

    def _adapt(self, above: Parameters, gradients: Weights, key: jax.Array) -> Weights:
        """Return what the feedback weights descend, layers 2 to L; nothing if they do not learn."""
        if not isinstance(self.rule, AdaptiveFeedback):
            return ()
        net = self.architecture
        functions = (*(layer.function for layer in net.hidden[1:]), net.output)
        changes = []
        for i, (W, V, g) in enumerate(zip(above.weights, above.feedback, gradients, strict=True)):
            b = above.biases[i] if above.biases and above.biases[i] is not None else 0.0

            def respond(
                below: Array, W: Array = W, b: Array = b, f: Callable = functions[i]
            ) -> jax.Array:
                return f(W @ below + b)

            sampler = KeySampler(jax.random.fold_in(key, i), W.dtype)
            changes.append(self.rule.state_gradient(V, g, _Probe(sampler, respond)))
        return tuple(changes)


def output_of(
    architecture: Architecture,
    parameters: Parameters,
    x: Inputs,
    moments: tuple[Moments, ...] = (),
) -> Targets:
    """Return the network's output; hidden sums are normalised by the given moments, or by x's."""
    return architecture.output(top_of(architecture, parameters, x, moments))


def top_of(
    architecture: Architecture,
    parameters: Parameters,
    x: Inputs,
    moments: tuple[Moments, ...] = (),
) -> Targets:
    """Return the sums of the output units."""
    above = parameters.above
    sums = first_sums(architecture, parameters.weights[0], parameters.biases, x)
    return forward(architecture, sums, above, above.weights, moments=moments).top
