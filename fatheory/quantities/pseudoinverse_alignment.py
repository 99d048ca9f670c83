"""How close forward weights come to the pseudoinverse of their feedback."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import pseudoinverse_alignments
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class PseudoinverseAlignment(Quantity):
    """The angle between W_l and the pseudoinverse of B_l = V_l^T."""

    name = "pseudoinverse_alignment"
    summary = "angle between W and the pseudoinverse of B"
    source = "Lillicrap et al. 2016, Supplementary Notes 13-14"
    needs = frozenset({Need.WEIGHTS, Need.BACKWARD_WEIGHTS})
    variables: ClassVar = {
        name: labels.per_layer(
            labels.DEGREES, "angle between forward weights and pseudoinverse of feedback weights"
        ),
    }
    same_in_any_basis = True
    of_matrices = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the angles, (*runs, layer); NaN at layer 1."""
        return {self.name: pseudoinverse_alignments(view.weights, view.backward_weights)}
