"""What the command line prints on, and how it shows tables."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

out = Console(highlight=False)
"""Standard output: results."""
err = Console(stderr=True, highlight=False)
"""Standard error: progress, warnings, errors."""


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under column heads; cells fold instead of being cut."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)
