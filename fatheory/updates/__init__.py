"""From teaching signals to weight changes."""

from fatheory.updates.sgd import sgd_direction as sgd_direction
