"""From teaching signals to weight changes."""

from fatheory.listing import public_names as _public_names
from fatheory.updates.adaptive import adaptive_direction as adaptive_direction
from fatheory.updates.direction import update_direction as update_direction
from fatheory.updates.manhattan import manhattan_direction as manhattan_direction
from fatheory.updates.rate import rate_factors as rate_factors
from fatheory.updates.rate import schedule_factors as schedule_factors
from fatheory.updates.sgd import sgd_direction as sgd_direction

__dir__ = _public_names(__name__)
