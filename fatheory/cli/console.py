"""What the command line prints on, and how it shows text and tables.

Names, labels, paths and messages come from users and from files. They are shown and never obeyed:
no markup, no emoji codes, no control characters, whatever the place they are printed at.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fatheory.errors import visible_lines

_WHOLE = 32
"""Letters that the first cells of a table may have without being folded."""
_HEAD_WIDTH = 16
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class PlainConsole(Console):
    """A console that shows strings as they are; styles are given, not written into them."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; strings in one style, if any, with lines broken where they are."""
        super().print(*(shown(o) if isinstance(o, str) else o for o in objects), **options)


def shown(text: str) -> Text:
    """Return text of which nothing is obeyed but the ends of lines."""
    return Text(visible_lines(text))


out = PlainConsole()
"""Standard output: results."""
err = PlainConsole(stderr=True)
"""Standard error: progress, warnings, errors."""


def print_exactly(text: str) -> None:
    """Print what another program is to read, such as JSON, character by character."""
    # Not by rich, which wraps at the terminal's width and would break JSON within words.
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _broken(head: str) -> str:
    """Break a long head behind its dots and underscores, not amid a word."""
    lines = [""]
    for part in re.findall(r"[^._]*[._]?", head):
        if lines[-1] and len(lines[-1]) + len(part) > _HEAD_WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under column heads; cells fold instead of being cut."""
    table = Table(
        title=shown(title), title_justify="left", box=None, pad_edge=False, title_style="bold"
    )
    filled = [tuple(row) for row in rows]
    widths = [max(map(len, cells)) for cells in zip(columns, *filled, strict=True)]
    fits = sum(widths) + len(widths) <= out.width
    for i, column in enumerate(columns):
        # Names lead a row and are copied from there, so that they stay whole if there is room.
        whole = i == 0 and all(len(row[0]) <= _WHOLE for row in filled)
        head = shown(column if fits else _broken(column))
        table.add_column(head, overflow="fold", no_wrap=whole)
    for row in filled:
        table.add_row(*map(shown, row))
    out.print(table)
