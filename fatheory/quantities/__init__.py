"""What can be recorded of a network: one file per quantity, the same for every reader."""

from fatheory.listing import public_names as _public_names
from fatheory.quantities.dimensions import dimension_sizes as dimension_sizes
from fatheory.quantities.dimensions import traced_units as traced_units
from fatheory.quantities.experiment_like import ExperimentLike as ExperimentLike
from fatheory.quantities.function import of_function as of_function
from fatheory.quantities.need import Need as Need
from fatheory.quantities.quantity import Quantity as Quantity
from fatheory.quantities.registry import QUANTITIES as QUANTITIES
from fatheory.quantities.registry import find_quantities as find_quantities
from fatheory.quantities.registry import find_quantity as find_quantity
from fatheory.quantities.registry import former_sources as former_sources
from fatheory.quantities.registry import known_quantities as known_quantities
from fatheory.quantities.registry import of_now as of_now
from fatheory.quantities.registry import quantity_table as quantity_table
from fatheory.quantities.registry import recorded_quantities as recorded_quantities
from fatheory.quantities.registry import register as register
from fatheory.quantities.registry import require_source as require_source
from fatheory.quantities.registry import source_of as source_of
from fatheory.quantities.view import Evaluation as Evaluation
from fatheory.quantities.view import Spiking as Spiking
from fatheory.quantities.view import View as View
from fatheory.quantities.weights import WEIGHTS as WEIGHTS
from fatheory.quantities.weights import not_kept as not_kept

__dir__ = _public_names(__name__)
