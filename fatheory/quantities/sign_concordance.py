"""How often forward weights and what stands in for them agree in sign."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import sign_concordances
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class SignConcordance(Quantity):
    """The fraction of entries of W_l and V_l that have the same sign."""

    name = "sign_concordance"
    summary = "fraction of entries of W and V with the same sign"
    source = "Liao, Leibo & Poggio 2016"
    needs = frozenset({Need.WEIGHTS, Need.BACKWARD_WEIGHTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DIMENSIONLESS,
            "sign concordance of forward and feedback weights",
            possible=labels.FRACTION,
        ),
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the fractions, (*runs, layer); NaN at layer 1."""
        return {self.name: sign_concordances(view.weights, view.backward_weights)}
