"""What the units of a network compute from their sums."""

from typing import NamedTuple

from fatheory.networks.activations import ACTIVATIONS, Activation


class Units(NamedTuple):
    """Functions of the hidden units and of the output units.

    Attributes
    ----------
    hidden, output : callable
        From sums to activities, entry by entry.
    """

    hidden: Activation
    output: Activation

    @classmethod
    def named(cls, hidden: str, output: str = "linear") -> "Units":
        """Return the functions by the names of `ACTIVATIONS`."""
        return cls(ACTIVATIONS[hidden], ACTIVATIONS[output])
