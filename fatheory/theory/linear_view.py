"""A linear network along the steps of a theory, as quantities look at it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float

from fatheory import labels
from fatheory.experiment import RuleChoice
from fatheory.geometry import linear_activities, linear_gradients, squared_loss
from fatheory.initial import InitialState, Samples
from fatheory.quantities import Evaluation, Need, View
from fatheory.rules import DirectRule, LayeredRule
from fatheory.rules.drawing import PassedTrial, passed_signals

Arrays = list[np.ndarray]


class LinearView(View):
    """A linear network under a rule at recorded steps, which all arrays lead with.

    Errors of the outputs are E x, and what targets have beyond the map that is learned, so that
    signals, gradients and angles keep their accuracy where the weights no longer tell E from
    rounding. Where the rule is random given weights and data, its V, and signals and gradients
    below the output, are NaN: theory knows their mean and no single draw.

    Parameters
    ----------
    start : InitialState
        Target, probe and feedback of the seed.
    error_map : array of shape (step, n_o, n_i)
        E = T - W_L ... W_1.
    weights : callable
        Returns W_1 ... W_L, of shape (step, unit_l, unit_{l-1}); called if they are looked at.
    label, choice : str, RuleChoice
        The rule.
    receptive_units : int
        How many units are looked at one by one.
    """

    source = "the theory of linear networks"
    offers = frozenset(
        {
            Need.WEIGHTS,
            Need.BACKWARD_WEIGHTS,
            Need.PARAMETERS,
            Need.EXAMPLES,
            Need.ACTIVITIES,
            Need.SIGNALS,
            Need.GRADIENTS,
            Need.HELD_OUT,
            Need.TRAINING,
        }
    )

    def __init__(
        self,
        start: InitialState,
        error_map: Float[np.ndarray, "step n_o n_i"],
        weights: Callable[[], Sequence[np.ndarray]],
        label: str,
        choice: RuleChoice,
        receptive_units: int,
    ) -> None:
        self._start, self._error_map, self._weights_of = start, error_map, weights
        self._label, self._choice = label, choice
        self._receptive_units = receptive_units

    @property
    def receptive_units(self) -> int:
        """How many units are looked at one by one."""
        return self._receptive_units

    @cached_property
    def weights(self) -> Sequence[np.ndarray]:
        """W_1 ... W_L."""
        return self._weights_of()

    @property
    def parameters(self) -> Mapping[str, np.ndarray]:
        """All that is learned, which is the weights."""
        return {labels.weight(i): W for i, W in enumerate(self.weights, start=1)}

    @cached_property
    def backward_weights(self) -> list[np.ndarray | None]:
        """V_1 = None, V_2 ... V_L; None where the rule has none of its own at every step."""
        rule = self._choice.make()
        if not isinstance(rule, LayeredRule) or rule.stochastic:
            return [None] * len(self.weights)
        above = zip(self.weights[1:], self._start.states[self._label][1:], strict=True)
        # A fixed V has no axis of steps, which W leads with.
        drawn = (np.broadcast_to(rule.backward_weights(W, state), W.shape) for W, state in above)
        return [None, *drawn]

    @property
    def inputs(self) -> Float[np.ndarray, "sample n_i"]:
        """Inputs of the probe."""
        return self._start.probe.inputs

    @property
    def targets(self) -> Float[np.ndarray, "sample n_o"]:
        """Targets of the probe."""
        return self._start.probe.targets

    @cached_property
    def errors(self) -> Float[np.ndarray, "step sample n_o"]:
        """Errors of the outputs on the probe, e = E x."""
        return self._errors_on(self._start.probe)

    def _errors_on(self, shown: Samples) -> Float[np.ndarray, "step sample n_o"]:
        """Return y* - y on examples."""
        # Not targets - outputs, a difference of nearly equal numbers once learning is done.
        errors = shown.inputs @ self._error_map.mT
        beyond = self._start.beyond_linear_fit(shown)
        return errors if beyond is None else errors + beyond

    @cached_property
    def activities(self) -> Arrays:
        """What layers hand on."""
        return linear_activities(self.weights, self.inputs)

    @cached_property
    def signals(self) -> Arrays:
        """The rule's teaching signals."""
        *hidden, top = self.backprop_signals
        rule = self._choice.make()
        if isinstance(rule, DirectRule) and not rule.stochastic:
            trial = PassedTrial(tuple(delta.shape for delta in hidden), top, self.targets)
            states = self._start.states[self._label][:-1]
            return [*passed_signals(rule, trial, states), top]
        # The output's signal is its error, whatever the rule does below.
        if all(V is None for V in self.backward_weights):
            return [*(np.full_like(delta, np.nan) for delta in hidden), top]
        return self.signals_through(self.backward_weights)

    @cached_property
    def backprop_signals(self) -> Arrays:
        """Backprop's teaching signals."""
        return self.signals_through(self.weights)

    def signals_through(self, V: Sequence[np.ndarray | None]) -> Arrays:
        """Return the teaching signals through given V: delta_{l-1} = V_l^T delta_l."""
        signals = [self.errors]
        for back in reversed(V[1:]):
            signals.append(signals[-1] @ back)
        return signals[::-1]

    @property
    def gradients(self) -> Arrays:
        """What W_l descends under the rule."""
        return linear_gradients(self.signals, self.weights, self.inputs)

    @property
    def backprop_gradients(self) -> Arrays:
        """The gradient of the probe's loss."""
        return linear_gradients(self.backprop_signals, self.weights, self.inputs)

    @cached_property
    def held_out(self) -> Evaluation:
        """Loss and error on the examples of evaluation."""
        return self._evaluated(self._start.evaluation)

    @cached_property
    def training(self) -> Evaluation:
        """Loss and error on as many training examples, their targets with noise."""
        samples = self._start.samples
        assert samples is not None  # the quantity is not defined for online learning
        return self._evaluated(samples.first(len(self._start.evaluation)))

    def _evaluated(self, shown: Samples) -> Evaluation:
        """Return the loss on examples, and the error where targets are classes."""
        errors = self.errors if shown is self._start.probe else self._errors_on(shown)
        loss = squared_loss(errors)
        if not self._start.experiment.task.of_classes:
            return Evaluation(loss, np.full_like(loss, np.nan))
        right = np.argmax(shown.targets, axis=-1)
        wrong = np.argmax(shown.targets - errors, axis=-1) != right
        return Evaluation(loss, 100 * np.mean(wrong, axis=-1))
