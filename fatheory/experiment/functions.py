"""Names of the functions of units, and of what learning makes of their slopes."""

from typing import Literal

ActivationName = Literal["linear", "tanh", "sigmoid", "relu", "erf"]
OutputName = Literal["linear", "tanh", "sigmoid", "relu", "erf", "softmax"]
"""With softmax outputs the loss is the cross-entropy."""
Slopes = Literal["transmitted", "local"]
"""Whether a signal is multiplied by the slopes of the units that it passes."""
Derivative = Literal["exact", "one", "step", "triangle"]
"""What stands in for the derivative of sigmoid and tanh units."""
