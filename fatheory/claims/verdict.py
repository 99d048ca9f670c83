"""Verdicts, and the rule that gives them."""

from enum import StrEnum

from fatheory.claims.bound import Bound, Range
from fatheory.claims.measured import Measured


class Verdict(StrEnum):
    """What became of a claim."""

    REPRODUCED = "reproduced"
    OTHER_NUMBER = "same direction, other number"
    NOT_REPRODUCED = "not reproduced"
    NOT_DECIDABLE = "not decidable as posed"
    NOT_RUN = "not run"


def judge(bound: Bound, measured: Measured) -> tuple[Verdict, str]:
    """Judge a measured number by its bound.

    Reproduced: the number lies in the bound's range; with its whole interval, where the bound says
    so. Where the paper prints a number, that range is the number and a tolerance, and no number is
    reproduced by lying under it. Same direction, other number: not so, but the whole interval lies
    in the wider range of the claim's direction. Not reproduced: neither. Of a single seed, which
    has no interval, the number decides.

    Returns
    -------
    Verdict, str
        The verdict, and why where the number alone does not tell; empty otherwise.
    """
    if _inside(bound.reproduced, measured, by_interval=bound.by_interval):
        return Verdict.REPRODUCED, ""
    # By the interval even where the mean decides above: of a direction a mean alone is a coin's
    # toss.
    if bound.direction is not None and _inside(bound.direction, measured, by_interval=True):
        return Verdict.OTHER_NUMBER, ""
    for wanted in (bound.reproduced, bound.direction):
        if wanted is not None and measured.has_interval and measured.value in wanted:
            why = f"the mean satisfies {wanted}, but not all of its interval over seeds does"
            return Verdict.NOT_REPRODUCED, why
    return Verdict.NOT_REPRODUCED, ""


def _inside(wanted: Range, measured: Measured, *, by_interval: bool) -> bool:
    if measured.value not in wanted:
        return False
    if by_interval and measured.has_interval:
        return measured.lower in wanted and measured.upper in wanted
    return True
