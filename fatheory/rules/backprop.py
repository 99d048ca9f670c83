"""Backpropagation: W itself."""

from dataclasses import dataclass

from fatheory.arrays import Array
from fatheory.rules.rule import LayeredRule


@dataclass(frozen=True)
class Backprop(LayeredRule):
    """V = W: errors return through the transposed forward weights (Rumelhart et al. 1986)."""

    name = "backprop"
    summary = "V = W: errors return through the transposed forward weights"
    source = "Rumelhart, Hinton & Williams 1986"
    display_name = "backprop"
    # Black, as the reference that others are seen against.
    colour = "#000000"

    @staticmethod
    def backward_weights(W: Array, state: Array | None) -> Array:
        """Return W."""
        del state
        return W
