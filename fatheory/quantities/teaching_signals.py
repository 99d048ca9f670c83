"""The teaching signals themselves."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View

_DIMS = (*labels.RUN, labels.SAMPLE, "unit_{layer}")


class TeachingSignals(Quantity):
    """What a rule delivers to every unit for every probe sample, and what backprop would.

    delta_L = e; below, what stands in for -dL/dh_l.
    """

    name = "teaching_signals"
    summary = "teaching signals per probe sample, the rule's own and backprop's"
    needs = frozenset({Need.SIGNALS})
    variables: ClassVar = {
        "teaching_signal_{layer}": labels.Variable(
            _DIMS, labels.DIMENSIONLESS, "teaching signal at layer {layer}"
        ),
        "backprop_signal_{layer}": labels.Variable(
            _DIMS, labels.DIMENSIONLESS, "backprop's teaching signal at layer {layer}"
        ),
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return them by layer, (*runs, sample, unit_l)."""
        own = {labels.teaching_signal(i): d for i, d in enumerate(view.signals, start=1)}
        return own | {
            labels.backprop_signal(i): d for i, d in enumerate(view.backprop_signals, start=1)
        }
