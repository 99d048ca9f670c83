"""All results in one list, with the residuals that their tests measured."""

import json
from importlib.resources import files

from fatheory.errors import UnknownNameError
from fatheory.theory.statements import (
    closed_form,
    convergence,
    deep,
    deep_reduction,
    exact_learners,
    flow,
    laws,
    online,
    order_parameters,
    pseudoinverse,
    reduction,
    signs,
    symbolic,
    wide,
)
from fatheory.theory.statements.entry import Entry

PARTS: dict[str, tuple[Entry, ...]] = {
    "Gradient flow and its invariant": flow.ENTRIES,
    "Exact reduction": reduction.ENTRIES,
    "Closed forms, mode by mode": closed_form.ENTRIES,
    "Pseudoinverse alignment": pseudoinverse.ENTRIES,
    "Convergence": convergence.ENTRIES,
    "Other exact learners": exact_learners.ENTRIES,
    "Signs and angles": signs.ENTRIES,
    "Networks of any depth": deep.ENTRIES,
    "Exact reduction at any depth": deep_reduction.ENTRIES,
    "Online learning at finite rates": online.ENTRIES,
    "Conservation laws": laws.ENTRIES,
    "Infinitely wide networks": wide.ENTRIES,
    "Order parameters of online learning": order_parameters.ENTRIES,
    "Symbolic proofs": symbolic.ENTRIES,
}
"""The parts of the catalogue by title, in the reader's order."""


def find_entry(name: str) -> Entry:
    """Return the entry called `name`.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists the known ones and the nearest.
    """
    entries = {entry.id: entry for part in PARTS.values() for entry in part}
    if name not in entries:
        raise UnknownNameError("catalogue entry", name, entries)
    return entries[name]


def residuals() -> dict[str, float]:
    """Return the worst residual of each entry, as its tests last measured it.

    Relative or absolute as the test says; 0 for a symbolic proof. Written by
    ``pytest tests/theory --write-residuals fatheory/theory/statements/residuals.json``.
    """
    # Measured by tests and kept in a file: measuring them takes minutes, and a catalogue is
    # printed.
    text = files("fatheory.theory.statements").joinpath("residuals.json").read_text("utf-8")
    return {name: float(value) for name, value in json.loads(text).items()}
