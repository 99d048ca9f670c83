"""Names of the functions of units."""

from typing import Literal

ActivationName = Literal["linear", "tanh", "sigmoid", "relu", "erf"]
OutputName = Literal["linear", "tanh", "sigmoid", "relu", "erf", "softmax"]
"""With softmax outputs the loss is the cross-entropy."""
