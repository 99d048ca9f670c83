"""The one door to archives: what metrics read of them, as views of quantities."""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property

import numpy as np

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.experiment import LinearTask
from fatheory.experiment.departure import Departure
from fatheory.geometry import linear_activities, linear_gradients, linear_signals
from fatheory.metrics.labelled_archive import LabelledArchive
from fatheory.quantities import Evaluation, Need, Spiking, View, find_quantity
from fatheory.rules import DirectRule, LayeredRule, Rule
from fatheory.rules.drawing import PassedTrial, has_state, passed_signals

_Named = Callable[[int], str]

NEUTRAL = frozenset({"sparsity.forward", "sparsity.feedback", "dropout"})
"""Departures from the linear case with which signals still follow from weights alone: what is
missing is zero, and nothing is dropped while signals are measured."""


class ArchiveView(LabelledArchive, View):
    """A run archive as metrics and quantities see it: read by label, feedback by rule.

    What was not recorded follows from the weights where network and task are linear, and is
    refused elsewhere.
    """

    source = "an archive"
    offers = frozenset(Need)

    @cached_property
    def weights(self) -> list[np.ndarray]:
        """W_1 ... W_L of shape (rule, seed, step, unit_l, unit_{l-1}).

        Kernels are flattened to a row for every channel.
        """
        convolutions = self.experiment.network.convolutions
        return [
            _flattened(self.array(labels.kernel(layer), "weights"))
            if layer <= convolutions
            else self.array(labels.weight(layer), "weights")
            for layer in range(1, self.experiment.layers + 1)
        ]

    @cached_property
    def backward_weights(self) -> list[np.ndarray | None]:
        """None, V_2 ... V_L of the shapes of the weights.

        NaN for rules without V (node perturbation, direct feedback alignment), with a random one
        (brsf), or with one that learns and is not stored (Kolen-Pollack, weight mirror).
        """
        weights = self.weights
        answer: list[np.ndarray | None] = [None]
        for layer, W in enumerate(weights[1:], start=2):
            V = np.full_like(W, np.nan)
            for i, label in enumerate(self.rules):
                rule = self.choice(label).at(layer, len(weights)).make()
                if isinstance(rule, LayeredRule) and not (rule.stochastic or rule.adaptive):
                    V[i] = rule.backward_weights(W[i], self.drawn(rule, layer, i))
            answer.append(V)
        return answer

    def drawn(self, rule: LayeredRule, layer: int, place: int) -> np.ndarray | None:
        """Return what a rule drew for a layer, (seed, 1, unit_l, unit_{l-1}).

        None for a rule that draws nothing.

        Parameters
        ----------
        rule : LayeredRule
            The rule of that layer.
        layer : int
            Which layer.
        place : int
            Where the rule stands in `rules`.
        """
        # An archive holds feedback if one of its rules drew any.
        if not has_state(rule, self.experiment.weight_shapes[layer - 1]):
            return None
        convolutional = layer <= self.experiment.network.convolutions
        name = labels.feedback_kernel(layer) if convolutional else labels.feedback(layer)
        if name not in self:
            raise ArchiveError(
                f"the archive has no {name!r}, which the rule {rule.name!r} draws; it was taken "
                f"away: read the archive that simulate, solve or load returned"
            )
        state = self.array(name)[place]
        return _flattened(state) if convolutional else np.swapaxes(state, -1, -2)

    @cached_property
    def signals(self) -> list[np.ndarray]:
        """The rule's teaching signals of layers 1 ... L, (rule, seed, step, sample, unit_l).

        As recorded, or from the recorded weights where network and task are linear.
        """
        recorded = self._recorded_signals(labels.teaching_signal)
        if recorded is not None:
            return recorded
        signals = self.signals_through(self.backward_weights)
        for i, label in enumerate(self.rules):
            rule = self.choice(label).make()
            if isinstance(rule, DirectRule) and not rule.stochastic:
                # Of hidden layers only: the output's signal is its error, whatever the rule.
                hidden = self._direct_signals(rule, signals, i)
                for delta, own in zip(signals[:-1], hidden, strict=True):
                    delta[i] = own
        return signals

    def _direct_signals(
        self, rule: DirectRule, signals: list[np.ndarray], place: int
    ) -> tuple[np.ndarray, ...]:
        """Return the signals of hidden layers that a rule without V and chance gives them."""
        shapes = tuple(delta[place].shape for delta in signals[:-1])
        states = [
            np.swapaxes(self.array(name)[place], -1, -2) if name in self else None
            for name in map(labels.direct_feedback, range(1, len(signals)))
        ]
        # Examples are shared by all rules, so their first axis is of length 1.
        trial = PassedTrial(shapes, signals[-1][place], self.targets[0])
        return passed_signals(rule, trial, states)

    def gaps(self, needs: Collection[Need]) -> str:
        """Say of which rules it holds nothing that a quantity of these needs follows from, and why.

        Empty where it does of all rules.
        """
        through = Need.BACKWARD_WEIGHTS in needs
        recorded = labels.teaching_signal(1) in self
        if not through and (recorded or not {Need.SIGNALS, Need.GRADIENTS} & set(needs)):
            return ""
        reasons = {label: _lacking(self.choice(label).make(), through) for label in self.rules}
        return "; ".join(f"NaN for {label}, {why}" for label, why in reasons.items() if why)

    @cached_property
    def backprop_signals(self) -> list[np.ndarray]:
        """Backprop's teaching signals with the same weights."""
        return self._recorded_signals(labels.backprop_signal) or self.signals_through(self.weights)

    def _recorded_signals(self, named: _Named) -> list[np.ndarray] | None:
        if labels.teaching_signal(1) not in self:
            self.require_linear("teaching signals", "'teaching_signals'")
            return None
        layers = range(1, self.experiment.layers + 1)
        return [self.array(named(layer), "teaching_signals") for layer in layers]

    def signals_through(self, V: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        """Return the teaching signals that travel through given V_1 ... V_L in a linear network."""
        self.require_linear("teaching signals", "the quantity itself")
        return linear_signals(self.weights, V, self.array(labels.TARGET_MAP), self.inputs)

    @cached_property
    def inputs(self) -> np.ndarray:
        """Inputs of the probe, (1, seed, 1, sample, unit_0)."""
        return self._drawn(labels.PROBE_INPUT)

    @cached_property
    def targets(self) -> np.ndarray:
        """Targets of the probe, (1, seed, 1, sample, unit_L)."""
        return self._drawn(labels.PROBE_TARGET)

    def _drawn(self, name: str) -> np.ndarray:
        # Images are not stored again: the experiment names them.
        return self.array(name) if name in self else self._lacks(Need.EXAMPLES)

    @property
    def receptive_units(self) -> int:
        """How many units are looked at one by one."""
        return self.experiment.record.receptive_units

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """All that is learned, by name."""
        # Asked of the quantity, which knows what a network of this kind learns.
        names = find_quantity("weights").names(self.experiment)
        return {name: self.array(name, "weights") for name in names}

    @cached_property
    def activities(self) -> list[np.ndarray]:
        """What layers of a linear network hand on, on the probe."""
        self.require_linear("activities", "the quantity itself")
        return linear_activities(self.weights, self.inputs)

    @cached_property
    def gradients(self) -> list[np.ndarray]:
        """What W_l of a linear network descends under its rule, on the probe."""
        return self._gradients(self.signals)

    @cached_property
    def backprop_gradients(self) -> list[np.ndarray]:
        """The gradient of the probe's loss of a linear network."""
        return self._gradients(self.backprop_signals)

    def _gradients(self, signals: list[np.ndarray]) -> list[np.ndarray]:
        self.require_linear("gradients", "the quantity itself")
        return linear_gradients(signals, self.weights, self.inputs)

    @property
    def held_out(self) -> Evaluation:
        """Loss and error as they were recorded; no error where targets are no classes."""
        loss, error = self.array(labels.LOSS), "classification_error"
        if error in self:
            return Evaluation(loss, self.array(error))
        if self.experiment.task.of_classes:
            self._lacks(Need.HELD_OUT)
        return Evaluation(loss, np.full_like(loss, np.nan))

    @property
    def training(self) -> Evaluation:
        """Loss and error on training examples as they were recorded."""
        if "training_loss" not in self:
            self._lacks(Need.TRAINING)
        loss, error = self.array("training_loss"), "training_error"
        # Where the loss alone was recorded, no error is known.
        return Evaluation(loss, self.array(error) if error in self else np.full_like(loss, np.nan))

    @property
    def spiking(self) -> Spiking:
        """What neurons did, as it was recorded."""
        names = ("firing_rate", "potential", "spikes", "modulator")
        if not all(name in self for name in names):
            self._lacks(Need.SPIKES)
        return Spiking(*(self.array(name) for name in names))

    def require_linear(self, what: str, quantities: str) -> None:
        """Refuse what follows from the weights alone in linear networks on linear tasks only.

        Parameters
        ----------
        what : str
            What was asked for.
        quantities : str
            What to record instead.

        Raises
        ------
        ArchiveError
            If the network departs from a linear one in more than is known to change nothing, or
            the task is not linear.
        """
        experiment = self.experiment
        departures = experiment.network.departures_from_linear()
        differences = [told(own) for own in departures if own.feature not in NEUTRAL]
        if not isinstance(experiment.task, LinearTask):
            differences.append(f"the task is of kind {experiment.task.kind!r}")
        if differences:
            raise ArchiveError(
                f"{what} follow from the weights alone where network and task are linear; here, "
                f"{', '.join(differences)}: add {quantities} to the experiment's record.quantities"
            )


def _lacking(rule: Rule, through: bool) -> str:
    """Say what archives hold no V, or else no signals, of a rule for; empty if they do."""
    if isinstance(rule, DirectRule) and through:
        return "whose signals pass through no V"
    if rule.stochastic:
        return f"whose {'V is' if through else 'signals are'} drawn anew at every update"
    return "whose V learns and is not stored" if rule.adaptive else ""


def told(departure: Departure) -> str:
    """Say how a network departs from a linear one, within a list."""
    return departure.what.replace("'", "")


def _flattened(kernels: np.ndarray) -> np.ndarray:
    """Make matrices (..., channel, entry) of kernels."""
    return kernels.reshape(*kernels.shape[:-3], -1)
