"""On how many samples teaching signals can be compared."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import directed_samples
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class AlignmentCount(Quantity):
    """The number of probe samples over which the angle between teaching signals is averaged.

    Those of which neither the rule's nor backprop's signal is zero.
    """

    name = "alignment_count"
    summary = "probe samples whose teaching signals have a direction"
    needs = frozenset({Need.SIGNALS})
    variables: ClassVar = {
        name: labels.per_layer(
            "samples",
            "probe samples whose teaching signals have a direction",
            possible=labels.NOT_NEGATIVE,
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Count, (*runs, layer)."""
        return {self.name: directed_samples(view.signals, view.backprop_signals)}
