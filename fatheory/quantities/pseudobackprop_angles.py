"""How close teaching signals come to those of pseudobackprop."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.geometry import delta_angles
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View
from fatheory.rules import Pseudobackprop


class PseudobackpropAngles(Quantity):
    """The angles of the rule's and of backprop's teaching signals to pseudobackprop's, W^+ e."""

    name = "pseudobackprop_angles"
    summary = "angles of the rule's and of backprop's teaching signals to pseudobackprop's"
    source = "Lillicrap et al. 2016, Supplementary Note 15"
    needs = frozenset({Need.WEIGHTS, Need.SIGNALS})
    variables: ClassVar = {
        "pseudobackprop_angle": labels.per_layer(
            labels.DEGREES,
            "angle between the rule's and pseudobackprop's teaching signals, averaged over samples",
        ),
        "backprop_to_pseudobackprop_angle": labels.per_layer(
            labels.DEGREES,
            "angle between backprop's and pseudobackprop's teaching signals, averaged over samples",
        ),
    }
    same_in_any_basis = True
    of_matrices = True

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the angles, (*runs, layer), over the samples that have a direction."""
        V = [None, *(Pseudobackprop.backward_weights(W, None) for W in view.weights[1:])]
        pseudo = view.signals_through(V)
        return {
            "pseudobackprop_angle": delta_angles(view.signals, pseudo),
            "backprop_to_pseudobackprop_angle": delta_angles(view.backprop_signals, pseudo),
        }
