"""The angle between a rule's teaching signals and backprop's, all samples as one vector."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import flattened_delta_angles
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class DeltaAngleFlattened(Quantity):
    """One angle between the rule's and backprop's teaching signals of all samples."""

    name = "delta_angle_flattened"
    summary = "angle to backprop's teaching signals, all samples as one vector"
    needs = frozenset({Need.SIGNALS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DEGREES,
            "angle between the rule's and backprop's teaching signals, all samples as one vector",
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the angles, (*runs, layer)."""
        return {self.name: flattened_delta_angles(view.signals, view.backprop_signals)}
