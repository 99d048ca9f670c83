"""Claims of a paper beside the numbers measured here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat

import xarray as xr

from fatheory.errors import ArchiveError
from fatheory.markup import heading, table

CLAIM = "claim"
_VARIABLES = ("claim_measured", "claim_unit", "claim_expected", "claim_holds")


@dataclass(frozen=True)
class Claim:
    """One statement that a figure or table must show.

    Attributes
    ----------
    statement : str
        What is claimed.
    measured : float
        The number that decides.
    unit : str
        Of the number; empty for none.
    expected : str
        What the number must satisfy, in words.
    holds : bool
        Whether it does.
    """

    statement: str
    measured: float
    unit: str
    expected: str
    holds: bool

    @classmethod
    def at_most(
        cls, statement: str, measured: SupportsFloat, bound: float, unit: str = ""
    ) -> "Claim":
        """Claim that a number is no larger than `bound`; NaN is not."""
        value = float(measured)
        return cls(statement, value, unit, f"<= {bound:g}", value <= bound)

    @classmethod
    def at_least(
        cls, statement: str, measured: SupportsFloat, bound: float, unit: str = ""
    ) -> "Claim":
        """Claim that a number is no smaller than `bound`; NaN is not."""
        value = float(measured)
        return cls(statement, value, unit, f">= {bound:g}", value >= bound)

    @classmethod
    def between(
        cls, statement: str, measured: SupportsFloat, low: float, high: float, unit: str = ""
    ) -> "Claim":
        """Claim that a number lies in [low, high]; NaN does not."""
        value = float(measured)
        return cls(statement, value, unit, f"{low:g} to {high:g}", low <= value <= high)

    def _repr_html_(self) -> str:
        # Four digits: more than any spread over seeds supports, and enough to tell a bound from its
        # miss.
        measured = f"{self.measured:.4g} {self.unit}".strip()
        told = (("measured", measured), ("expected", self.expected), ("verdict", self.verdict))
        return heading("Claim", self.statement) + table(told)

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return "reproduced" if self.holds else "NOT REPRODUCED"


def claims_table(claims: Sequence[Claim]) -> str:
    """Lay claims out as a plain-text table."""
    head = ("claim", "measured", "expected", "verdict")
    body = [
        (c.statement, f"{c.measured:.4g} {c.unit}".strip(), c.expected, c.verdict) for c in claims
    ]
    rules = ["-" * max(map(len, column)) for column in zip(head, *body, strict=True)]
    return aligned([head, rules, *body])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows of texts out in columns, each as wide as its longest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def claims_dataset(claims: Sequence[Claim]) -> xr.Dataset:
    """Return claims as variables along ``claim``, to be stored with the data they rest on."""
    return xr.Dataset(
        {
            "claim_measured": (CLAIM, [c.measured for c in claims]),
            "claim_unit": (CLAIM, [c.unit for c in claims]),
            "claim_expected": (CLAIM, [c.expected for c in claims]),
            "claim_holds": (CLAIM, [c.holds for c in claims]),
        },
        coords={CLAIM: [c.statement for c in claims]},
    )


def claims_from_dataset(data: xr.Dataset) -> list[Claim]:
    """Return the claims that `claims_dataset` put into a dataset, with the verdicts stored there.

    Raises
    ------
    ArchiveError
        If the dataset holds no claims.
    """
    missing = [name for name in (CLAIM, *_VARIABLES) if name not in data.variables]
    if missing:
        raise ArchiveError(
            f"the dataset holds no claims: it lacks {', '.join(missing)} (its variables: "
            f"{', '.join(sorted(map(str, data.variables)))}); merge claims_dataset(claims) into it"
        )
    # `tolist` gives Python's own bool and float, as the dataclass declares; the verdicts are those
    # of the day, which today's bounds must not rewrite.
    columns = [data[name].values.tolist() for name in (CLAIM, *_VARIABLES)]
    return [Claim(*row) for row in zip(*columns, strict=True)]
