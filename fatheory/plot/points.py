"""Where the points of an axis stand: at their numbers, or one after another."""

import re
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from fatheory.figures import plain
from fatheory.plot.values import last_word

_SINGLE = re.compile(r"^\[\s*(\d+(?:\.\d+)?)\s*\]$")
_FAR = 20.0
"""Beyond this factor between the points of an axis it is logarithmic."""
_LONGEST_TICK = 14


@dataclass(frozen=True)
class Points:
    """The points of an axis.

    Attributes
    ----------
    name : str
        What the axis is called, in short.
    at : ndarray
        Where they stand.
    texts : tuple of str
        What is written there.
    numeric : bool
        Whether they stand at their numbers.
    """

    name: str
    at: np.ndarray
    texts: tuple[str, ...]
    numeric: bool

    @classmethod
    def of(cls, values: xr.DataArray, dim: str) -> "Points":
        """Read the labels along an axis; those of one-layer networks, ``"[10]"``, are widths."""
        found = values[dim].values
        texts = tuple(tick(text) for text in found)
        if found.dtype.kind in "if":
            return cls(last_word(dim), found.astype(np.float64), texts, numeric=True)
        # A sweep of widths has lists as values, which archives hold as text; as numbers they can be
        # spaced.
        single = [_SINGLE.match(str(text)) for text in found]
        if all(single):
            numbers = [match[1] for match in single if match]
            at = np.array(numbers, dtype=np.float64)
            return cls(last_word(dim), at, tuple(numbers), numeric=True)
        return cls(last_word(dim), np.arange(len(texts), dtype=np.float64), texts, numeric=False)

    def put_on(self, axes: Axes) -> None:
        """Label the x axis, and scale it to numbers that lie far apart."""
        axes.set_xlabel(plain(self.name))
        if not self.numeric:
            axes.set_xticks(self.at, list(self.texts))
        # Where points span more, all but the largest would crowd at the left end of a linear axis.
        elif self.at.size > 1 and self.at.min() > 0 and self.at.max() > _FAR * self.at.min():
            axes.set_xscale("log")


def tick(label: object) -> str:
    """Write the label of a point in short."""
    if isinstance(label, float | np.floating):
        return f"{label:g}"
    text = plain(str(label))
    return text if len(text) <= _LONGEST_TICK else f"{text[: _LONGEST_TICK - 1]}…"
