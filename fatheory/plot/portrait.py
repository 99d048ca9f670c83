"""Phase portraits: one quantity against another along runs, over the field that moves them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fatheory import labels
from fatheory.errors import ArchiveError, FatheoryError
from fatheory.figures import axis_label, plain, rule_name
from fatheory.plot.canvas import add_legend, canvas
from fatheory.plot.values import Data, colours_of, only, rules_behind, values_of

Field = Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]
_POINTS = 25
_ALONG = (labels.RULE, labels.SEED, labels.STEP)


def phase_portrait(
    x: Data,
    y: Data,
    *,
    names: tuple[str | None, str | None] = (None, None),
    field: Field | None = None,
    axes: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the paths of runs in the plane of two quantities, one for every rule and seed.

    A ring marks where a run begins, a dot where it ends, and a cross where it was lost.

    Parameters
    ----------
    x, y : DataArray, or Dataset
        Values along ``step``, of the same rules and seeds by their labels, such as two metrics of
        one archive; or an archive, of which `names` says what to take.
    names : pair of str
        The variables or quantities of archives for x and y.
    field : callable, optional
        From X and Y, arrays over the plane, to their velocities: drawn as streamlines.
    axes, legend
        As of `fatheory.plot.curves`.

    Returns
    -------
    Axes
        Where it was drawn.

    Raises
    ------
    ArchiveError
        If x and y share no rule, seed or step, or have axes beside them.
    FatheoryError
        If the field does not return two arrays of the plane's shape.

    Examples
    --------
    >>> import fatheory as fa
    >>> run = fa.simulate(fa.presets["lillicrap2016/fig2"].replaced(seeds=2))
    >>> axes = fa.plot.phase_portrait(fa.metrics.angle(run, "weight", layer=2), run.loss)
    >>> axes.get_ylabel()
    'loss'
    """
    across, up = (values_of(data, name) for data, name in zip((x, y), names, strict=True))
    across, up = (only(values, _ALONG, "a phase portrait") for values in (across, up))
    paths = _paths(across, up)
    colours = colours_of(y, paths, rules_behind(x))
    with canvas(axes) as drawn:
        for label, runs in paths.items():
            for horizontal, vertical in runs:
                _draw_path(drawn, horizontal, vertical, colours[label])
        drawn.set(xlabel=axis_label(across), ylabel=axis_label(up))
        if field is not None:
            _draw_field(drawn, field)
        if legend:
            handles = [
                Line2D([], [], color=colours[label], label=plain(rule_name(label) or "all"))
                for label in paths
            ]
            counts = sorted({_with_values(runs) for runs in paths.values()})
            n = " to ".join(str(count) for count in (counts[:1] + counts[-1:])[: len(counts)])
            start = {"color": "0.4", "marker": "o", "markerfacecolor": "white", "markersize": 5}
            handles.append(Line2D([], [], label=f"start; n = {n}", **start))  # type: ignore[arg-type]
            add_legend(drawn, handles)
    return drawn


def _paths(
    across: xr.DataArray, up: xr.DataArray
) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Return the runs of every rule, by the labels that both have."""
    # Other coordinates, such as times of another learning rate, would stand against the alignment.
    across, up = (values.drop_vars(_besides(values)) for values in (across, up))
    # Pairs by label: two quantities need not be recorded at the same steps.
    across, up = xr.align(across, up, join="inner")
    across, up = xr.broadcast(across, up)
    if labels.STEP not in across.dims or not across.size:
        raise ArchiveError(
            "x and y share no rule, seed and step by their labels; take both from one archive"
        )
    for dim in (labels.RULE, labels.SEED):
        if dim not in across.dims:
            label = across.coords[dim].item() if dim in across.coords else ""
            across, up = (v.drop_vars(dim, errors="ignore") for v in (across, up))
            across, up = (v.expand_dims({dim: [label]}) for v in (across, up))
    across, up = (v.transpose(*_ALONG).sortby(labels.STEP) for v in (across, up))
    known = (across.notnull() & up.notnull()).any((labels.SEED, labels.STEP)).values
    return {
        str(rule): list(zip(across.values[i], up.values[i], strict=True))
        for i, rule in enumerate(across[labels.RULE].values)
        if known[i]
    }


def _besides(values: xr.DataArray) -> list[str]:
    return [str(name) for name in values.coords if name not in _ALONG]


def _with_values(runs: list[tuple[np.ndarray, np.ndarray]]) -> int:
    return sum(bool((np.isfinite(x) & np.isfinite(y)).any()) for x, y in runs)


def _draw_path(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    there = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not there.size:
        return
    axes.plot(x, y, color=colour, linewidth=1.2, alpha=0.8)
    first, last = there[0], there[-1]
    axes.plot(x[first], y[first], "o", color=colour, markerfacecolor="white", markersize=5)
    # NaN up to the end is what a diverged run leaves.
    lost = last < len(x) - 1
    axes.plot(x[last], y[last], "x" if lost else "o", color=colour, markersize=6 if lost else 4)


def _draw_field(axes: Axes, field: Field) -> None:
    # After the paths, whose view the field is to fill.
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    X, Y = np.meshgrid(np.linspace(left, right, _POINTS), np.linspace(low, high, _POINTS))
    found = field(X, Y)
    try:
        U, V = (np.broadcast_to(np.asarray(part, dtype=np.float64), X.shape) for part in found)
    except (TypeError, ValueError) as error:
        raise FatheoryError(
            f"a field returns two arrays of the shape {X.shape} of X and Y, their velocities: "
            f"{error}"
        ) from None
    axes.streamplot(X, Y, U, V, color="0.75", linewidth=0.7, arrowsize=0.7, density=1.1, zorder=0)
    # Streamlines reach the ends of their grid and would shift the view off the paths.
    axes.set(xlim=(left, right), ylim=(low, high))
