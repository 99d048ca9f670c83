"""The network that learns."""

import itertools
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from fatheory.experiment.convolutional import ConvolutionalNetwork
from fatheory.experiment.departure import (
    OF_UNITS,
    Departure,
    NetworkDescription,
    departures,
)
from fatheory.experiment.description import NOT_EMPTY, OR_ONE, Fraction, Size, of_its_kind
from fatheory.experiment.distribution import Distribution, EntryDistribution, Uniform
from fatheory.experiment.functions import ActivationName, OutputName
from fatheory.experiment.normalization import BatchNormalization
from fatheory.experiment.sparsity import Sparsity
from fatheory.experiment.spiking import SpikingNetwork


class DenseNetwork(NetworkDescription):
    """A fully connected network.

    Attributes
    ----------
    hidden : int or tuple of int
        Widths of the hidden layers, the one next to the input first.
    activation, output : str
        Function of the hidden units and of the output units. With ``"softmax"`` outputs, which
        need a task with classes, the loss is the cross-entropy.
    start : Uniform, Normal or Scaled
        Distribution of the start weights of every layer.
    biases : Uniform or Normal, optional
        Distribution of the start biases of every layer; None for a network without biases.
    sparsity : Sparsity
        Connections that are missing.
    normalization : BatchNormalization, optional
        Of every hidden layer; None for none.
    dropout : float
        Fraction of the hidden activities that is set to zero at every update; the others grow by
        1 / (1 - dropout).
    """

    kind: Literal["dense"] = "dense"
    hidden: Annotated[tuple[Size, ...], NOT_EMPTY, OR_ONE]
    activation: ActivationName = "linear"
    output: OutputName = "linear"
    # Start weights of L16's Fig. 2.
    start: Distribution = Uniform(bound=0.01)
    biases: EntryDistribution | None = None
    sparsity: Sparsity = Sparsity()
    normalization: BatchNormalization | None = None
    dropout: Fraction = 0.0

    convolutions: ClassVar[int] = 0
    """Number of convolutional layers, which come first."""

    @property
    def layers(self) -> int:
        """Number of weight layers L."""
        return len(self.hidden) + 1

    def activity_shapes(self, image: tuple[int, ...], outputs: int) -> list[tuple[int, ...]]:
        """Return the shapes of what layers 1 to L hand on, without the axis of samples."""
        del image
        return [(n,) for n in (*self.hidden, outputs)]

    def weight_shapes(
        self, image: tuple[int, ...], inputs: int, outputs: int
    ) -> list[tuple[int, ...]]:
        """Return the shapes of W_1 ... W_L."""
        del image
        sizes = (inputs, *self.hidden, outputs)
        return [(n_out, n_in) for n_in, n_out in itertools.pairwise(sizes)]

    def departures_from_linear(self) -> tuple[Departure, ...]:
        """Say in which features the network departs from a linear one, which has none."""
        reported = {**OF_UNITS, "sparsity": self._missing}
        return tuple(departures(self, neutral=("kind", "hidden", "start"), known=reported))

    def _missing(self, sparsity: Sparsity) -> Iterator[Departure]:
        removed = [sparsity.removed(layer) for layer in range(1, self.layers + 1)]
        for name, lost in zip(("forward", "feedback"), zip(*removed, strict=True), strict=True):
            if any(lost):
                yield Departure(
                    f"sparsity.{name}",
                    f"connections are missing ({name} {getattr(sparsity, name):g})",
                    "set network.sparsity to {}",
                )


Network = Annotated[
    DenseNetwork | ConvolutionalNetwork | SpikingNetwork,
    BeforeValidator(
        of_its_kind(
            "network",
            {
                "dense": DenseNetwork,
                "convolutional": ConvolutionalNetwork,
                "spiking": SpikingNetwork,
            },
            "dense",
        )
    ),
]
