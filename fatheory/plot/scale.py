"""What part of the numbers a figure shows: runs that explode do not flatten those that do not."""

import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fatheory.errors import ArchiveError, HiddenValuesWarning
from fatheory.plot.seeds import OverSeeds

_DECADES = np.log10(30)
"""Beyond a factor of 30 a linear axis shows the largest values alone."""
_MARGIN = 0.05
# Heights by which theory may widen the view that runs have set: enough to see where it goes, too
# little to flatten them.
_FOLLOWED = 0.5
_ROOM = 0.25
"""Share of the height that runs on their way out are followed above the others."""


def wants_log(values: Sequence[OverSeeds]) -> bool:
    """Whether lines are positive and span so much that a linear axis hides most of it."""
    middle = _finite([over.middle.values for over in values])
    if not middle.size or middle.min() <= 0:
        return False
    return bool(np.log10(middle.max()) - np.log10(middle.min()) > _DECADES)


def make_logarithmic(axes: Axes, values: Sequence[OverSeeds]) -> None:
    """Make the y axis logarithmic, on which lines have no place where they are not positive.

    Warns
    -----
    HiddenValuesWarning
        If lines have such values: how many, of how many.

    Raises
    ------
    ArchiveError
        If they have no others.
    """
    middle = _finite([over.middle.values for over in values])
    hidden = int((middle <= 0).sum())
    if hidden == middle.size > 0:
        raise ArchiveError(
            f"a logarithmic axis shows positive values, and all {hidden} lie between "
            f"{middle.min():.3g} and {middle.max():.3g}: leave log out"
        )
    if hidden:
        warnings.warn(
            f"a logarithmic axis shows positive values: {hidden} of {middle.size} are hidden, down "
            f"to {middle.min():.3g}",
            HiddenValuesWarning,
            stacklevel=4,
        )
    axes.set_yscale("log")


def fit_view(
    axes: Axes,
    leading: Sequence[OverSeeds],
    others: Sequence[OverSeeds],
    lost: Sequence[Line2D],
) -> None:
    """Limit the y axis, and put a cross where lost runs leave or end.

    Parameters
    ----------
    axes : Axes
        Where the lines are, in their scale.
    leading : sequence of OverSeeds
        Those that are shown whole with their bands: of simulation.
    others : sequence of OverSeeds
        Those that are followed for half as much again: of theory, which may fall to nothing.
    lost : sequence of Line2D
        Of runs that diverged, which are followed a little.
    """
    middle = _finite([over.middle.values for over in leading])
    if not middle.size:
        middle = _finite([np.asarray(line.get_ydata()) for line in lost])
    is_log = axes.get_yscale() == "log"
    if middle.size and not (is_log and middle.min() <= 0):
        ends = _finite([end.values for over in leading for end in (over.low, over.high)])
        shown = np.concatenate([middle, ends])
        beside = _finite([over.middle.values for over in others])
        if is_log:
            # The interval of a mean may reach below zero, which a logarithm does not show.
            shown = np.log10(shown[shown >= middle.min() / 3])
            beside = np.log10(beside[beside > 0])
        low, high = _limits(shown, beside, room=bool(lost))
        axes.set_ylim(*(np.power(10.0, [low, high]) if is_log else (low, high)))
    for line in lost:
        _cross(axes, line)


def _limits(shown: np.ndarray, beside: np.ndarray, *, room: bool) -> tuple[float, float]:
    low, high = float(shown.min()), float(shown.max())
    # A constant line has no height, and one at zero no size either; an axis needs some.
    height = (high - low) or abs(high) or 1.0
    if beside.size:
        low = min(low, max(float(beside.min()), low - _FOLLOWED * height))
        high = max(high, min(float(beside.max()), high + _FOLLOWED * height))
        height = high - low or height
    return low - _MARGIN * height, high + (_ROOM if room else _MARGIN) * height


def _cross(axes: Axes, line: Line2D) -> None:
    """Mark where a run ends, or leaves what is shown."""
    x, y = (np.asarray(part, dtype=np.float64) for part in line.get_data())
    there = np.flatnonzero(np.isfinite(y))
    if not there.size:
        return
    low, high = axes.get_ylim()
    # Crosses go where the run leaves the picture, or a run that explodes would end unmarked above
    # it.
    within = there[(y[there] <= high) & (y[there] >= low)]
    last = int(within[-1]) if within.size else int(there[0])
    at = there[-1] if last == there[-1] else min(last + 1, there[-1])
    axes.plot(
        [x[at]],
        [np.clip(y[at], low, high)],
        "x",
        color=line.get_color(),
        markersize=6,
        markeredgewidth=1.4,
        clip_on=False,
        zorder=3,
    )


def _finite(parts: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate([np.zeros(0), *(np.ravel(part).astype(np.float64) for part in parts)])
    return values[np.isfinite(values)]
