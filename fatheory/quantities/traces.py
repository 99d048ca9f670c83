"""What single neurons do over time."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.labels import Variable
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View

_DIMS = (*labels.RUN, labels.LAYER, labels.TRACED_UNIT, labels.TIME_STEP)


class Traces(Quantity):
    """Potentials, spikes and modulators of the first neurons of every layer.

    While the probe's images are shown one after another.
    """

    name = "traces"
    summary = "potentials, spikes and modulators of the first record.receptive_units neurons"
    source = "Lillicrap et al. 2016, Fig. 4"
    needs = frozenset({Need.SPIKES})
    variables: ClassVar = {
        "potential": Variable(_DIMS, labels.DIMENSIONLESS, "postsynaptic potential", "v"),
        "spikes": Variable(_DIMS, labels.DIMENSIONLESS, "spikes", "s"),
        "modulator": Variable(_DIMS, labels.DIMENSIONLESS, "modulator", "phi(u) sigma'(v)"),
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return the traces, (*runs, layer, traced_unit, time_step)."""
        seen = view.spiking
        return {
            "potential": seen.potentials,
            "spikes": seen.spikes,
            "modulator": seen.modulators,
        }
