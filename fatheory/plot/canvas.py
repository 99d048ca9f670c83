"""Axes in and out: those of the caller, or new ones in the house style."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from fatheory.errors import FatheoryError
from fatheory.figures.style import style


@contextmanager
def canvas(axes: Axes | None) -> Iterator[Axes]:
    """Draw into the caller's axes, as they look, or into new ones in the house style.

    Raises
    ------
    FatheoryError
        If `axes` are none of matplotlib's.
    """
    with panels(axes, 1) as one:
        yield one[0]


@contextmanager
def panels(axes: Any, n: int, width: float = 5.4, **layout: Any) -> Iterator[np.ndarray]:
    """Draw into n axes of the caller, or into new ones, side by side where `layout` says nothing.

    Parameters
    ----------
    axes : Axes, sequence of Axes, or None
        The caller's.
    n : int
        How many are needed.
    width : float
        Of one new panel, in inches.
    **layout
        What `matplotlib.pyplot.subplots` takes.

    Raises
    ------
    FatheoryError
        If `axes` are others or of another number.
    """
    if axes is not None:
        # `plt.subplots` gives one axes, a row or a table of them; as objects, so that NumPy looks
        # into none.
        given = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        strange = [one for one in given if not isinstance(one, Axes)]
        if strange:
            raise FatheoryError(
                f"axes are those of matplotlib, as plt.subplots() returns them; got "
                f"{strange[0]!r:.60}"
            )
        if given.size != n:
            raise FatheoryError(f"this figure has {n} panels; got {given.size} axes")
        yield given
        return
    # Not around the caller's axes: their look is the caller's choice.
    with style():
        shape: dict[str, Any] = {"ncols": n, "figsize": (width * n, 3.9), **layout}
        figure, made = plt.subplots(squeeze=False, **shape)
        try:
            yield made.ravel()
        except BaseException:
            plt.close(figure)  # a notebook would show the half of it
            raise


def add_legend(axes: Axes, handles: Sequence[Artist], **look: Any) -> None:
    """Add a legend that stays readable where it lies over lines."""
    # Framed, unlike the house style: a legend without a ground cannot be read over twenty seeds.
    axes.legend(handles=list(handles), frameon=True, framealpha=0.8, edgecolor="none", **look)
