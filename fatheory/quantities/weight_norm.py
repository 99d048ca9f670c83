"""The size of the weights."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import weight_norms
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class WeightNorm(Quantity):
    """The Frobenius norm of W_l."""

    name = "weight_norm"
    summary = "Frobenius norm of the weights"
    needs = frozenset({Need.WEIGHTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DIMENSIONLESS, "Frobenius norm of the weights", "|W_l|", labels.NOT_NEGATIVE
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the norms, (*runs, layer)."""
        return {self.name: weight_norms(view.weights)}
