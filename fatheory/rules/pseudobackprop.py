"""Pseudobackprop: the pseudoinverse of W."""

from dataclasses import dataclass
from typing import ClassVar

from fatheory.arrays import Array, namespace
from fatheory.geometry import pseudoinverse
from fatheory.rules.rule import LayeredRule


@dataclass(frozen=True)
class Pseudobackprop(LayeredRule):
    """V^T = W^+, the Moore-Penrose pseudoinverse: a Gauss-Newton step for the hidden units.

    Lillicrap et al. 2014 (arXiv 1411.0247). Singular values of W below the usual multiple of
    rounding count as zero; V of weights that are not finite is NaN.
    """

    name = "pseudobackprop"
    summary = "V^T = W^+, the pseudoinverse of the forward weights"
    source = "Lillicrap et al. 2014 (arXiv:1411.0247)"
    display_name = "pseudobackprop"
    colour = "#8C6D31"
    entrywise: ClassVar[bool] = False

    @staticmethod
    def backward_weights(W: Array, state: Array | None) -> Array:
        """Return the transposed pseudoinverse of W."""
        del state
        return namespace(W).swapaxes(pseudoinverse(W), -1, -2)
