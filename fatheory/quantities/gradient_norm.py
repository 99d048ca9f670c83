"""The size of what a rule takes for the gradient."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import gradient_norms
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class GradientNorm(Quantity):
    """The Frobenius norm of what W_l descends under the rule, on the probe as a batch."""

    name = "gradient_norm"
    summary = "norm of what the rule takes for the gradient of the probe's loss"
    needs = frozenset({Need.GRADIENTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DIMENSIONLESS,
            "norm of what the rule takes for the gradient",
            "|g_l|",
            labels.NOT_NEGATIVE,
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the norms, (*runs, layer)."""
        return {self.name: gradient_norms(view.gradients)}
