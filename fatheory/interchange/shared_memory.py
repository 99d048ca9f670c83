"""Weights of several steps that are one array: a network's own, kept without a copy."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fatheory.errors import ArrayError


def require_own_memory(where: str, steps: Mapping[Any, Any]) -> None:
    """Refuse two steps whose weights lie in the same memory.

    Training changes a network's arrays in place, so that a reference kept at every step shows the
    last weights at all of them. Refused is what shares all of its arrays: equal weights in memory
    of their own are as good as others, a layer that does not learn may be kept once for all steps,
    and read-only arrays may be shared, since nothing has changed them.

    Parameters
    ----------
    where : str
        What messages call the mapping.
    steps : mapping
        From the step to its layers, as `fatheory.archive.from_arrays` takes them.

    Raises
    ------
    ArrayError
        With both steps and what to write.
    """
    seen: dict[tuple[int, ...], Any] = {}
    for step, layers in steps.items():
        given = list(layers.values() if isinstance(layers, Mapping) else layers)
        # An address means an array only while that lives, as the ones given do, outside.
        places = [_place(one) for one in given]
        if None in places:
            continue
        first = seen.setdefault(tuple(place for place in places if place is not None), step)
        if first != step:
            raise ArrayError(
                f"{where}[{first}] and {where}[{step}] are the same memory: training changes a "
                f"network's arrays in place, so both show the weights of the last step; keep "
                f"copies: W.detach().clone() of tensors, as in {{name: W.detach().clone() for "
                f"name, W in model.state_dict().items()}}, or W.copy() of arrays"
            )


def _place(given: Any) -> int | None:
    """Return where in memory something can be changed; None where that is not known."""
    if isinstance(given, np.ndarray):
        array = given
    elif hasattr(given, "detach") and hasattr(given, "numpy"):
        # A tensor's array is a view where it lies in the memory of the processor.
        try:
            array = given.detach().numpy()
        except (TypeError, RuntimeError):
            return None
    else:
        return None
    # Empty arrays have no memory of their own, so their addresses may coincide.
    if not (array.size and array.flags.writeable):
        return None
    return int(array.__array_interface__["data"][0])
