"""What enters a hidden unit, beside what leaves it: the parts of its conservation law."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array, namespace
from fatheory.quantities.experiment_like import ExperimentLike
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


def _of_units(long_name: str, equation: str) -> labels.Variable:
    dims = (*labels.RUN, "unit_{layer}")
    return labels.Variable(dims, labels.DIMENSIONLESS, long_name, equation)


class UnitBalance(Quantity):
    """Sums over the weights around every hidden unit, of which laws of learning are made.

    Of linear, ReLU and leaky ReLU units, fixed and sign-concordant feedback conserves
    ``incoming`` - 2 ``overlap``, backprop ``incoming`` - ``outgoing`` and Kolen-Pollack feedback
    ``incoming`` - ``feedback``, up to the size of single steps: `fatheory.metrics.unit_law_drift`.
    """

    name = "unit_balance"
    summary = "squares and overlaps of the weights into and out of every hidden unit"
    needs = frozenset({Need.WEIGHTS, Need.BACKWARD_WEIGHTS, Need.PARAMETERS})
    variables: ClassVar = {
        "unit_balance_incoming_{layer}": _of_units(
            "squared length of the weights into units of layer {layer}, with their biases",
            "|w_in|^2 + b^2",
        ),
        "unit_balance_outgoing_{layer}": _of_units(
            "squared length of the weights out of units of layer {layer}", "|w_out|^2"
        ),
        "unit_balance_overlap_{layer}": _of_units(
            "inner product of outgoing and feedback weights of units of layer {layer}",
            "<v, w_out>",
        ),
        "unit_balance_feedback_{layer}": _of_units(
            "squared length of the feedback weights to units of layer {layer}", "|v|^2"
        ),
    }
    of_matrices = True

    def names(self, experiment: ExperimentLike) -> Iterator[str]:
        """Name the variables of the hidden layers: nothing leaves the output."""
        for name in self.variables:
            yield from (name.format(layer=i) for i in range(1, experiment.layers))

    def compute(self, view: View) -> Mapping[str, Array]:
        """Compute the sums, each (*runs, unit_l); NaN for rules without V."""
        xp = namespace(*view.weights)
        found: dict[str, Array] = {}
        layers = zip(pairwise(view.weights), view.backward_weights[1:], strict=True)
        for layer, ((below, above), V) in enumerate(layers, start=1):
            incoming = xp.sum(below**2, axis=-1)
            if (bias := view.parameters.get(labels.bias(layer))) is not None:
                incoming = incoming + bias**2
            outgoing = xp.sum(above**2, axis=-2)
            found |= {
                f"{self.name}_incoming_{layer}": incoming,
                f"{self.name}_outgoing_{layer}": outgoing,
                f"{self.name}_overlap_{layer}": xp.nan * outgoing
                if V is None
                else xp.sum(V * above, axis=-2),
                f"{self.name}_feedback_{layer}": xp.nan * outgoing
                if V is None
                else xp.sum(V**2, axis=-2),
            }
        return found
