"""All claims of both papers, in the order in which the papers make them."""

from fatheory.claims.entries import (
    alignment,
    depth,
    digits,
    linear,
    methods,
    signs,
    spikes,
    statements,
)
from fatheory.claims.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    *statements.OF_LILLICRAP,
    *linear.ENTRIES,
    *digits.ENTRIES,
    *depth.ENTRIES,
    *spikes.ENTRIES,
    *alignment.ENTRIES,
    *methods.ENTRIES,
    *statements.OF_LIAO,
    *signs.ENTRIES,
)
"""The rows of the ledger."""
