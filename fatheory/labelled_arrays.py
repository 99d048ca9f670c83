"""Arrays with labels at doors that go by position: brought into the documented order, or refused.

xarray's and pandas' arrays are known by what they have, for this room needs neither.
"""

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from fatheory.errors import ArrayError
from fatheory.labels import (
    EXAMPLE,
    HELD_OUT_EXAMPLE,
    LAYER,
    RULE,
    SAMPLE,
    SEED,
    STEP,
    TIME,
)

_UNIT = re.compile(r"unit_(\d+)(_twin)?")
_RUNS = (RULE, SEED, STEP, TIME, LAYER)
_SAMPLES = (SAMPLE, EXAMPLE, HELD_OUT_EXAMPLE)
_UPWARDS = re.compile(r"B\d*|P|difference|[BF]_\d+|(direct_)?feedback(_\d+)?(\[.*)?")
"""Names of arrays that lead from a layer back to one below: the rows are of the lower layer."""
_ANY = len(_RUNS) + 1
"""Where axes stand whose names say nothing: with the samples, before the units."""
_UNITS = _ANY + 1


def by_position(name: str, value: Any) -> Any:
    """Return an array whose axes and units stand where they are looked for by position.

    Parameters
    ----------
    name : str
        What it is called in messages; B, P and feedback have rows of the lower layer, as in
        ``feedback_l (unit_{l-1}, unit_l)``, all others of the upper one.
    value : object
        A DataArray, or a DataFrame whose index and columns are named, has labels; anything else is
        returned as it is. So are axes whose names mean nothing here.

    Returns
    -------
    object
        With runs first, then samples, then units; units in the order of their numbers.

    Raises
    ------
    ArrayError
        If its axes are in another order and some have names that mean nothing here, or labels of
        units are not the numbers 0 to n - 1.
    """
    dims = _dims_of(value)
    if dims is None or not any(map(_is_known, dims)):
        return value
    wanted = _documented(name, dims)
    if wanted != dims:
        if not all(map(_is_known, dims)) or len(set(dims)) < len(dims):
            raise ArrayError(
                f"{name} is read axis by axis, as ({', '.join(map(str, wanted))}); its dimensions "
                f"are ({', '.join(map(str, dims))}): bring them into that order"
            )
        # A DataFrame has two, so that the other order is the transpose.
        value = value.transpose(*wanted) if hasattr(value, "dims") else value.T
    return units_in_order(name, value)


def in_documented_order(name: str, value: Any, wanted: tuple[str, ...]) -> Any:
    """Return an array whose dimensions have names of their own, in the order of the documentation.

    Parameters
    ----------
    name : str
        What it is called in messages.
    value : object
        A DataArray or DataFrame whose dimensions are exactly the `wanted` ones, in any order, is
        brought into theirs. Anything else is returned as it is, if no name stands in another's
        place.
    wanted : tuple of str
        Such as ``("point", "n_i")``.

    Returns
    -------
    object

    Raises
    ------
    ArrayError
        If a wanted dimension stands in another place, beside dimensions whose names say nothing.
    """
    dims = _dims_of(value)
    places = [(i, wanted.index(str(d))) for i, d in enumerate(dims or ()) if d in wanted]
    if dims is None or all(is_at == meant for is_at, meant in places):
        return value
    if len(dims) == len(wanted) and set(dims) == set(wanted):
        return value.transpose(*wanted) if hasattr(value, "dims") else value.T
    raise ArrayError(
        f"{name} is read axis by axis, as ({', '.join(wanted)}); its dimensions are "
        f"({', '.join(map(str, dims))}): bring them into that order"
    )


def units_in_order(name: str, value: Any, *further: str) -> Any:
    """Return an array with labels with its units in the order of their numbers.

    Parameters
    ----------
    name : str
        What it is called in messages.
    value : DataArray or DataFrame
        Units without labels are taken to stand in their order.
    *further : str
        Dimensions of units beside ``unit_1``, ``unit_2`` and so on.

    Raises
    ------
    ArrayError
        If labels of units are not the numbers 0 to n - 1, each once.
    """
    for axis, dim in enumerate(_dims_of(value) or ()):
        if dim in further or _UNIT.fullmatch(str(dim)):
            value = _in_order(name, value, axis, dim)
    return value


def require_same_labels(first: str, one: Any, second: str, other: Any) -> None:
    """Refuse pairs, taken by position along their first axes, whose labels say otherwise.

    Parameters
    ----------
    first, second : str
        What they are called in messages.
    one, other : object
        Inputs and targets, say. Nothing is asked of what has no labels, and numbers of rows alone
        (0, 1, 2, ...) are none.

    Raises
    ------
    ArrayError
        If both have the same labels in another order.
    """
    ours, theirs = _first_labels(one), _first_labels(other)
    if ours is None or theirs is None or ours == theirs or len(ours) != len(theirs):
        return
    try:
        same = set(ours) == set(theirs)
    except TypeError:  # labels that cannot be told apart by their hash
        return
    if same:
        where = next(
            i for i, pair in enumerate(zip(ours, theirs, strict=True)) if len(set(pair)) > 1
        )
        raise ArrayError(
            f"{first} and {second} are paired row by row, and their labels are in two orders: row "
            f"{where} is {ours[where]!r} in {first} and {theirs[where]!r} in {second}: bring one "
            f"into the order of the other, or pass .values"
        )


def _is_frame(value: Any) -> bool:
    return hasattr(value, "iloc") and hasattr(value, "index")


def _dims_of(value: Any) -> tuple[Hashable, ...] | None:
    """Return the names of axes, None where it is no array with labels."""
    if isinstance(dims := getattr(value, "dims", None), tuple):
        return dims
    if _is_frame(value):
        axes = (value.index, *((value.columns,) if hasattr(value, "columns") else ()))
        return tuple(axis.name for axis in axes)
    return None


def _is_known(dim: Hashable) -> bool:
    return dim in _RUNS or dim in _SAMPLES or bool(_UNIT.fullmatch(str(dim)))


def _documented(name: str, dims: Sequence[Hashable]) -> tuple[Hashable, ...]:
    sign = 1 if _UPWARDS.fullmatch(name) else -1

    def place(dim: Hashable) -> tuple[int, int]:
        unit = _UNIT.fullmatch(str(dim))
        if unit:
            return _UNITS, sign * int(unit[1])
        return (_RUNS.index(str(dim)) if dim in _RUNS else _ANY), 0

    return tuple(sorted(dims, key=place))


def _labels_along(value: Any, axis: int, dim: Hashable) -> list[Any] | None:
    """Return the labels along an axis, None where it has none."""
    if hasattr(value, "dims"):
        return value[dim].values.tolist() if dim in getattr(value, "coords", ()) else None
    found = value.index if axis == 0 else value.columns
    return list(found.tolist())


def _in_order(name: str, value: Any, axis: int, dim: Hashable) -> Any:
    found = _labels_along(value, axis, dim)
    if found is None or found == list(range(len(found))):
        return value
    if any(isinstance(one, bool) for one in found) or set(found) != set(range(len(found))):
        shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
        raise ArrayError(
            f"units of {name} along {dim!r} are labelled {shown}; labels of units are 0 to "
            f"{len(found) - 1}, each once: pass .values if they stand in their order"
        )
    order = np.argsort(found)
    return value.isel({dim: order}) if hasattr(value, "dims") else value.take(order, axis=axis)


def _first_labels(value: Any) -> list[Any] | None:
    dims = _dims_of(value)
    return _labels_along(value, 0, dims[0]) if dims else None
