"""One claim of a paper: what it says, where, and how it is measured."""

from collections.abc import Callable
from dataclasses import dataclass

from fatheory.claims.measured import Measured
from fatheory.claims.results import Results

LILLICRAP, LIAO = "Lillicrap et al. 2016", "Liao, Leibo & Poggio 2016"


@dataclass(frozen=True)
class Entry:
    """A row of the ledger, before it is measured.

    Attributes
    ----------
    id : str
        Such as ``"l16.fig3a.lead"``; its bound has the same.
    place : str
        Where the paper says so.
    claim : str
        What it says, in our words.
    result : str
        The stored result that decides, such as ``"lillicrap2016/fig3ab"``; empty for none.
    measure : callable, optional
        From the results to the number that decides. `NotMeasuredError` is raised where a
        result does not hold it.
    scales : tuple of str
        Scales of the result that can decide; empty for all.
    not_run : str
        Why there may be no result yet.
    not_decidable : str
        Why no result can decide the claim as it is posed.
    note : str
        What else must be said: assumptions, readings of the text.
    """

    id: str
    place: str
    claim: str
    result: str = ""
    measure: Callable[[Results], Measured] | None = None
    scales: tuple[str, ...] = ()
    not_run: str = ""
    not_decidable: str = ""
    note: str = ""

    @property
    def paper(self) -> str:
        """The paper that claims it."""
        return LILLICRAP if self.id.startswith("l16.") else LIAO
