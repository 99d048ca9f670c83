"""A network under a rule, as far as quantities may look at it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, NoReturn

from jaxtyping import Float

from fatheory.arrays import Array
from fatheory.errors import NotOfferedError, QuantityError
from fatheory.quantities.need import Need

PerLayer = Sequence[Float[Array, "..."]]
"""One array for each of the layers 1 ... L."""
Backward = Sequence[Float[Array, "..."] | None]
"""One array for each of the layers 1 ... L, or None: layer 1 sends nothing back."""


PROPERTIES = {
    "weights": Need.WEIGHTS,
    "backward_weights": Need.BACKWARD_WEIGHTS,
    "parameters": Need.PARAMETERS,
    "inputs": Need.EXAMPLES,
    "targets": Need.EXAMPLES,
    "activities": Need.ACTIVITIES,
    "signals": Need.SIGNALS,
    "backprop_signals": Need.SIGNALS,
    "gradients": Need.GRADIENTS,
    "backprop_gradients": Need.GRADIENTS,
    "spiking": Need.SPIKES,
    "held_out": Need.HELD_OUT,
    "training": Need.TRAINING,
}
"""What properties of a view need."""


class Evaluation(NamedTuple):
    """How well networks answer examples.

    Attributes
    ----------
    loss : array of shape (*runs,)
        Mean over the examples.
    error : array of shape (*runs,)
        Percentage of examples whose largest output is not the target's; meaningless where targets
        are not classes.
    """

    loss: Float[Array, "*runs"]
    error: Float[Array, "*runs"]


class Spiking(NamedTuple):
    """What neurons of layers 1 to L do while the probe's images are shown one after another.

    Attributes
    ----------
    rates : array of shape (*runs, layer)
        Spikes per neuron and time step.
    potentials, spikes, modulators : arrays of shape (*runs, layer, traced_unit, time_step)
        Of the first `View.receptive_units` neurons of every layer.
    """

    rates: Float[Array, "*runs layer"]
    potentials: Float[Array, "*runs layer traced_unit time_step"]
    spikes: Float[Array, "*runs layer traced_unit time_step"]
    modulators: Float[Array, "*runs layer traced_unit time_step"]


class View:
    """What a reader offers of networks under their rules, for `Quantity.compute` to look at.

    Subclass it and override what the reader can offer: ``train`` does within a compiled program,
    ``theory`` along a trajectory, ``metrics`` over an archive. The leading axes ``*runs`` of all
    arrays are the reader's and stand first: none for one network, (step,) along a trajectory,
    (rule, seed, step) over an archive. Arrays are NumPy's or JAX's. What is not defined for a rule
    is NaN of the usual shape: V of a rule that has none, signals of a rule that are random given
    weights and data where only their mean is known. A property that is not overridden raises
    `fatheory.errors.NotOfferedError`, and `offers` says beforehand which those are.
    """

    source: ClassVar[str] = "this view"
    """Who looks, for messages."""
    offers: ClassVar[frozenset[Need]] = frozenset()
    """What is overridden."""

    def _lacks(self, need: Need) -> NoReturn:
        raise NotOfferedError(self.source, need)

    @property
    def receptive_units(self) -> int:
        """How many units' receptive fields and traces are looked at."""
        raise NotImplementedError("a view says how many units' receptive fields are looked at")

    @property
    def weights(self) -> PerLayer:
        """W_1 ... W_L, of shape (*runs, unit_l, unit_{l-1}).

        Kernels are flattened to a row for every channel: (*runs, channel_l, entry).
        """
        self._lacks(Need.WEIGHTS)

    @property
    def backward_weights(self) -> Backward:
        """V_1 ... V_L of the shapes of the weights; V_1 is None, and all are for direct rules."""
        self._lacks(Need.BACKWARD_WEIGHTS)

    @property
    def parameters(self) -> Mapping[str, Array]:
        """All that is learned, by the archive's names, such as ``weight_1`` and ``bias_1``."""
        self._lacks(Need.PARAMETERS)

    @property
    def inputs(self) -> Float[Array, "... sample n_i"]:
        """Inputs of the probe, x."""
        self._lacks(Need.EXAMPLES)

    @property
    def targets(self) -> Float[Array, "... sample n_o"]:
        """Targets of the probe without noise, y*."""
        self._lacks(Need.EXAMPLES)

    @property
    def activities(self) -> PerLayer:
        """What layers 1 to L hand on, of shape (*runs, sample, unit_l); the last is the output."""
        self._lacks(Need.ACTIVITIES)

    @property
    def signals(self) -> PerLayer:
        """The rule's teaching signals delta_1 ... delta_L, of shape (*runs, sample, unit_l)."""
        self._lacks(Need.SIGNALS)

    @property
    def backprop_signals(self) -> PerLayer:
        """Backprop's teaching signals with the same weights."""
        self._lacks(Need.SIGNALS)

    def signals_through(self, V: Backward) -> PerLayer:
        """Return the teaching signals that travel through given V_1 = None, V_2 ... V_L.

        Of networks whose weights are all matrices.
        """
        del V
        self._lacks(Need.SIGNALS)

    @property
    def gradients(self) -> PerLayer:
        """What W_l descends under the rule on the probe as a batch, of the shapes of `weights`."""
        self._lacks(Need.GRADIENTS)

    @property
    def backprop_gradients(self) -> PerLayer:
        """The gradient of the probe's loss."""
        self._lacks(Need.GRADIENTS)

    @property
    def spiking(self) -> Spiking:
        """What neurons do while the probe is shown."""
        self._lacks(Need.SPIKES)

    @property
    def held_out(self) -> Evaluation:
        """Loss and error on the examples of evaluation."""
        self._lacks(Need.HELD_OUT)

    @property
    def training(self) -> Evaluation:
        """Loss and error on as many training examples as there are to evaluate on."""
        self._lacks(Need.TRAINING)


