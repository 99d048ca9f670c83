"""A progress bar in a notebook: HTML that replaces itself, or plain text where there is no HTML."""

import sys
import time
from typing import Any

from fatheory.markup import escaped

_PATIENCE = 1.0
"""Seconds before a bar is shown: short runs show none."""
_PAUSE = 0.25
"""Seconds between two looks of a bar; every one is a message to the browser."""


def in_notebook() -> bool:
    """Whether output goes to a notebook, and not to a terminal or a file."""
    # What is not imported does not run the code.
    shell = sys.modules.get("IPython.core.getipython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and getattr(running, "kernel", None) is not None


class NotebookBar:
    """A bar that shows how far something is, and in the end how long it took.

    Parameters
    ----------
    title : str
        What is going on.
    total : int
        How many steps, or whatever else `unit` says, there are in all.
    unit : str
        What is counted.
    """

    def __init__(self, title: str, total: int, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._done, self._first = 0, 0
        self._began = self._shown = time.monotonic()
        self._display: Any = None

    def advance(self, steps: int) -> None:
        """Count `steps` more as done."""
        if self._display is None and self._done == self._first == 0 and self._just_begun():
            # What an earlier process did says nothing about the pace of this one.
            self._first = steps
        self._done += steps
        now = time.monotonic()
        if now - self._began >= _PATIENCE and now - self._shown >= _PAUSE:
            self._shown = now
            self._show(self._going(now))

    def close(self, *, stopped: bool) -> None:
        """Say how it ended, if it was shown."""
        if self._display is None:
            return
        taken = _seconds(time.monotonic() - self._began)
        if stopped:
            self._show(f"{self._title} stopped at {self._counted()} after {taken}")
        else:
            self._show(f"{self._title}: {self._total:,} {self._unit} in {taken}", whole=True)

    def _just_begun(self) -> bool:
        return time.monotonic() - self._began < _PATIENCE / 10

    def _counted(self) -> str:
        return f"{self._done:,} / {self._total:,} {self._unit}"

    def _going(self, now: float) -> str:
        taken, done = now - self._began, self._done - self._first
        left = _seconds(taken * (self._total - self._done) / done) if done else "?"
        return f"{self._title}  {self._counted()}, {_seconds(taken)}, left {left}"

    def _show(self, text: str, *, whole: bool = False) -> None:
        from IPython.display import display

        share = 1.0 if whole else self._done / max(self._total, 1)
        shown = _Shown(text, share)
        if self._display is None:
            self._display = display(shown, display_id=True)
        else:
            self._display.update(shown)


class _Shown:
    """One look of a bar."""

    def __init__(self, text: str, share: float) -> None:
        self._text, self._share = text, share

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        # The text is beside the bar, and not in it: browsers read neither out of saved notebooks.
        bar = f'<progress value="{self._share:.4f}" max="1" style="width:20em"></progress>'
        return f"<div>{bar} {escaped(self._text)}</div>"


def _seconds(value: float) -> str:
    """Write a duration as people say it: 12 s, 3 min 05 s, 2 h 07 min."""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, seconds = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
