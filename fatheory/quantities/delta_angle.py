"""The angle between a rule's teaching signals and backprop's, sample by sample."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import delta_angles
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class DeltaAngle(Quantity):
    """The angle between the rule's and backprop's teaching signals, averaged over samples."""

    name = "delta_angle"
    summary = "angle to backprop's teaching signals, averaged over samples"
    source = "Lillicrap et al. 2016, Fig. 2c"
    needs = frozenset({Need.SIGNALS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DEGREES,
            "angle between the rule's and backprop's teaching signals, averaged over samples",
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the angles, (*runs, layer), over the samples that have a direction."""
        return {self.name: delta_angles(view.signals, view.backprop_signals)}
