"""The ledger: every claim with its bound, the number measured, and the verdict by rule."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fatheory.claims.bound import Bound, bounds
from fatheory.claims.entries import ENTRIES
from fatheory.claims.entry import Entry
from fatheory.claims.measured import Measured
from fatheory.claims.protocol import OlderProtocolError
from fatheory.claims.results import MissingResultError, NotMeasuredError, Origin, Results
from fatheory.claims.verdict import Verdict, judge
from fatheory.errors import FatheoryError, UnknownNameError
from fatheory.markup import heading, table


@dataclass(frozen=True)
class Row:
    """A claim that has been looked at.

    Attributes
    ----------
    entry : Entry
        What is claimed.
    bound : Bound or None
        What decides it; None where nothing can.
    verdict : Verdict
        By rule.
    reason : str
        Why, where the number alone does not tell.
    measured : Measured or None
        The number.
    origin : Origin or None
        The result that it was measured on.
    problem : str
        What is wrong with the ledger or the result; empty if nothing.
    """

    entry: Entry
    bound: Bound | None
    verdict: Verdict
    reason: str = ""
    measured: Measured | None = None
    origin: Origin | None = None
    problem: str = ""

    def _repr_html_(self) -> str:
        told = [("place", self.entry.place), ("claim", self.entry.claim)]
        if self.bound is not None:
            told.append(("wanted", f"{self.bound.reproduced} {self.bound.unit}".strip()))
        if self.measured is not None:
            seen = self.measured
            told.append(("measured", f"{seen.value:.4g} (seeds: {seen.seeds})"))
        told += [("verdict", str(self.verdict)), ("why", self.reason)]
        return heading("Claim", self.id) + table(row for row in told if row[1])

    @property
    def id(self) -> str:
        """Of the claim."""
        return self.entry.id

    @property
    def bound_is_later(self) -> bool:
        """Whether the bound is not shown to be older than the result that it judges."""
        if self.bound is None or self.origin is None or self.measured is None:
            return False
        # The same second counts against the bound: it does not show which of them came first.
        return self.bound.fixed.date >= self.origin.created


def ledger(
    results: Results,
    entries: Sequence[Entry] = ENTRIES,
    limits: Mapping[str, Bound] | None = None,
) -> list[Row]:
    """Measure and judge every claim.

    Parameters
    ----------
    results : Results
        The stored results.
    entries : sequence of Entry
        The claims.
    limits : mapping, optional
        Bounds by id; those of `fatheory.claims.bounds` when left out.
    """
    known = bounds() if limits is None else limits
    return [look(entry, known.get(entry.id), results) for entry in entries]


def find_entry(name: str) -> Entry:
    """Return the entry of a claim.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists the known ones and the nearest.
    """
    by_id = {entry.id: entry for entry in ENTRIES}
    if name not in by_id:
        raise UnknownNameError("claim", name, by_id)
    return by_id[name]


def look(entry: Entry, bound: Bound | None, results: Results) -> Row:
    """Measure and judge one claim."""
    if entry.not_decidable:
        return Row(entry, bound, Verdict.NOT_DECIDABLE, entry.not_decidable)
    if bound is None:
        return Row(entry, None, Verdict.NOT_RUN, problem="the entry has no bound")
    if entry.measure is None or not entry.result:
        problem = "" if entry.not_run else "the entry has neither a measure nor a reason"
        return Row(entry, bound, Verdict.NOT_RUN, entry.not_run, problem=problem)
    try:
        # Asked first, so that a file that is missing or damaged is told from one that lacks a
        # number.
        results[entry.result]
        origin = results.origin(entry.result)
        # A bound is about one size of experiment; a quick run that meets it would prove nothing.
        if entry.scales and origin.scale not in entry.scales:
            reason = entry.not_run or f"the stored result is of scale {origin.scale!r}"
            return Row(entry, bound, Verdict.NOT_RUN, reason)
        measured = _number(entry.measure(results))
    # Before its parent class below: an older protocol is expected, and no fault of the stored file.
    except OlderProtocolError as older:
        return Row(entry, bound, Verdict.NOT_RUN, str(older))
    except MissingResultError as missing:
        # An entry that says why it was not run expects no file; without a reason, its absence is a
        # fault.
        problem = "" if entry.not_run else str(missing)
        return Row(entry, bound, Verdict.NOT_RUN, entry.not_run, problem=problem)
    except NotMeasuredError as lacking:
        return Row(entry, bound, Verdict.NOT_DECIDABLE, str(lacking), origin=origin)
    except FatheoryError as wrong:
        return Row(entry, bound, Verdict.NOT_RUN, problem=str(wrong))
    # A variable, a label, an entry, a dimension, a number that is not 0: what one result lacks
    # must not take the other claims away.
    except (LookupError, ValueError, ArithmeticError) as lacking:
        problem = f"{results.path(entry.result)} does not hold what the claim is measured by: "
        return Row(entry, bound, Verdict.NOT_RUN, problem=problem + str(lacking).strip("'\""))
    verdict, why = judge(bound, measured)
    return Row(entry, bound, verdict, why, measured, origin)


def _number(measured: Measured) -> Measured:
    """Refuse NaN, which lies in no range and so would be judged as a claim that failed."""
    if math.isnan(measured.value):
        raise NotMeasuredError(
            "the measured number is NaN: a run that it is of diverged or recorded nothing there"
        )
    return measured
