"""Values of a rule's parameters: numbers, words, and matrices of numbers."""

import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import numpy as np

Matrix = tuple[tuple[float, ...], ...]
"""Rows of numbers; () for none."""
Value = float | int | str | Matrix
"""What descriptions can hold of a rule."""


def reader_of(annotation: Any) -> Callable[[Any], Value] | None:
    """Return what reads a value of a parameter so annotated; None for a kind that rules lack.

    Readers raise ValueError, with what was allowed and what was received.

    Parameters
    ----------
    annotation : type
        `float`, `int`, `str`, a `Literal` of strings, or `Matrix`.
    """
    if get_origin(annotation) is Literal and all(isinstance(v, str) for v in get_args(annotation)):
        return _one_of(get_args(annotation))
    return _READERS.get(annotation)


def written(value: Value) -> str:
    """Write a value for lists and tables, large matrices by their size."""
    if isinstance(value, str):
        return value or "none"
    if isinstance(value, tuple):
        return f"{len(value)} x {len(value[0])} numbers" if value else "none"
    return f"{value:g}"


def _real(value: Any) -> float:
    # To Python True is a number; nobody means it as one.
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"must be a number; got {value!r:.60}")
    try:
        return float(value)
    except OverflowError:
        # An integer beyond all floats: out of range rather than of a wrong kind.
        return float("inf")


def _whole(value: Any) -> int:
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise ValueError(f"must be a whole number; got {value!r:.60}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text; got {value!r:.60}")
    return value


def _matrix(value: Any) -> Matrix:
    if isinstance(value, Mapping | str):
        raise ValueError(f"must be a matrix of numbers; got {value!r:.60}")
    try:
        rows = tuple(tuple(_real(x) for x in row) for row in value)
    except TypeError:
        raise ValueError(f"must be a matrix of numbers; got {value!r:.60}") from None
    if len({len(row) for row in rows}) > 1 or rows == ((),):
        raise ValueError("must be a matrix: its rows have different lengths, or none")
    if rows and not np.isfinite(rows).all():
        raise ValueError("must be a matrix of finite numbers")
    return rows


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            listed = ", ".join(map(repr, choices))
            raise ValueError(f"must be one of {listed}; got {value!r:.60}")
        return value

    return read


_READERS: dict[Any, Callable[[Any], Value]] = {
    float: _real,
    int: _whole,
    str: _text,
    Matrix: _matrix,
}
