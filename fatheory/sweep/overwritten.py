"""Axes whose labels are not what cells are run with, for a later axis sets the same."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from fatheory.errors import FatheoryError
from fatheory.experiment import Experiment
from fatheory.sweep.axis import Axis
from fatheory.sweep.cell import Cell
from fatheory.sweep.settings import EVERY, with_all_settings

# Each makes an experiment and compares it.
_LOOKED_AT = 500
"""More pairs of points that touch one key are not made to see whether they agree."""


def overwritten(
    axes: Sequence[tuple[str, Axis]], make: Any
) -> Iterator[tuple[tuple[str, Any], tuple[str, Any], str]]:
    """Find labels of axes that are not true of a cell.

    Settings of a later axis are made on top of those of the earlier ones, so that of two axes that
    set one key, or one of which sets what the other is a part of, the later has the last word. A
    point that is a word, with settings of its own, says nothing of what stands inside of them.

    Parameters
    ----------
    axes : sequence of (str, Axis)
        In their order.
    make : callable
        From an index along every axis to a `Cell`.

    Yields
    ------
    (str, label), (str, label), str
        For each pair of axes the first such point of the earlier one, the point of the later one,
        and the key that is lost.
    """
    for (i, (name, axis)), (j, (later, above)) in itertools.combinations(enumerate(axes), 2):
        inside = bool(axis.keys)  # values say all that is in them, and words do not
        firsts = [tuple(axis.at(a)) for a in range(len(axis.values))]
        lasts = [tuple(above.at(b)) for b in range(len(above.values))]
        # Few keys stand for many points, and most axes have none in common.
        lost = {
            both: tuple(_lost(*both, inside)) for both in itertools.product({*firsts}, {*lasts})
        }
        if not any(lost.values()):
            continue
        pairs = itertools.product(enumerate(firsts), enumerate(lasts))
        touched = ((a, b, key) for (a, first), (b, last) in pairs for key in lost[first, last])
        for a, b, key in itertools.islice(touched, _LOOKED_AT):
            place = [0] * len(axes)
            place[i], place[j] = a, b
            if not _is_true(make(tuple(place)), key, axis.at(a)[key]):
                yield (name, axis.coordinate[a]), (later, above.coordinate[b]), key
                # One example tells of a pair of axes.
                break


def _lost(first: Sequence[str], last: Sequence[str], inside: bool) -> Iterator[str]:
    """Find keys that are set again: by themselves, with what they are part of, or inside."""
    for key in first:
        if any(_covers(other, key) or (inside and _covers(key, other)) for other in last):
            yield key


def _covers(last: str, first: str) -> bool:
    """Whether setting one key may set another one, too, of which it is a part or the same."""
    parts = first.split(".")
    wholes = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
    # Either may have stars, and what they stand for may hold dots itself.
    return any(re.fullmatch(_pattern(whole), last) for whole in wholes) or bool(
        re.fullmatch(rf"{_pattern(last)}(\..+)?", first)
    )


def _pattern(key: str) -> str:
    return re.escape(key).replace(re.escape(EVERY), ".+")


def _is_true(cell: Cell, key: str, value: Any) -> bool:
    """Whether an experiment is what it would be if a setting had been made last."""
    experiment: Experiment | None = cell.experiment
    if experiment is None:
        return True  # nothing is run
    try:
        return with_all_settings(experiment, {key: value}) == experiment
    except FatheoryError:
        return False  # what the key was of is no longer there
