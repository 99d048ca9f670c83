"""A network of neurons that integrate their inputs and spike."""

import itertools
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fatheory.experiment.departure import Departure, NetworkDescription, departures, of_biases
from fatheory.experiment.description import NOT_EMPTY, OR_ONE, Number, Size
from fatheory.experiment.distribution import Distribution, EntryDistribution, Uniform
from fatheory.experiment.functions import ActivationName, OutputName
from fatheory.experiment.sparsity import Sparsity
from fatheory.experiment.whole import Problem, Whole
from fatheory.rules import LayeredRule

Share = Annotated[Number, Field(gt=0, le=1)]
_LARGEST_LOSS = 0.5
"""Nothing is learned by weights that lose more in a time step, and numbers stay in range below."""


class SpikingNetwork(NetworkDescription):
    """Neurons that integrate, spike and learn at every time step (Lillicrap et al. 2016, Fig. 4).

    At time step t, for synapses from neurons i of the layer below, and from neurons k of the
    layer above in the feedback path,

    - v_j <- (1 - tau) v_j + sum_i W_ji s_i + b_j, the forward potential,
    - s_j = 1 with probability sigma(v_j), else 0,
    - u_j <- (1 - tau) u_j + sum_k B_jk phi(u_k), the feedback potential of a hidden neuron,
    - u_j = y*_j - s_j of an output neuron, whose feedback neuron is an error neuron,
    - W_ji <- W_ji + eta phi(u_j) sigma'(v_j) s_i, and b_j alike with s_i = 1,

    with sigma the logistic function and phi = 2 sigma - 1. The paper calls phi "a simple sigmoidal
    function centred on 0"; of the simplest two this one hands signals from layer to layer at about
    their size with the paper's B, and lets its network learn at its learning rate, which
    sigma - 1/2 did not within 8,000 images. All of it happens in every time step, and nothing is
    reset between images. An image's pixels are the probabilities of input
    spikes. Several neurons stand for a class, each with the class's target; the answer is the
    class whose neurons are most active while the image is shown. Weights and biases decay alike.

    Attributes
    ----------
    hidden : int or tuple of int
        Widths of the hidden layers, the one next to the input first.
    group : int
        Output neurons of a class; consecutive ones belong to the same class.
    leak : float
        tau, in (0, 1]: the share of a potential that is lost in a time step.
    integration : str
        ``"leaky"`` as above, for forward and feedback potentials; ``"average"``, an exponential
        moving average: what is added is multiplied by tau. The text of the paper that we have
        lacks its equation; the leaky form is assumed.
    steps_per_image : int
        Time steps for which an image is shown.
    ceiling : float
        Largest probability of an input spike, in (0, 1].
    spikes : str
        ``"stochastic"``; or ``"expected"``, without noise: activities are the probabilities.
    start : Uniform, Normal or Scaled
        Distribution of the start weights of every layer.
    biases : Uniform or Normal, optional
        Distribution of the start biases of every layer; None for a network without biases.
    """

    kind: Literal["spiking"] = "spiking"
    hidden: Annotated[tuple[Size, ...], NOT_EMPTY, OR_ONE] = (1500, 1500, 1500)
    group: Size = 100
    leak: Share = 0.9
    integration: Literal["leaky", "average"] = "leaky"
    steps_per_image: Size = 5
    ceiling: Share = 0.95
    spikes: Literal["stochastic", "expected"] = "stochastic"
    start: Distribution = Uniform(bound=0.05)
    biases: EntryDistribution | None = Uniform(bound=0.0)

    # No fields: they follow from how neurons spike, and other rooms ask every network for them.
    activation: ClassVar[ActivationName] = "sigmoid"
    output: ClassVar[OutputName] = "sigmoid"
    convolutions: ClassVar[int] = 0
    sparsity: ClassVar[Sparsity] = Sparsity()
    normalization: ClassVar[None] = None
    dropout: ClassVar[float] = 0.0

    @property
    def layers(self) -> int:
        """Number of weight layers L."""
        return len(self.hidden) + 1

    def activity_shapes(self, image: tuple[int, ...], outputs: int) -> list[tuple[int, ...]]:
        """Return the shapes of what layers 1 to L hand on; `outputs` counts classes."""
        del image
        return [(n,) for n in (*self.hidden, outputs * self.group)]

    def weight_shapes(
        self, image: tuple[int, ...], inputs: int, outputs: int
    ) -> list[tuple[int, ...]]:
        """Return the shapes of W_1 ... W_L; `outputs` counts classes."""
        del image
        sizes = (inputs, *self.hidden, outputs * self.group)
        return [(n_out, n_in) for n_in, n_out in itertools.pairwise(sizes)]

    def departures_from_linear(self) -> tuple[Departure, ...]:
        """Say in which features the network departs from a linear one."""
        # What these fields say is part of how neurons spike, and known to whoever knows that.
        of_spikes = ("hidden", "group", "leak", "integration", "steps_per_image", "ceiling")
        neutral = ("kind", "start", "spikes", *of_spikes)
        cure = "describe a linear network, of kind 'dense'"
        return (
            Departure("spikes", "the network is spiking", cure),
            *departures(self, neutral, {"biases": of_biases}),
        )

    def conflicts(self, experiment: Whole) -> Iterator[Problem]:
        """Find what the network does not go with, by dotted key."""
        task, update = experiment.task, experiment.update
        if not task.of_classes:
            yield "network.kind", "a spiking network needs a task with classes (images)"
        elif task.outside_unit_interval is not None:
            where, why = task.outside_unit_interval
            yield where, f"{task.input_name} are probabilities of spikes, so they {why}"
        own = {"momentum": update.momentum, "manhattan": update.manhattan}
        if update.optimizer != "sgd":
            why = f"a spiking network learns by its own rule: 'sgd'; got {update.optimizer!r}"
            yield "update.optimizer", why
        for key, value in own.items():
            if value:
                yield f"update.{key}", f"a spiking network learns by its own rule: 0; got {value}"
        for label, choice in experiment.rules:
            rule = choice.make()
            if not isinstance(rule, LayeredRule) or rule.adaptive:
                yield (
                    f"rules.{label}",
                    f"a spiking network sends errors back layer by layer, through feedback that "
                    f"does not learn; {rule.name} does not",
                )
            for key, usual in (("slopes", "transmitted"), ("derivative", "exact")):
                if getattr(choice, key) != usual:
                    yield (
                        f"rules.{label}.{key}",
                        "spiking neurons use the exact slope, each for its own plasticity, and "
                        f"transmit none: leave {key} out",
                    )
            if choice.learning_rate * update.weight_decay >= _LARGEST_LOSS:
                yield (
                    f"rules.{label}.learning_rate",
                    f"learning rate x weight decay is what weights lose in a time step, below "
                    f"{_LARGEST_LOSS}; got {choice.learning_rate:g} x {update.weight_decay:g}",
                )
