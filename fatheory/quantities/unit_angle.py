"""The angle between what a unit sends out and the feedback that it receives."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import unit_angles
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class UnitAngle(Quantity):
    """The angle between column j of W_L and row j of B_L, for every unit j below the output."""

    name = "unit_angle"
    summary = "angle between each unit's outgoing weights and feedback, last hidden layer"
    source = "Lillicrap et al. 2016, Fig. 5a"
    needs = frozenset({Need.WEIGHTS, Need.BACKWARD_WEIGHTS})
    variables: ClassVar = {
        name: labels.Variable(
            (*labels.RUN, labels.UNITS_BELOW_OUTPUT),
            labels.DEGREES,
            "angle between each unit's outgoing weights and feedback, last hidden layer",
        ),
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the angles, (*runs, unit of the last hidden layer)."""
        return {self.name: unit_angles(view.weights[-1], view.backward_weights[-1])}
