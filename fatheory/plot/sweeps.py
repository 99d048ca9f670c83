"""Values of sweeps: lines along an axis, over seeds, and heatmaps of two."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fatheory import labels
from fatheory.archive import warn_of_divergence
from fatheory.checks import require_kind
from fatheory.errors import ArchiveError, UnknownNameError
from fatheory.figures import axis_label, plain, rule_name, source_line
from fatheory.plot.canvas import add_legend, canvas
from fatheory.plot.curves import SIMULATION
from fatheory.plot.points import Points
from fatheory.plot.scale import fit_view, make_logarithmic, wants_log
from fatheory.plot.seeds import OverSeeds, Summary, n_text
from fatheory.plot.values import (
    Data,
    colours_of,
    labels_along,
    last_word,
    only,
    rules_behind,
    selected,
)

_OWN = (labels.RULE, labels.SEED, labels.SOURCE)


def lines(
    data: Data,
    variable: str | None = None,
    *,
    x: str | None = None,
    summary: Summary | None = None,
    log: bool | None = None,
    axes: Axes | None = None,
    legend: bool = True,
    points: dict[str, Any] | None = None,
) -> Axes:
    """Draw the last values of a sweep along one of its axes, over seeds, with bands.

    Rules have their colours, points of a second axis shades of them, and sources
    (``fatheory.sweep.side_by_side``) line styles: theory over simulation. Where runs diverged the
    line is over the others, and a cross at the foot of the figure says how many.

    Parameters
    ----------
    data : Dataset or DataArray
        The archive of a sweep, or values along axes of one, such as `fatheory.sweep.over_cells`
        returns; these without ``step``.
    variable : str, optional
        A variable of the archive, of which the last values are drawn; ``"loss"`` by default.
    x : str, optional
        The axis of the sweep; by default the first with several points.
    summary, log, axes, legend
        As of `fatheory.plot.curves`.
    points : dict, optional
        Labels along other axes, as in ``{"layer": 2}``.

    Returns
    -------
    Axes
        Where it was drawn.

    Warns
    -----
    DivergedWarning
        If runs of the sweep diverged.
    HiddenValuesWarning
        If `log` was asked for, and some values are not positive.

    Raises
    ------
    UnknownNameError
        If there is no such variable, axis or label.
    ArchiveError
        If values have more axes than can be shown; it says which, and how to select. If the axis
        is to be logarithmic, and no value is positive.
    """
    values = swept_values(data, variable, points)
    along = _axis(values, x)
    where = Points.of(values, along)
    if where.numeric:
        # Lines go from one number to the next, in whatever order the axis lists them.
        values = values.isel({along: np.argsort(where.at, kind="stable")})
        where = Points.of(values, along)
    with canvas(axes) as drawn:
        found = list(_series(values, data, along))
        over, chosen = _summaries(found, summary, log)
        if chosen:
            make_logarithmic(drawn, over)
        for series, own in zip(found, over, strict=True):
            _draw(drawn, series, own, where)
        where.put_on(drawn)
        drawn.set_ylabel(axis_label(values))
        leading = [own for s, own in zip(found, over, strict=True) if s.source == SIMULATION]
        others = [own for s, own in zip(found, over, strict=True) if s.source != SIMULATION]
        fit_view(drawn, leading or others, others if leading else (), ())
        lost = [
            _cross_lost(drawn, series, where) for series in found if series.source == SIMULATION
        ]
        if legend:
            _add_legend(drawn, values, found, over, lost=any(lost))
    return drawn


def swept_values(
    data: Data, variable: str | None, points: dict[str, Any] | None, *, median: bool = False
) -> xr.DataArray:
    """Return the last values in the cells of a sweep, or values that were made of them.

    Parameters
    ----------
    data : Dataset or DataArray
        The sweep, or the values.
    variable : str, optional
        What to take of a sweep.
    points : dict, optional
        Labels to select.
    median : bool
        Whether to take the median over seeds, which is NaN where one diverged.

    Raises
    ------
    ArchiveError
        If `data` is a dataset of no sweep.
    UnknownNameError
        If there is no such variable or label.
    """
    require_kind("data", data, (xr.Dataset, xr.DataArray), "load a sweep with fatheory.load")
    if isinstance(data, xr.DataArray):
        values = data
        if median and labels.SEED in values.dims:
            values = values.median(labels.SEED, skipna=False, keep_attrs=True)
    elif labels.STATUS not in data:
        raise ArchiveError(
            "lines and heatmaps are of sweeps, as Sweep.run and fatheory.load return them, or of "
            "values along their axes; of a run draw fatheory.plot.curves"
        )
    else:
        # Sweeps train, and so load JAX, which figures of runs do without.
        from fatheory.sweep.summary import final_values, last_values

        warn_of_divergence(data)
        values = (final_values if median else last_values)(data, variable or labels.LOSS)
    if labels.STEP in values.dims:
        raise ArchiveError(
            f"{values.name!r} is along {labels.STEP!r}; select one, as in values.isel(step=-1)"
        )
    return selected(values, **(points or {}))


@dataclass(frozen=True)
class _Series:
    """The values of one line."""

    label: str
    text: str
    source: str
    values: xr.DataArray
    colour: str


def _axis(values: xr.DataArray, asked: str | None) -> str:
    """Choose the axis to draw along."""
    known = [str(dim) for dim in values.dims if dim not in (*_OWN, labels.LAYER)]
    if asked is not None and asked not in values.dims:
        raise UnknownNameError("axis", asked, known)
    if asked is None and not known:
        raise ArchiveError(
            f"{values.name!r} has no axis of a sweep; it has "
            f"{', '.join(map(str, values.dims)) or 'none'}"
        )
    # An axis of one point draws no line; it is taken only where there is no other.
    several = [dim for dim in known if values.sizes[dim] > 1]
    return asked or (several or known)[0]


def _series(values: xr.DataArray, data: Data, along: str) -> list[_Series]:
    further = [dim for dim in values.dims if dim not in (*_OWN, along) and values.sizes[dim] > 1]
    values = only(values, (*_OWN, along, *further[:1]), "a figure of lines")
    dims = [dim for dim in (labels.RULE, *further[:1]) if dim in values.dims]
    known = rules_behind(data)
    each = list(itertools.product(*(range(values.sizes[dim]) for dim in dims)))
    named: dict[str, tuple[str, dict[Any, int], str]] = {}
    for place in each:
        at = dict(zip(dims, place, strict=True))
        words = {dim: labels_along(values, str(dim))[i] for dim, i in at.items()}
        shown = [
            rule_name(text) if dim == labels.RULE else f"{last_word(dim)} {text}"
            for dim, text in words.items()
        ]
        rule = words.get(labels.RULE, "")
        named[", ".join(words.values())] = (", ".join(shown), at, known.get(rule, rule))
    behind = {label: rule for label, (_, _, rule) in named.items() if rule}
    colours = colours_of(data, named, behind)
    sources = labels_along(values, labels.SOURCE) or [SIMULATION]
    return [
        _Series(label, text, source, own, colours[label])
        for i, source in enumerate(sources)
        for label, (text, at, _) in named.items()
        if (own := _of_source(values, i).isel(at)).notnull().any()
    ]


def _of_source(values: xr.DataArray, place: int) -> xr.DataArray:
    return values.isel({labels.SOURCE: place}) if labels.SOURCE in values.dims else values


def _summaries(
    found: list[_Series], summary: Summary | None, log: bool | None
) -> tuple[list[OverSeeds], bool]:
    over = [OverSeeds.of(series.values, summary or "mean") for series in found]
    chosen = wants_log(over) if log is None else log
    if chosen and summary is None:
        over = [OverSeeds.of(series.values, "median") for series in found]
    return over, chosen


def _draw(axes: Axes, series: _Series, own: OverSeeds, where: Points) -> None:
    look: dict[str, Any] = {"color": series.colour, **source_line(series.source)}
    marker = "o" if series.source == SIMULATION else ""
    axes.plot(where.at, own.middle.values, marker=marker, markersize=4, **look)
    if series.source == SIMULATION:
        low, high = own.low.values, own.high.values
        axes.fill_between(where.at, low, high, color=series.colour, alpha=0.18, linewidth=0)


def _cross_lost(axes: Axes, series: _Series, where: Points) -> bool:
    """Mark, at the foot of the figure, where seeds have no value, and how many of them."""
    if labels.SEED not in series.values.dims:
        return False
    missing = series.values.isnull().sum(labels.SEED).values
    foot = axes.get_xaxis_transform()
    for place in np.flatnonzero(missing):
        # At the foot, in parts of the height: where no seed has a value there is no y to put it at.
        axes.plot(
            where.at[place], 0.03, "x", transform=foot, color=series.colour, markersize=6, zorder=3
        )
        axes.annotate(
            f"{int(missing[place])}",
            (where.at[place], 0.03),
            xycoords=foot,
            xytext=(5, 0),
            textcoords="offset points",
            fontsize=7,
            va="center",
            color=series.colour,
        )
    return bool(missing.any())


def _add_legend(
    axes: Axes,
    values: xr.DataArray,
    found: list[_Series],
    over: list[OverSeeds],
    *,
    lost: bool,
) -> None:
    handles: dict[str, Artist] = {}
    for series in found:
        handles.setdefault(
            series.label, Line2D([], [], color=series.colour, label=plain(series.text or "all"))
        )
    shown = [*handles.values()]
    counted = [own for own in over if own.total]
    if counted:
        counts = np.concatenate([np.ravel(own.n.values) for own in counted]).astype(int)
        # Where no seed is left there is no point, and a cross says so.
        least, most = int(counts[counts > 0].min(initial=counts.max())), int(counts.max())
        alike = n_text(most, counted[0].total)
        note = ", ".join(
            filter(None, (counted[0].band, alike if least == most else f"n = {least} to {most}"))
        )
        shown.append(Patch(color="0.4", alpha=0.3, linewidth=0, label=note))
    if lost:
        cross: dict[str, Any] = {"color": "0.4", "marker": "x", "linestyle": "none"}
        shown.append(Line2D([], [], label="seeds without a value", **cross))
    sources = list(dict.fromkeys(series.source for series in found))
    if len(sources) > 1:
        shown += [
            Line2D([], [], color="0.4", label=plain(source), **source_line(source))
            for source in sources
        ]
    rule = values.coords.get(labels.RULE)
    title = None if rule is None or rule.ndim else plain(rule_name(str(rule.item())))
    add_legend(axes, shown, title=title)
