"""Bounds of claims: what a measured number must satisfy, since when, and whether it ever moved."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from fatheory.errors import ClaimError

# `why` and `fixed` are no ornament: a bound that says neither cannot be told from one fitted to its
# result.
_NEEDED = {"what", "unit", "reproduced", "by", "why", "fixed"}
_KNOWN = _NEEDED | {"paper", "direction", "known", "path", "text"}
_BY = ("value", "interval")
BOUNDS_FILE = "fatheory/claims/bounds.toml"


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high  # NaN is in no range

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"<= {self.high:g}"
        if math.isinf(self.high):
            return f">= {self.low:g}"
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Fixing:
    """Which commit fixed a bound, when, in which file, and by which line of it (a script's)."""

    commit: str
    date: datetime
    path: str
    text: str = ""


@dataclass(frozen=True)
class Move:
    """A bound of a script that was moved after a result was seen.

    Attributes
    ----------
    claims : tuple of str
        The claims that the bound belonged to.
    commit, path : str
        What moved it, and where.
    before, after : str
        Lines of that file before and after.
    what : str
        The move in words.
    """

    claims: tuple[str, ...]
    commit: str
    path: str
    before: str
    after: str
    what: str


@dataclass(frozen=True)
class Bound:
    """What decides a claim.

    Attributes
    ----------
    id : str
        Of the claim.
    what : str
        The number that is measured, how, and when in learning.
    unit : str
        Of that number; empty for none.
    reproduced : Range
        For the verdict "reproduced".
    by_interval : bool
        Whether the whole confidence interval must lie in it, or the mean.
    direction : Range, optional
        For "same direction, other number"; the whole interval must lie in it.
    paper : float, optional
        The number that the paper prints.
    why : str
        Where the bound comes from.
    known : str
        What was known of the answer when the bound was fixed.
    fixed : Fixing
        The commit that fixed it.
    moves : tuple of Move
        How a script's bound of this claim was moved since; it is judged by the bound as it was.
    """

    id: str
    what: str
    unit: str
    reproduced: Range
    by_interval: bool
    direction: Range | None
    paper: float | None
    why: str
    known: str
    fixed: Fixing
    moves: tuple[Move, ...]


@cache
def bounds() -> Mapping[str, Bound]:
    """Return the bounds of all claims, by the claim's id."""
    room = files("fatheory.claims")
    return read_bounds(
        room.joinpath("bounds.toml").read_text("utf-8"),
        room.joinpath("history.toml").read_text("utf-8"),
    )


def read_bounds(text: str, history: str) -> dict[str, Bound]:
    """Read bounds, and the history of commits and moves, from TOML.

    Raises
    ------
    ClaimError
        Naming the bound and what is wrong with it.
    """
    try:
        written, past = tomllib.loads(text), tomllib.loads(history)
    except tomllib.TOMLDecodeError as error:
        raise ClaimError(f"the bounds of claims are no TOML: {error}") from error
    moves = [Move(**{**move, "claims": tuple(move["claims"])}) for move in past.get("moved", [])]
    return {name: _bound(name, one, past["commits"], moves) for name, one in written.items()}


def _bound(
    name: str, one: Mapping[str, Any], dates: Mapping[str, datetime], moves: list[Move]
) -> Bound:
    # Unknown keys are refused: a mistyped `direction` would pass for a bound that has none.
    missing, strange = sorted(_NEEDED - set(one)), sorted(set(one) - _KNOWN)
    if missing or strange:
        raise ClaimError(
            f"the bound of {name!r} lacks {', '.join(missing) or 'nothing'} and has unknown "
            f"{', '.join(strange) or 'nothing'}; it has {', '.join(sorted(_KNOWN))}"
        )
    if one["by"] not in _BY:
        raise ClaimError(f"the bound of {name!r} decides by {one['by']!r}; allowed: {_BY}")
    if one["fixed"] not in dates:
        raise ClaimError(f"the bound of {name!r}: history.toml has no date of {one['fixed']!r}")
    direction = one.get("direction")
    return Bound(
        id=name,
        what=one["what"],
        unit=one["unit"],
        reproduced=_range(name, one["reproduced"]),
        by_interval=one["by"] == "interval",
        direction=None if direction is None else _range(name, direction),
        paper=one.get("paper"),
        why=one["why"],
        known=one.get("known", ""),
        fixed=Fixing(
            one["fixed"], dates[one["fixed"]], one.get("path", BOUNDS_FILE), one.get("text", "")
        ),
        # Told beside the verdict, never followed: a bound that moves once its result is seen judges
        # nothing.
        moves=tuple(move for move in moves if name in move.claims),
    )


def _range(name: str, ends: list[float]) -> Range:
    # NaN fails this comparison, too; a range of one point would ask floats to be equal.
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ClaimError(f"the bound of {name!r} has the range {ends}; give [least, largest]")
    return Range(float(ends[0]), float(ends[1]))
