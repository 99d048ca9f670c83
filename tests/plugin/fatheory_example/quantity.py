"""A quantity: the largest weight of every layer."""

from typing import ClassVar

from fatheory import labels
from fatheory.arrays import namespace
from fatheory.quantities import Need, Quantity


class LargestWeight(Quantity):
    """The largest absolute value among the weights into a layer."""

    name = "largest_weight"
    summary = "largest absolute weight"
    needs = frozenset({Need.WEIGHTS})
    variables: ClassVar = {
        "largest_weight": labels.per_layer("1", "largest absolute weight", "max |W_l|")
    }

    def compute(self, view):
        """Compute it, of shape (*runs, layer)."""
        xp = namespace(*view.weights)
        largest = [xp.max(xp.abs(W), axis=(-2, -1)) for W in view.weights]
        return {"largest_weight": xp.stack(largest, axis=-1)}


largest_weight = LargestWeight()
