"""Values as notebooks show them: tables in HTML, in which nothing of what is shown is obeyed."""

import html
from collections.abc import Iterable, Sequence

_STYLE = "<style>table.fatheory th, table.fatheory td {text-align: left}</style>"


def heading(kind: str, *names: str, code: str = "") -> str:
    """Return a line that says what is shown: its kind, its names, a hash or the like."""
    words = " ".join(escaped(name) for name in names if name)
    hashed = f" <code>{escaped(code)}</code>" if code else ""
    return f"<div><b>{escaped(kind)}</b> {words}{hashed}</div>"


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Return rows as a table; notebooks would align texts to the right, as they do numbers."""
    lines = ["".join(f"<th>{escaped(name)}</th>" for name in head)] if head else []
    lines += ["".join(f"<td>{escaped(cell)}</td>" for cell in row) for row in rows]
    inner = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'{_STYLE}<table class="fatheory">{inner}</table>'


def folded(summary: str, inner: str) -> str:
    """Return what is shown on request: HTML behind a line of text."""
    return f"<details><summary>{escaped(summary)}</summary>{inner}</details>"


def escaped(value: object) -> str:
    """Return text that a browser shows and does not obey, the ends of lines as such.

    ``$`` is written by its number, since notebooks would typeset what stands between two.
    """
    text = html.escape(str(value)).replace("$", "&#36;")
    return text.replace("\n", "<br>")
