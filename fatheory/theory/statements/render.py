"""The catalogue as text and as Markdown."""

from fatheory.theory.statements.collect import PARTS, residuals
from fatheory.theory.statements.entry import Entry

_HEADER = ("id", "residual", "function")

_INTRODUCTION = """\
# The theory, statement by statement

Each statement is computed by the function that is named with it and verified by independent
routes in the tests. The residual is the worst that those tests measured, in double precision;
relative or absolute as the test says, 0 for a proof by SymPy. Time is learning rate times step.
"""


def catalogue_table() -> str:
    """Render the catalogue as a text table: id, worst residual, function."""
    measured = residuals()
    rows = [
        (entry.id, residual_text(entry, measured), entry.function)
        for part in PARTS.values()
        for entry in part
    ]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    lines = [_HEADER, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def catalogue_markdown() -> str:
    """Render the catalogue as a Markdown page with the statements in LaTeX."""
    measured = residuals()
    sections = [_INTRODUCTION]
    for title, entries in PARTS.items():
        sections.append(f"## {title}\n")
        sections.extend(_section(entry, measured) for entry in entries)
    return "\n".join(sections)


def _section(entry: Entry, measured: dict[str, float]) -> str:
    return f"{entry._repr_markdown_()}- Worst residual: {residual_text(entry, measured)}\n"


def residual_text(entry: Entry, measured: dict[str, float]) -> str:
    """Write an entry's worst residual, or say that none was measured."""
    return f"{measured[entry.id]:.1e}" if entry.id in measured else "not measured"