class Narrowed(View):
    """A view through which a quantity sees what it declares to need, and nothing else.

    What a reader does not have is then known before it reads, and not once in a while.

    Parameters
    ----------
    view : View
        What there is.
    needs : set of Need
        What is declared.
    owner : str
        Who declares it, for messages.
    """

    def __init__(self, view: View, needs: frozenset[Need], owner: str) -> None:
        self._view, self._needs, self._owner = view, needs, owner

    def _of(self, need: Need) -> View:
        if need not in self._needs:
            raise QuantityError(
                f"{self._owner} looks at {need}, which it does not declare to need (declared: "
                f"{', '.join(sorted(self._needs)) or 'nothing'}); add it to its needs"
            )
        return self._view

    @property
    def receptive_units(self) -> int:
        """How many units' receptive fields and traces are looked at."""
        return self._view.receptive_units

    @property
    def weights(self) -> PerLayer:
        """W_1 ... W_L."""
        return self._of(Need.WEIGHTS).weights

    @property
    def backward_weights(self) -> Backward:
        """V_1 = None, V_2 ... V_L."""
        return self._of(Need.BACKWARD_WEIGHTS).backward_weights

    @property
    def parameters(self) -> Mapping[str, Array]:
        """All that is learned."""
        return self._of(Need.PARAMETERS).parameters

    @property
    def inputs(self) -> Float[Array, "... sample n_i"]:
        """Inputs of the probe."""
        return self._of(Need.EXAMPLES).inputs

    @property
    def targets(self) -> Float[Array, "... sample n_o"]:
        """Targets of the probe."""
        return self._of(Need.EXAMPLES).targets

    @property
    def activities(self) -> PerLayer:
        """What layers hand on."""
        return self._of(Need.ACTIVITIES).activities

    @property
    def signals(self) -> PerLayer:
        """The rule's teaching signals."""
        return self._of(Need.SIGNALS).signals

    @property
    def backprop_signals(self) -> PerLayer:
        """Backprop's teaching signals."""
        return self._of(Need.SIGNALS).backprop_signals

    def signals_through(self, V: Backward) -> PerLayer:
        """Return the teaching signals through given V."""
        return self._of(Need.SIGNALS).signals_through(V)

    @property
    def gradients(self) -> PerLayer:
        """What W_l descends under the rule."""
        return self._of(Need.GRADIENTS).gradients

    @property
    def backprop_gradients(self) -> PerLayer:
        """The gradient of the probe's loss."""
        return self._of(Need.GRADIENTS).backprop_gradients

    @property
    def spiking(self) -> Spiking:
        """What neurons do."""
        return self._of(Need.SPIKES).spiking

    @property
    def held_out(self) -> Evaluation:
        """Loss and error on the examples of evaluation."""
        return self._of(Need.HELD_OUT).held_out

    @property
    def training(self) -> Evaluation:
        """Loss and error on training examples."""
        return self._of(Need.TRAINING).training
