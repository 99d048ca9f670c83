"""The angle between forward weights and what stands in for them."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import weight_angles
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class WeightAngle(Quantity):
    """The angle between W_l and V_l, as flattened matrices."""

    name = "weight_angle"
    summary = "angle between W and V (for feedback alignment, B^T)"
    source = "Lillicrap et al. 2016, Methods"
    needs = frozenset({Need.WEIGHTS, Need.BACKWARD_WEIGHTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DEGREES, "angle between forward weights and transposed feedback weights"
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the angles, (*runs, layer); NaN at layer 1."""
        return {self.name: weight_angles(view.weights, view.backward_weights)}
