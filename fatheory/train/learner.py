"""One network under one rule: gradients of a batch, and teaching signals of any batch.

Everything starts from the preactivations a_1 = W_1 x + b_1 of the first layer. Whoever knows them
by another way than the product, as blocks of online learning do, trains by the same rules.
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
    BatchStatistics,
    Layers,
    Parameters,
    first_gradient,
    first_preactivations,
    forward,
)
from fatheory.rules import AdaptiveFeedback, DirectRule, Rule
from fatheory.train.direct import direct_signals, direct_step
from fatheory.train.feedback_path import FeedbackPath, Weights
from fatheory.train.parameters import Gradient, RuleStates, Step
from fatheory.train.sampler import KeySampler, dropout_key

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
    feedback_paths : tuple of FeedbackPath
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

    feedback_paths: tuple[FeedbackPath, ...]
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
        path = FeedbackPath.of(choice, len(architecture.hidden) + 1)
        shared = rule if rule.adaptive else None
        return cls((path,), shared, architecture, choice.slopes, choice.derivative)

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
        upper: Parameters,
        states: RuleStates,
        preactivations: Float[jax.Array, "sample *unit"],
        target: Targets,
        key: jax.Array,
    ) -> Step:
        """Return the rule's gradients of the batch-mean loss, and that loss."""
        if isinstance(self.rule, DirectRule):
            travel = self.rule, self.learning, self.slopes
            return direct_step(*travel, upper, states, preactivations, target, key)
        V = self._backward(upper, states, key)
        gradients = self._step_through(
            V, upper, preactivations, target, dropout_key(self.architecture, key)
        )
        feedback = self._adapt(upper, gradients.upper.weights, key)
        return gradients._replace(upper=gradients.upper._replace(feedback=feedback))

    def gradient(
        self,
        parameters: Parameters,
        states: RuleStates,
        x: Inputs,
        target: Targets,
        key: jax.Array,
    ) -> Gradient:
        """Return what the rule takes for the gradient of the batch-mean loss, of all layers."""
        preactivations = first_preactivations(
            self.architecture, parameters.weights[0], parameters.biases, x
        )
        gradients = self.step(parameters.upper, states, preactivations, target, key)
        return self._whole(parameters, gradients, x)

    def backprop_gradient(self, parameters: Parameters, x: Inputs, target: Targets) -> Parameters:
        """Return the gradient of the batch-mean loss, nothing dropped."""
        upper = parameters.upper
        preactivations = first_preactivations(
            self.architecture, parameters.weights[0], parameters.biases, x
        )
        gradients = self.exact._step_through(upper.weights, upper, preactivations, target, None)
        return self._whole(parameters, gradients, x).parameters

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
            net, upper = self.learning, parameters.upper
            preactivations = first_preactivations(net, parameters.weights[0], parameters.biases, x)
            travel = self.rule, net, self.slopes
            hidden = direct_signals(*travel, upper, states, preactivations, target, key)
            return (*hidden, target - output_of(net, parameters, x))
        V = self._backward(parameters.upper, states, key)
        return self.signals_through(V, parameters, x, target)

    def signals_through(
        self, V: Weights, parameters: Parameters, x: Inputs, target: Targets
    ) -> Signals:
        """Return the teaching signals that travel through given V_2 ... V_L, layers 1 to L."""
        net, upper = self.learning, parameters.upper
        preactivations = first_preactivations(net, parameters.weights[0], parameters.biases, x)
        # Only shapes are asked for; nothing is computed twice.
        shapes = jax.eval_shape(lambda: forward(net, preactivations, upper, V).hidden)
        # Zeros are added to the activities: the derivative by them is minus the signal there, off
        # the same backward pass by which the network learns.
        taps = tuple(jnp.zeros(shape.shape, x.dtype) for shape in shapes)

        def loss(taps: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
            ran = forward(net, preactivations, upper, V, added=taps, slopes=self.slopes)
            # The sum: a mean would divide each sample's signal by how many are shown.
            return jnp.sum(net.losses(ran.logits, target, ran.sent)), net.output(ran.logits)

        gradients, y = jax.grad(loss, has_aux=True)(taps)
        return (*(-g for g in gradients), target - y)

    def backward(self, parameters: Parameters, states: RuleStates, key: jax.Array) -> Layers | None:
        """Return V_2 ... V_L behind a leading None; None for a direct rule, which has no V."""
        if not self.feedback_paths:
            return None
        return (None, *self._backward(parameters.upper, states, key))

    def _backward(self, upper: Parameters, states: RuleStates, key: jax.Array) -> Weights:
        """Return V_2 ... V_L."""
        if len(self.feedback_paths) == 1:
            return self.feedback_paths[0].backward(upper, states, key)
        paths = [path.backward for path in self.feedback_paths]
        # Under vmap all branches run and one is chosen; that is cheap beside a convolution, and one
        # program for all rules compiles once.
        return jax.lax.switch(states.feedback_path, paths, upper, states, key)

    def _step_through(
        self,
        V: Weights,
        upper: Parameters,
        preactivations: jax.Array,
        target: Targets,
        key: jax.Array | None,
    ) -> Step:
        """Return the gradients that travel through given V; none for feedback."""
        net = self.learning

        def loss(
            preactivations: jax.Array, learned: Parameters
        ) -> tuple[jax.Array, tuple[BatchStatistics, ...]]:
            ran = forward(net, preactivations, learned, V, key=key, slopes=self.slopes)
            return jnp.mean(net.losses(ran.logits, target, ran.sent)), ran.moments

        # By the preactivations, not by W_1: a block, which knows them without the product, needs no
        # more.
        over = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (value, moments), (first, gradient) = over(preactivations, upper._replace(feedback=()))
        return Step(first, gradient, value, moments)

    def _whole(self, parameters: Parameters, gradients: Step, x: Inputs) -> Gradient:
        """Complete the gradients of a step by those of the first layer."""
        first = first_gradient(self.architecture, parameters.weights[0], gradients.first, x)
        bias = None
        if parameters.biases and parameters.biases[0] is not None:
            bias = jnp.sum(gradients.first, axis=tuple(range(gradients.first.ndim - 1)))
        whole = gradients.upper.with_first_layer(first, bias, biased=bool(parameters.biases))
        return Gradient(whole, gradients.loss, gradients.moments)

    def _adapt(self, upper: Parameters, gradients: Weights, key: jax.Array) -> Weights:
        """Return what the feedback weights descend, layers 2 to L; nothing if they do not learn."""
        if not isinstance(self.rule, AdaptiveFeedback):
            return ()
        net = self.architecture
        functions = (*(layer.function for layer in net.hidden[1:]), net.output)
        changes = []
        for i, (W, V, g) in enumerate(zip(upper.weights, upper.feedback, gradients, strict=True)):
            b = upper.biases[i] if upper.biases and upper.biases[i] is not None else 0.0

            # Bound as defaults, for a closure would see the last layer's.
            def respond(
                below: Array, W: Array = W, b: Array = b, f: Callable = functions[i]
            ) -> jax.Array:
                return f(W @ below + b)

            # A stream for each layer: what one draws does not depend on how many there are above
            # it.
            sampler = KeySampler(jax.random.fold_in(key, i), W.dtype)
            changes.append(self.rule.state_gradient(V, g, _Probe(sampler, respond)))
        return tuple(changes)


def output_of(
    architecture: Architecture,
    parameters: Parameters,
    x: Inputs,
    moments: tuple[BatchStatistics, ...] = (),
) -> Targets:
    """Return the network's output; hidden layers are normalised by the given moments, or x's."""
    return architecture.output(logits_of(architecture, parameters, x, moments))


def logits_of(
    architecture: Architecture,
    parameters: Parameters,
    x: Inputs,
    moments: tuple[BatchStatistics, ...] = (),
) -> Targets:
    """Return the preactivations of the output units, whatever their function."""
    upper = parameters.upper
    preactivations = first_preactivations(architecture, parameters.weights[0], parameters.biases, x)
    return forward(architecture, preactivations, upper, upper.weights, moments=moments).logits
