"""The catalogue as a value: a sequence of entries that shows itself as a table."""

import html

from fatheory.theory.statements.collect import PARTS, residuals
from fatheory.theory.statements.entry import Entry
from fatheory.theory.statements.render import catalogue_table, residual_text


class Catalogue(tuple[Entry, ...]):
    """Every result of the theory, in the reader's order; prints as a table, also in Jupyter."""

    __slots__ = ()

    def __repr__(self) -> str:
        return catalogue_table()

    __str__ = __repr__

    def _repr_html_(self) -> str:
        measured = residuals()
        head = ("id", "statement", "holds for", "source", "function", "verified by", "residual")
        rows = [
            (
                entry.id,
                f"${entry.statement}$",
                entry.assumptions,
                entry.source,
                entry.function,
                entry.verified,
                residual_text(entry, measured),
            )
            for entry in self
        ]
        # Escaped: statements are LaTeX, with < and & in it.
        cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
        return (
            "<table><tr>"
            + "".join(f"<th>{name}</th>" for name in head)
            + "</tr>"
            + "".join(f"<tr>{row}</tr>" for row in cells)
            + "</table>"
        )


def catalogue() -> Catalogue:
    """Return every result of the theory with what it rests on and what verifies it.

    Returns
    -------
    Catalogue
        A sequence of `Entry`: id, statement in LaTeX, assumptions, source, function, verification.
        The worst residuals that the tests measured are in its table and in `residuals`.
    """
    return Catalogue(entry for part in PARTS.values() for entry in part)
