"""Names that archives have already, so that nothing of one's own can be called so."""

import re

from fatheory import labels

OF_CELLS = (
    labels.STATUS,
    "error",
    labels.ATTR_WALL_TIME,
    labels.ATTR_HASH,
    labels.ATTR_ABSENT,
)
"""What archives of sweeps say of every cell."""

_DIMS = {
    labels.SAMPLE,
    labels.RECEPTIVE_UNIT,
    labels.TRACED_UNIT,
    labels.TIME_STEP,
    labels.EXAMPLE,
    labels.HELD_OUT_EXAMPLE,
    labels.SOURCE,
    "variable",
}
_DIMS_OF_LAYERS = re.compile(r"(unit|channel|feature|kernel_row|kernel_column)_(\d+|L)(_twin)?")


def reserved_for(name: str) -> str:
    """Say what archives, of runs or sweeps, already call `name`, quantities aside; or nothing."""
    if labels.described_in(labels.BASIC_VARIABLES, name) is not None:
        return "a variable that archives have beside quantities"
    if name in _DIMS or _DIMS_OF_LAYERS.fullmatch(name):
        return "a dimension of archives"
    if name in OF_CELLS:
        return "what sweeps say of every cell"
    if name.startswith("initial_"):
        # Whatever begins so is read as an array from which networks start.
        return "the name of a given start: 'initial_' begins no other"
    return ""
