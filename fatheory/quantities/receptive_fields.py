"""What hidden units look at."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class ReceptiveFields(Quantity):
    """The weights from the input to the first hidden units."""

    name = "receptive_fields"
    summary = "weights from the input to the first record.receptive_units units"
    needs = frozenset({Need.WEIGHTS})
    variables: ClassVar = {
        "receptive_field": labels.Variable(
            (*labels.RUN, labels.RECEPTIVE_UNIT, labels.unit(0)),
            labels.DIMENSIONLESS,
            "weights from the input to a hidden unit",
        ),
    }
    of_matrices = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return the first rows of W_1, (*runs, receptive_unit, unit_0)."""
        return {"receptive_field": view.weights[0][..., : view.receptive_units, :]}
