"""Names of the variables and attributes that a sweep's archive has beside those of a run."""

import numpy as np

from fatheory import labels
from fatheory.quantities.reserved import reserved_for

STATUS = labels.STATUS
ERROR = "error"
WALL_TIME = labels.ATTR_WALL_TIME
EXPERIMENT_HASH = labels.ATTR_HASH
ABSENT = labels.ATTR_ABSENT

SHARED = (labels.RULE, labels.SEED, labels.STEP, labels.LAYER)
"""Dimensions along which cells may have different labels."""

ATTR_FORM = "sweep_form"
FORM = 2
"""How values are laid out. The first form had no NaN in booleans and integers of runs."""
ATTR_SWEEP = labels.ATTR_SWEEP
ATTR_HASH = "sweep_hash"
ATTR_LEFT_OUT = "left_out"

PENDING, DONE, DIVERGED, FAILED = range(4)
STATUS_NAMES = ("pending", "done", "diverged", "failed")
"""What the numbers of ``status`` mean."""

OF_CELLS: dict[str, dict[str, object]] = {
    STATUS: {
        "units": labels.DIMENSIONLESS,
        "long_name": "how far a cell is",
        "flag_values": list(range(len(STATUS_NAMES))),
        "flag_meanings": " ".join(STATUS_NAMES),
    },
    ERROR: {
        "units": labels.DIMENSIONLESS,
        "long_name": "what went wrong in a cell; empty if nothing",
    },
    ABSENT: {
        "units": labels.DIMENSIONLESS,
        "long_name": "recorded quantities that a method cannot give in a cell, and why, as JSON",
    },
    WALL_TIME: {"units": "s", "long_name": "time that a cell took, its share of its batch's"},
    EXPERIMENT_HASH: {
        "units": labels.DIMENSIONLESS,
        "long_name": "content hash of a cell's experiment; empty if it is not valid",
    },
}
"""Attributes of what is known of every cell."""

DTYPES = {
    STATUS: np.dtype(np.int8),
    ERROR: np.dtype(np.str_),
    WALL_TIME: np.dtype(np.float64),
    ABSENT: np.dtype(np.str_),
}
"""What is known of every cell; sweeps of simulation have no `ABSENT`."""


def is_taken(name: str) -> bool:
    """Whether archives, of runs or sweeps, already call something `name`."""
    return labels.describe(name) is not None or bool(reserved_for(name))
