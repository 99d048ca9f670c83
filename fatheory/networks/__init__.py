"""Forward passes whose layers send errors back through V in the place of W."""

from fatheory.networks.activations import ACTIVATIONS as ACTIVATIONS
from fatheory.networks.activations import Activation as Activation
from fatheory.networks.dense import activities as activities
from fatheory.networks.dense import dense as dense
from fatheory.networks.dense import first_sums as first_sums
from fatheory.networks.dense import hidden_and_output_sums as hidden_and_output_sums
from fatheory.networks.units import Units as Units
