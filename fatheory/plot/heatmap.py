"""Heatmaps of two axes of a sweep, which say of every cell whether there is a value, or why not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle

from fatheory import labels
from fatheory.errors import ArchiveError, UnknownNameError
from fatheory.figures import axis_label, plain, rule_name
from fatheory.plot.canvas import panels
from fatheory.plot.points import tick
from fatheory.plot.sweeps import swept_values
from fatheory.plot.values import Data, labels_along, last_word, only

_MANY = 100
"""Cells of a panel beyond which their numbers are not written into them."""
_DECADES = np.log10(30)
_WHY = {"pending": "to come", "failed": "failed", "diverged": "diverged"}


def heatmap(
    data: Data,
    variable: str | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    log: bool | None = None,
    axes: Axes | Sequence[Axes] | None = None,
    points: dict[str, Any] | None = None,
) -> np.ndarray:
    """Draw the last values of a sweep over two of its axes, a panel for every rule.

    Values are medians over seeds. Cells without one are hatched and say why: a seed diverged, the
    cell failed, or is still to come.

    Parameters
    ----------
    data : Dataset or DataArray
        The archive of a sweep, or values along axes of one, such as `fatheory.sweep.over_cells`
        returns; these without ``step``.
    variable : str, optional
        A variable of the archive; ``"loss"`` by default.
    x, y : str, optional
        Axes of the sweep, or ``"rule"``; by default the first two with several points, or the only
        one and the rules.
    log : bool, optional
        Whether colours are logarithmic; by default where values are positive and span a factor of
        30 or more.
    axes : Axes, or sequence of Axes, optional
        One for each panel; new ones by default.
    points : dict, optional
        Labels along other axes, as in ``{"layer": 2, "rule": "backprop"}``.

    Returns
    -------
    ndarray of Axes
        The panels, of one colour scale.

    Warns
    -----
    DivergedWarning
        If runs of the sweep diverged.

    Raises
    ------
    UnknownNameError
        If there is no such variable, axis or label.
    ArchiveError
        If values have more axes than can be shown; it says which, and how to select. If colours
        are to be logarithmic, and a value is not positive.
    """
    # The median with lost seeds kept in: a cell in which one diverged says so, and has no number.
    values = swept_values(data, variable, points, median=True)
    across, up = _two_axes(values, x, y)
    panel = labels.RULE if labels.RULE in values.dims and labels.RULE not in (across, up) else None
    values = only(values, [across, up, *([panel] if panel else [])], "a heatmap")
    parts = (
        {rule: values.isel({panel: i}) for i, rule in enumerate(labels_along(values, panel))}
        if panel
        else {str(values.coords.get(labels.RULE, xr.DataArray("")).item()): values}
        if labels.RULE not in (across, up)
        else {"": values}
    )
    # One scale for all panels, or equal colours would mean other numbers.
    norm = _norm(values.values, log)
    reasons = _reasons(data, across, up)
    width = max(3.4, 1.0 + 0.62 * values.sizes[across])
    with panels(axes, len(parts), width=width, sharey=True) as drawn:
        for one, (rule, own) in zip(drawn, parts.items(), strict=True):
            mesh = _draw(one, own.transpose(up, across), norm, reasons)
            one.set_title(plain(rule_name(rule)) if rule else "")
        drawn[0].set_ylabel(plain(last_word(up)))
        bar = drawn[0].figure.colorbar(mesh, ax=list(drawn))
        seeds = data.sizes.get(labels.SEED, 0)
        bar.set_label(axis_label(values) + (f", median of {seeds} seeds" if seeds > 1 else ""))
    return drawn


def _two_axes(values: xr.DataArray, x: str | None, y: str | None) -> tuple[str, str]:
    """Choose the two axes of the plane."""
    own = (labels.RULE, labels.SEED, labels.SOURCE, labels.LAYER)
    swept = [str(dim) for dim in values.dims if dim not in own]
    known = [str(dim) for dim in values.dims]
    for asked in (x, y):
        if asked is not None and asked not in known:
            raise UnknownNameError("axis", asked, known)
    several = [dim for dim in swept if values.sizes[dim] > 1 and dim not in (x, y)]
    free = iter([*several, *([labels.RULE] if labels.RULE in values.dims else [])])
    across = x or next(free, None)
    up = y or next((dim for dim in free if dim != across), None)
    if across is None or up is None or across == up:
        raise ArchiveError(
            f"a heatmap has two axes; {values.name!r} has {', '.join(known) or 'none'}: take "
            f"fatheory.plot.lines for one"
        )
    return across, up


def _norm(values: np.ndarray, log: bool | None) -> Normalize:
    known = values[np.isfinite(values)]
    if not known.size:
        return Normalize(0, 1)
    low, high = float(known.min()), float(known.max())
    if log and low <= 0:
        raise ArchiveError(
            f"logarithmic colours are of positive values, and the least is {low:.3g}: leave log "
            f"out, or draw those that are, as in values.where(values > 0)"
        )
    # The same factor of 30 as for curves, so that a sweep's map and its lines agree.
    if low > 0 and (log or (log is None and np.log10(high / low) > _DECADES)):
        # A scale of no width has no colours; Matplotlib would divide by it.
        return LogNorm(low, high if high > low else 1.01 * low)
    return Normalize(low, high if high > low else low + 1)


def _reasons(data: Data, across: str, up: str) -> xr.DataArray | None:
    """Return the status of cells, where the two axes tell all cells apart."""
    if isinstance(data, xr.DataArray) or labels.STATUS not in data:
        return None
    status = data[labels.STATUS]
    status = status.squeeze([d for d in status.dims if status.sizes[d] == 1])
    # With a further axis a square stands for several cells, which may lack values for several
    # reasons.
    return status if set(status.dims) <= {across, up} else None


def _draw(axes: Axes, values: xr.DataArray, norm: Normalize, reasons: xr.DataArray | None) -> Any:
    """Draw a panel, (up, across), and what is not there."""
    up, across = values.dims
    cells = values.values
    mesh = axes.pcolormesh(cells, cmap="viridis", norm=norm, edgecolors="white", linewidth=0.6)
    axes.grid(visible=False)
    axes.set_xlabel(plain(last_word(across)))
    for axis, dim in ((axes.xaxis, across), (axes.yaxis, up)):
        found = values[dim].values
        texts = [rule_name(str(f)) if dim == labels.RULE else tick(f) for f in found]
        # One square for each point, whatever the distance: swept values are often decades apart.
        axis.set_ticks(np.arange(len(texts)) + 0.5, texts)
    axes.tick_params(axis="x", labelrotation=30 if cells.shape[1] > 5 else 0)
    size = 8 if cells.shape[1] <= 6 else 6
    for (row, column), value in np.ndenumerate(cells):
        if not np.isfinite(value):
            _hatch(axes, row, column, _why(reasons, values, row, column), 6.5)
        elif cells.size <= _MANY:
            # Light on dark and dark on light, by the lightness of viridis, which rises evenly.
            colour = "black" if norm(value) > 0.6 else "white"
            at = (column + 0.5, row + 0.5)
            axes.text(*at, f"{value:.3g}", ha="center", va="center", fontsize=size, color=colour)
    return mesh


def _hatch(axes: Axes, row: int, column: int, why: str, size: float) -> None:
    axes.add_patch(
        Rectangle((column, row), 1, 1, facecolor="0.93", edgecolor="0.75", hatch="///", linewidth=0)
    )
    axes.text(column + 0.5, row + 0.5, why, ha="center", va="center", fontsize=size, color="0.25",
              bbox={"facecolor": "0.93", "edgecolor": "none", "pad": 1})  # fmt: skip


def _why(reasons: xr.DataArray | None, values: xr.DataArray, row: int, column: int) -> str:
    """Say why a cell has no value."""
    if reasons is None:
        return "none"
    places = dict(zip(values.dims, (row, column), strict=True))
    code = int(reasons.isel({dim: i for dim, i in places.items() if dim in reasons.dims}))
    names = str(reasons.attrs["flag_meanings"]).split()
    # A cell that is done can lack a rule; one that diverged did so under another rule, perhaps.
    return _WHY.get(names[code], "none")
