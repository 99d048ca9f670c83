"""How often neurons spike."""

from collections.abc import Mapping
from typing import ClassVar

from fatheory import labels
from fatheory.arrays import Array
from fatheory.quantities.need import Need
from fatheory.quantities.quantity import Quantity
from fatheory.quantities.view import View


class FiringRate(Quantity):
    """Spikes per neuron and time step of every layer while the probe's images are shown."""

    name = "firing_rate"
    summary = "spikes per neuron and time step of every layer"
    needs = frozenset({Need.SPIKES})
    variables: ClassVar = {
        name: labels.per_layer(
            "1 / time step", "spikes per neuron and time step", possible=labels.FRACTION
        )
    }

    def compute(self, view: View) -> Mapping[str, Array]:
        """Return the rates, (*runs, layer)."""
        return {self.name: view.spiking.rates}
