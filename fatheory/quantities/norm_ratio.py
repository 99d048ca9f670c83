"""How large feedback is beside the forward weights."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array, namespace
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class NormRatio(Quantity):
    """The Frobenius norm of V_l, which stands in for W_l, over that of W_l."""

    name = "norm_ratio"
    summary = "norm of the feedback weights over that of the forward weights"
    needs = frozenset({Need.WEIGHTS, Need.BACKWARD_WEIGHTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DIMENSIONLESS,
            "norm of feedback over norm of forward weights",
            "|V_l| / |W_l|",
            labels.NOT_NEGATIVE,
        ),
    }
    same_in_any_basis = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the ratios, (*runs, layer); NaN at layer 1 and where W_l is zero."""
        xp = namespace(*view.weights)
        ratios = []
        for W, V in zip(view.weights, view.backward_weights, strict=True):
            norm = xp.linalg.norm(W, axis=(-2, -1))
            above = xp.nan * norm if V is None else xp.linalg.norm(V, axis=(-2, -1))
            ratios.append(above / xp.where(norm > 0, norm, xp.nan))
        return {self.name: xp.stack(ratios, axis=-1)}
