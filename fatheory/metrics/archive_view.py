"""The one door to archives: what metrics read of them, by label, in whatever order it stands."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive.axes import without_axis
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment, LinearTask, RuleChoice
from fatheory.experiment.departure import Departure
from fatheory.geometry import linear_activities, linear_gradients, linear_signals
from fatheory.quantities import Evaluation, Need, Spiking, View, dimension_sizes, find_quantity
from fatheory.rules import LayeredRule
from fatheory.rules.drawing import has_state

RUN = (labels.RULE, labels.SEED, labels.STEP)
_Named = Callable[[int], str]

NEUTRAL = frozenset({"sparsity.forward", "sparsity.feedback", "dropout"})
"""Departures from the linear case with which signals still follow from weights alone: what is
missing is zero, and nothing is dropped while signals are measured."""


class ArchiveView(View):
    """A run archive as metrics see it: arrays of known axes, whatever was done to the archive.

    Rules are found by their labels in the experiment, feedback by rule, axes by name. So an
    archive may be transposed, permuted, put together again from parts, or be a selection of rules,
    seeds, steps or layers, single ones included: equal labels have equal values. What a selection
    has made unknowable is refused.

    Parameters
    ----------
    archive : Dataset
        A run archive of either source, or what was selected from one.

    Raises
    ------
    ArchiveError
        If something is asked of it that it does not hold.
    """

    source = "an archive"
    offers = frozenset(Need)

    def __init__(self, archive: xr.Dataset) -> None:
        self._archive = archive

    @cached_property
    def experiment(self) -> Experiment:
        """The experiment that the archive answers."""
        if labels.ATTR_EXPERIMENT not in self._archive.attrs:
            raise ArchiveError(
                f"the dataset has no attribute {labels.ATTR_EXPERIMENT!r}; metrics read run "
                f"archives, as fatheory.simulate, fatheory.solve and fatheory.load return them; of "
                f"sweeps, cell by cell: fatheory.sweep.over_cells(fatheory.metrics.angle, sweep)"
            )
        return Experiment.from_json(self._archive.attrs[labels.ATTR_EXPERIMENT])

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """Labels along the axis of rules.

        Raises
        ------
        ArchiveError
            If the archive does not say, or names a rule that its experiment does not have.
        """
        known = self.experiment.rule_labels
        if labels.RULE in self._archive.coords:
            found = tuple(map(str, np.atleast_1d(self._archive[labels.RULE].values)))
        elif labels.RULE not in self._archive.dims and len(known) == 1:
            found = known
        else:
            raise ArchiveError(
                f"the archive does not say of which rules it is (its experiment has "
                f"{', '.join(known)}); keep the labels, as archive.sel(rule='{known[0]}') does"
            )
        strange = sorted(set(found) - set(known))
        if strange:
            raise ArchiveError(
                f"the archive has the rules {', '.join(strange)}, which its experiment does not "
                f"describe (it has {', '.join(known)}); rules are found by their labels: give them "
                f"those of the experiment, and new names to results only"
            )
        return found

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers that the archive speaks of, as a selection left them.

        Raises
        ------
        ArchiveError
            If it does not say, or names a layer that its experiment does not have.
        """
        known = range(1, self.experiment.layers + 1)
        coordinate = self._archive.coords.get(labels.LAYER)
        found = [] if coordinate is None else np.atleast_1d(coordinate.values).tolist()
        if coordinate is None or not set(found) <= set(known):
            raise ArchiveError(
                f"the archive has the layers {found} and its experiment {list(known)}; keep the "
                f"labels of layers, as archive.sel(layer=1) does"
            )
        return tuple(found)

    @property
    def steps(self) -> np.ndarray:
        """Labels along the axis of steps.

        Raises
        ------
        ArchiveError
            If the archive does not say.
        """
        if labels.STEP not in self._archive.coords:
            raise ArchiveError(
                f"the archive does not say which steps it is of; it has the coordinates "
                f"{', '.join(map(str, self._archive.coords))}"
            )
        return np.atleast_1d(self._archive[labels.STEP].values)

    def __contains__(self, name: str) -> bool:
        return name in self._archive

    def choice(self, label: str) -> RuleChoice:
        """Return how the experiment describes the rule of a label."""
        return dict(self.experiment.rules)[label]

    def variable(self, name: str, quantity: str | None = None) -> xr.DataArray:
        """Return a variable with its axes in the order of archives.

        Axes of runs that a selection took away stay away; others that concatenation has added are
        there no more where nothing varies along them.

        Parameters
        ----------
        name : str
            An archive name.
        quantity : str, optional
            What to record to have it, where that is not its name.

        Raises
        ------
        ArchiveError
            If it was not recorded, varies along an axis that it does not have, or lacks part of
            an axis over which metrics sum.
        """
        if name not in self._archive:
            raise ArchiveError(
                f"the archive has no {name!r}; add {quantity or name!r} to the experiment's "
                f"record.quantities (recorded: "
                f"{', '.join(sorted(map(str, self._archive.data_vars)))})"
            )
        values = self._archive[name]
        dims = labels.output_dims(labels.variable(name).dims, self.experiment.layers)
        own = (*RUN, *(dim for dim in dims if dim not in RUN))
        for dim in [dim for dim in values.dims if dim not in own]:
            values = without_axis(values, str(dim))
        self._require_whole(name, values, [dim for dim in dims if dim not in RUN])
        return values.transpose(*(dim for dim in own if dim in values.dims))

    def _require_whole(self, name: str, values: xr.DataArray, dims: Sequence[str]) -> None:
        expected = dimension_sizes(self.experiment)
        for dim in dims:
            found = values.sizes.get(dim, 1)
            if dim == labels.LAYER:
                continue
            if dim not in values.dims or found != expected.get(dim, found):
                raise ArchiveError(
                    f"{name!r} has {found} of {expected.get(dim, 'the')} entries along {dim!r}, "
                    f"which a selection took away; compute first and select then"
                )

    def array(self, name: str, quantity: str | None = None) -> np.ndarray:
        """Return a variable's values, with the axes (rule, seed, step) first.

        An axis is of length 1 where the variable does not have it.
        """
        values = self.variable(name, quantity)
        missing = [axis for axis, dim in enumerate(RUN) if dim not in values.dims]
        return np.expand_dims(values.values, missing)

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
        return self._recorded_signals(labels.teaching_signal) or self.signals_through(
            self.backward_weights
        )

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
        if "training_error" not in self:
            self._lacks(Need.TRAINING)
        return Evaluation(self.array("training_loss"), self.array("training_error"))

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
        asked = self.experiment
        departures = asked.network.departures_from_linear()
        differences = [told(own) for own in departures if own.feature not in NEUTRAL]
        if not isinstance(asked.task, LinearTask):
            differences.append(f"the task is of kind {asked.task.kind!r}")
        if differences:
            raise ArchiveError(
                f"{what} follow from the weights alone where network and task are linear; here, "
                f"{', '.join(differences)}: add {quantities} to the experiment's record.quantities"
            )

    def labelled(
        self, name: str, values: np.ndarray, dims: tuple[str, ...], **attrs: str
    ) -> xr.DataArray:
        """Return values as a named DataArray with the archive's coordinates along `dims`.

        Parameters
        ----------
        name : str
            Of the result.
        values : array
            Along (rule, seed, step) first, of length 1 where a selection took the axis away. An
            axis of layers holds all of 1 ... L; those of the archive are kept.
        dims : tuple of str
            Names of all axes.
        **attrs : str
            Attributes.
        """
        kept = []
        # From the last axis on: taking one moves none of those still to come.
        for axis, dim in reversed(list(enumerate(dims))):
            if dim in RUN and dim not in self._archive.dims:
                values = np.take(values, 0, axis)
            elif dim == labels.LAYER:
                places = [layer - 1 for layer in self.layers]
                scalar = labels.LAYER not in self._archive.dims
                values = np.take(values, places[0] if scalar else places, axis)
                kept += [] if scalar else [dim]
            else:
                kept.append(dim)
        coords = {
            key: coordinate
            for key, coordinate in self._archive.coords.items()
            if set(coordinate.dims) <= set(kept)
        }
        return xr.DataArray(values, coords, kept[::-1], name, attrs)


def told(departure: Departure) -> str:
    """Say how a network departs from a linear one, within a list."""
    return departure.what.replace("'", "")


def _flattened(kernels: np.ndarray) -> np.ndarray:
    """Make matrices (..., channel, entry) of kernels."""
    return kernels.reshape(*kernels.shape[:-3], -1)
