"""One network within a compiled program, as quantities look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import jax

from fatheory.networks import Layers, Parameters, first_preactivations, forward
from fatheory.quantities import Evaluation, Need, Spiking, View
from fatheory.train.learner import Learner, Signals
from fatheory.train.parameters import RuleStates


class Known(NamedTuple):
    """What other programs have found out of networks; None where nobody asked them.

    Attributes
    ----------
    parameters : mapping of str to array, optional
        All that is learned, by the archive's names.
    held_out, training : Evaluation, optional
        Loss and error on examples.
    spiking : Spiking, optional
        What neurons do.
    """

    parameters: Mapping[str, Any] | None = None
    held_out: Evaluation | None = None
    training: Evaluation | None = None
    spiking: Spiking | None = None


class CompiledView(View):
    """One network under its rule, on the probe, while the program that measures it is compiled.

    Everything is traced when it is looked at, so a program computes what is recorded and no more.

    Parameters
    ----------
    learner : Learner
        The rule's program.
    parameters : Parameters
        What learns.
    states : RuleStates
        What the rule has drawn.
    known : Known
        What other programs have found out.
    probe : pair of arrays of shape (sample, unit)
        Inputs and targets.
    key : jax.Array
        Random numbers of rules that need some.
    receptive_units : int
        How many units are looked at one by one.
    """

    source = "a simulation"
    offers = frozenset(Need)

    def __init__(
        self,
        learner: Learner,
        parameters: Parameters,
        states: RuleStates,
        known: Known,
        probe: tuple[jax.Array, jax.Array],
        key: jax.Array,
        receptive_units: int,
    ) -> None:
        self._learner, self._learned, self._states = learner, parameters, states
        self._known, self._probe, self._key = known, probe, key
        self._receptive_units = receptive_units

    @property
    def receptive_units(self) -> int:
        """How many units are looked at one by one."""
        return self._receptive_units

    @property
    def inputs(self) -> jax.Array:
        """Inputs of the probe."""
        return self._probe[0]

    @property
    def targets(self) -> jax.Array:
        """Targets of the probe."""
        return self._probe[1]

    @cached_property
    def weights(self) -> Layers:
        """W_1 ... W_L, kernels flattened."""
        return _matrices(self._learned.weights)

    @cached_property
    def backward_weights(self) -> Layers:
        """V_1 ... V_L, kernels flattened; all None for a direct rule."""
        V = self._learner.backward(self._learned, self._states, self._key)
        return (None,) * len(self._learned.weights) if V is None else _matrices(V)

    @property
    def parameters(self) -> Mapping[str, jax.Array]:
        """All that is learned, by the archive's names."""
        known = self._known.parameters
        return self._lacks(Need.PARAMETERS) if known is None else known

    @cached_property
    def activities(self) -> tuple[jax.Array, ...]:
        """What layers hand on, the output last, nothing dropped."""
        net, learned = self._learner.architecture, self._learned
        preactivations = first_preactivations(net, learned.weights[0], learned.biases, self.inputs)
        ran = forward(net, preactivations, learned.upper, learned.upper.weights)
        return (*ran.hidden, net.output(ran.logits))

    @cached_property
    def signals(self) -> Signals:
        """The rule's teaching signals."""
        return self._learner.signals(self._learned, self._states, *self._probe, self._key)

    @cached_property
    def backprop_signals(self) -> Signals:
        """Backprop's teaching signals."""
        return self.signals_through((None, *self._learned.weights[1:]))

    def signals_through(self, V: Sequence[jax.Array | None]) -> Signals:
        """Return the teaching signals that travel through given V with the slopes of the units."""
        # Backprop's slopes whatever the rule's: this is what the rule's signals are compared with.
        exact = self._learner.exact
        return exact.signals_through(
            tuple(v for v in V if v is not None), self._learned, *self._probe
        )

    @cached_property
    def gradients(self) -> Layers:
        """What W_l descends under the rule, nothing dropped."""
        learner = self._learner
        # A dropped activity would hide part of a gradient that is compared with another.
        whole = replace(learner, architecture=learner.architecture.undropped)
        gradients = whole.gradient(self._learned, self._states, *self._probe, self._key)
        return _matrices(gradients.parameters.weights)

    @cached_property
    def backprop_gradients(self) -> Layers:
        """The gradient of the probe's loss."""
        return _matrices(self._learner.backprop_gradient(self._learned, *self._probe).weights)

    @property
    def spiking(self) -> Spiking:
        """What neurons do."""
        return self._known.spiking or self._lacks(Need.SPIKES)

    @property
    def held_out(self) -> Evaluation:
        """Loss and error on the examples of evaluation."""
        return self._known.held_out or self._lacks(Need.HELD_OUT)

    @property
    def training(self) -> Evaluation:
        """Loss and error on training examples."""
        return self._known.training or self._lacks(Need.TRAINING)


def _matrices(weights: Layers) -> Layers:
    """Flatten kernels to a row for every channel; leave matrices, and None, as they are."""
    return tuple(W if W is None or W.ndim == 2 else W.reshape(len(W), -1) for W in weights)
