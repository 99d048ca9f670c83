"""A convolutional network."""

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import field_validator

from fatheory.experiment.departure import (
    OF_UNITS,
    Departure,
    NetworkDescription,
    departures,
)
from fatheory.experiment.description import NOT_EMPTY, OR_ONE, Description, Fraction, Size
from fatheory.experiment.distribution import Distribution, EntryDistribution, Scaled, Uniform
from fatheory.experiment.functions import ActivationName, OutputName
from fatheory.experiment.normalization import BatchNormalization
from fatheory.experiment.sparsity import Sparsity
from fatheory.experiment.whole import Problem, Whole
from fatheory.rules import LayeredRule

Shape = tuple[int, ...]


class Pool(Description):
    """Neighbouring units of a channel summarised by one, on a coarser grid.

    Windows are laid as evenly as the stride allows; those at the border are cut off, so that n
    rows become ceil(n / stride).

    Attributes
    ----------
    kind : str
        ``"max"`` or ``"average"``.
    size, stride : int
        Width of the windows and their distance, in rows and columns.
    """

    kind: Literal["max", "average"] = "max"
    size: Size = 3
    stride: Size = 2


class Block(Description):
    """A convolution, what its units compute, and a pool.

    Attributes
    ----------
    channels : int
        Number of features.
    kernel : int
        Rows and columns of a kernel, an odd number. Images are continued by zeros, so that a
        convolution keeps their size.
    pool : Pool, optional
        Follows the units' function; None for none.
    """

    channels: Size
    kernel: Size = 5
    pool: Pool | None = Pool()

    @field_validator("kernel")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"a kernel has an odd number of rows, so a centre; got {value}")
        return value


class ConvolutionalNetwork(NetworkDescription):
    """Blocks of convolution and pooling, then fully connected layers.

    The default is the small network usual for CIFAR-10: 5 x 5 kernels of 32, 32 and 64 channels,
    each followed by a 3 x 3 pool of stride 2 (a maximum, then averages), 64 hidden units and the
    classes. It stands for the networks of Liao, Leibo & Poggio 2016, whose sizes the text that we
    have does not give.

    Attributes
    ----------
    blocks : tuple of Block
        The convolutional layers, the one next to the image first.
    hidden : int or tuple of int
        Widths of the fully connected hidden layers that follow.
    activation, output : str
        Function of the hidden units and of the output units. With ``"softmax"`` outputs the loss
        is the cross-entropy.
    start : Uniform, Normal or Scaled
        Distribution of the start weights of every layer; the default is He's, for ReLU units.
    biases : Uniform or Normal, optional
        Distribution of the start biases of every layer, one a channel; None for a network without
        biases.
    normalization : BatchNormalization, optional
        Of every hidden layer; None for none.
    dropout : float
        Fraction of the activities that reach a fully connected layer which is set to zero at
        every update; the others grow by 1 / (1 - dropout).
    """

    kind: Literal["convolutional"] = "convolutional"
    blocks: Annotated[tuple[Block, ...], NOT_EMPTY] = (
        Block(channels=32),
        Block(channels=32, pool=Pool(kind="average")),
        Block(channels=64, pool=Pool(kind="average")),
    )
    hidden: Annotated[tuple[Size, ...], OR_ONE] = (64,)
    activation: ActivationName = "relu"
    output: OutputName = "softmax"
    # He's gain: half of the variance is lost in ReLU units, which are the default here.
    start: Distribution = Scaled(gain=math.sqrt(2))
    # Biases of zero and not None, which would mean that units have none.
    biases: EntryDistribution | None = Uniform(bound=0.0)
    normalization: BatchNormalization | None = None
    dropout: Fraction = 0.0

    sparsity: ClassVar[Sparsity] = Sparsity()
    """No connection is missing."""

    @property
    def convolutions(self) -> int:
        """Number of convolutional layers, which come first."""
        return len(self.blocks)

    @property
    def layers(self) -> int:
        """Number of weight layers L."""
        return len(self.blocks) + len(self.hidden) + 1

    def activity_shapes(self, image: Shape, outputs: int) -> list[Shape]:
        """Return the shapes of what layers 1 to L hand on, without the axis of samples.

        Parameters
        ----------
        image : tuple of int
            Rows, columns and channels of the input.
        outputs : int
            Number of classes.
        """
        rows, columns, _ = image
        shapes: list[Shape] = []
        for block in self.blocks:
            stride = block.pool.stride if block.pool else 1
            # Rounded up: windows that run over the edge are cut off, and none is left out.
            rows, columns = -(-rows // stride), -(-columns // stride)
            shapes.append((rows, columns, block.channels))
        return [*shapes, *((n,) for n in (*self.hidden, outputs))]

    def weight_shapes(self, image: Shape, inputs: int, outputs: int) -> list[Shape]:
        """Return the shapes of W_1 ... W_L.

        Kernels have the axes (channel, channel below, row, column).
        """
        del inputs  # the image says how many there are, and how they lie
        below = [image, *self.activity_shapes(image, outputs)]
        kernels: list[Shape] = [
            (block.channels, shape[-1], block.kernel, block.kernel)
            for block, shape in zip(self.blocks, below, strict=False)
        ]
        dense = zip(below[len(kernels) :], below[len(kernels) + 1 :], strict=False)
        return [*kernels, *((n_out, math.prod(shape)) for shape, (n_out,) in dense)]

    def departures_from_linear(self) -> tuple[Departure, ...]:
        """Say in which features the network departs from a linear one, which has none."""
        return tuple(departures(self, neutral=("kind", "hidden", "start"), known=OF_UNITS))

    def conflicts(self, experiment: Whole) -> Iterator[Problem]:
        """Find what the network does not go with, by dotted key."""
        if not experiment.task.image_shape:
            yield "network.kind", "a convolutional network needs a task with images"
        for label, choice in experiment.rules:
            for layer in range(2, self.convolutions + 1):
                rule = choice.at(layer, self.layers).make()
                if isinstance(rule, LayeredRule) and not rule.entrywise:
                    yield (
                        f"rules.{label}",
                        f"{rule.name} is defined for matrices, and layer {layer} is a "
                        f"convolution; give that layer another rule",
                    )
                    # Once for a rule: the same would be said of all further convolutions.
                    break
