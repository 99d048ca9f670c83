"""How many weights a rule moves as backprop would."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import update_sign_agreements
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class UpdateSignAgreement(Quantity):
    """The fraction of weights that the rule's gradient moves in the direction of backprop's."""

    name = "update_sign_agreement"
    summary = "fraction of the gradient's entries with the sign of backprop's"
    needs = frozenset({Need.GRADIENTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DIMENSIONLESS,
            "fraction of the gradient's entries that have the sign of backprop's",
            possible=labels.FRACTION,
        ),
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the fractions, (*runs, layer), over entries with a sign on both sides."""
        return {self.name: update_sign_agreements(view.gradients, view.backprop_gradients)}
