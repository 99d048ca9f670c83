"""The network that learns."""

from typing import Annotated, Literal

from fatheory.experiment.description import NOT_EMPTY, Description, Size
from fatheory.experiment.law import Law, Uniform

ActivationName = Literal["linear", "tanh", "sigmoid", "relu", "erf"]


class DenseNetwork(Description):
    """A fully connected network without biases and with a linear output layer.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers, the one next to the input first.
    activation : str
        Function of the hidden units.
    start : Uniform or Normal
        Law of the start weights of every layer.
    """

    kind: Literal["dense"] = "dense"
    hidden: Annotated[tuple[Size, ...], NOT_EMPTY]
    activation: ActivationName = "linear"
    start: Law = Uniform(bound=0.01)
