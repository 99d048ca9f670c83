"""A progress bar with the time left: on terminals and in notebooks, for runs that take a while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from fatheory.train.notebook import NotebookBar, in_notebook


@runtime_checkable
class Progress(Protocol):
    """Something that is told how far a run has come."""

    def advance(self, steps: int) -> None:
        """Count `steps` more as done."""


class _Silent:
    def advance(self, steps: int) -> None:
        del steps


@contextmanager
def progress_bar(
    wanted: bool | None, title: str, total: int, unit: str = "steps"
) -> Iterator[Progress]:
    """Show a progress bar on standard error, or in the notebook, while the block runs.

    Parameters
    ----------
    wanted : bool or None
        None shows it in notebooks, and where standard error is a terminal.
    title : str
        What is going on.
    total : int
        How many steps, or whatever else `unit` says, there are in all.
    unit : str
        What is counted.
    """
    notebook = in_notebook()
    if not (notebook or sys.stderr.isatty() if wanted is None else wanted):
        yield _Silent()
        return
    if notebook:
        shown, stopped = NotebookBar(title, total, unit), True
        try:
            yield shown
            stopped = False
        finally:
            shown.close(stopped=stopped)
        return
    # Imported here, as most runs show no bar.
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} / {{task.total:,.0f}} {unit}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # A bar that vanishes when done leaves short runs with nothing to show.
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)

        class _Shown:
            def advance(self, steps: int) -> None:
                bar.advance(task, steps)

        yield _Shown()
