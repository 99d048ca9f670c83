"""Arrays by rule and seed, in one form."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fatheory import labels
from fatheory.checks import extended_array
from fatheory.errors import ArrayError
from fatheory.labelled_arrays import units_in_order

_UNIT = re.compile(r"unit_\d+")


@dataclass(frozen=True)
class Labelled:
    """An array whose first axes are rules and seeds, as far as it has them."""

    rules: tuple[str, ...]
    seeds: tuple[int, ...]
    values: np.ndarray

    @property
    def leading(self) -> int:
        """How many axes of runs it has."""
        return bool(self.rules) + bool(self.seeds)


class HeldArray:
    """An array that does not change, and its digest."""

    def __init__(self, values: np.ndarray) -> None:
        # A copy of one's own, in which -0 is 0: equal numbers have one digest.
        self.values = values + 0
        self.values.flags.writeable = False
        # One order of bytes, so that a digest is the same on every machine.
        content = self.values.astype(self.values.dtype.newbyteorder("<"))
        head = repr((self.values.shape, str(self.values.dtype)))
        self.digest = hashlib.sha256(head.encode() + content.tobytes()).hexdigest()


def labelled(name: str, value: Any, declared: str) -> Labelled:
    """Bring an array into one form: rules first, then seeds.

    Parameters
    ----------
    name : str
        What it is called in messages.
    value : array, DataArray, or mapping by rule and seed
        As of `OwnStart`.
    declared : str
        The archive's variable that says which dimensions it has.

    Raises
    ------
    ArrayError
        If it holds no numbers, lacks labels, or parts of a mapping do not fit each other.
    """
    if isinstance(value, Mapping):
        return _by_key(name, value, declared)
    if hasattr(value, "dims"):
        return _of_dims(name, value, declared)
    return Labelled((), (), _in_precision(name, value))


def _in_precision(name: str, value: Any) -> np.ndarray:
    given = getattr(value, "dtype", None)
    array = extended_array(name, value)
    return array.astype(np.float32) if given == np.float32 else array


def _by_key(name: str, value: Mapping[Any, Any], declared: str) -> Labelled:
    keys = list(value)
    of_rules = bool(keys) and all(isinstance(key, str) for key in keys)
    if not of_rules and not (
        keys and all(isinstance(k, int | np.integer) and not isinstance(k, bool) for k in keys)
    ):
        raise ArrayError(
            f"{name} is given by rule, with labels as keys, or by seed, with whole numbers; got "
            f"the keys {keys!r:.80}"
        )
    parts = [labelled(f"{name}[{key!r}]", inner, declared) for key, inner in value.items()]
    first = parts[0]
    for key, part in zip(keys, parts, strict=True):
        own = (part.rules, part.seeds, part.values.shape)
        if own != (first.rules, first.seeds, first.values.shape):
            raise ArrayError(
                f"{name}[{key!r}] is of shape {part.values.shape} for rules {part.rules} and seeds "
                f"{part.seeds}; {name}[{keys[0]!r}] is of {first.values.shape} for {first.rules} "
                f"and {first.seeds}"
            )
    if first.rules or (first.seeds and not of_rules):
        raise ArrayError(f"{name} is given by rule and then by seed, in this order and once each")
    stacked = np.stack([part.values for part in parts])
    if of_rules:
        return Labelled(tuple(keys), first.seeds, stacked)
    return Labelled((), tuple(int(key) for key in keys), stacked)


def _of_dims(name: str, value: Any, declared: str) -> Labelled:
    """Read a DataArray by the names of its dimensions, so that no axis is taken for another."""
    variable = labels.variable(declared)
    inner = [dim for dim in variable.dims if dim not in labels.RUN]
    runs = [dim for dim in (labels.RULE, labels.SEED) if dim in value.dims]
    own = [dim for dim in value.dims if dim not in runs]
    # The number of the output layer, which archives write, is not known here.
    outputs = [dim for dim in own if dim not in inner and _UNIT.fullmatch(str(dim))]
    if outputs:
        inner = [outputs[0] if dim == labels.OUTPUT_UNITS else dim for dim in inner]
    if set(own) != set(inner):
        raise ArrayError(
            f"{name} must have the dimensions ({', '.join(inner)}), with rule and seed in front or "
            f"without; got ({', '.join(map(str, value.dims))})"
        )
    for dim in runs:
        if dim not in value.coords:
            raise ArrayError(f"{name} has a dimension {dim!r} without labels; give it coordinates")
    order = [*runs, *inner]
    found: dict[str, list[Any]] = {dim: value[dim].values.tolist() for dim in runs}
    return Labelled(
        tuple(map(str, found.get(labels.RULE, ()))),
        tuple(map(int, found.get(labels.SEED, ()))),
        _in_precision(name, units_in_order(name, value.transpose(*order)).values),
    )
