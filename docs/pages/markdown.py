"""Text and tables in Markdown."""

from collections.abc import Iterable, Sequence


def literal(prose: str) -> str:
    """Keep formulas in prose from being read as Markdown: x*, W_l, |W|, <x>, $."""
    for mark in "\\*_|<$`[]":
        prose = prose.replace(mark, f"\\{mark}")
    return " ".join(prose.split())


def code(text: str) -> str:
    """Return text as code; bars stay out of a table's way."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
