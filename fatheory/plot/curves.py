"""Curves along a run: a line over seeds for every rule, its band, and the runs that were lost."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fatheory import labels
from fatheory.errors import ArchiveError, UnknownNameError
from fatheory.figures import axis_label, plain, rule_name, source_line
from fatheory.plot.canvas import add_legend, canvas
from fatheory.plot.scale import fit_view, make_logarithmic, wants_log
from fatheory.plot.seeds import OverSeeds, Summary, lost_seeds, n_text
from fatheory.plot.values import (
    Data,
    colours_of,
    in_order,
    labels_along,
    last_word,
    only,
    places_along,
    rules_behind,
    values_of,
)

Along = Literal["step", "time"]
SIMULATION = "simulation"
_OWN = (labels.RULE, labels.SEED, labels.STEP)


def curves(
    data: Data,
    variable: str | None = None,
    *,
    x: Along = "step",
    summary: Summary | None = None,
    log: bool | None = None,
    axes: Axes | None = None,
    legend: bool = True,
    **line: Any,
) -> Axes:
    """Draw a variable along runs: a line for every rule, over seeds, with a band that says its n.

    Rules have their colours; labels of one rule, or entries of a further axis (``layer``, or one of
    a sweep), shades of it; sources (``fatheory.sweep.side_by_side``) line styles. A run that
    diverged is drawn by itself, thin, up to a cross where its values end; the line is over the
    other seeds, and the legend says of how many.

    Parameters
    ----------
    data : Dataset or DataArray
        An archive, a selection from one, or values from one, such as `fatheory.metrics` return,
        along ``step``, or ``time`` as theory at array level has it.
    variable : str, optional
        A variable of the archive, or a quantity; ``"loss"`` by default.
    x : str
        ``"step"``, or ``"time"`` = learning rate x step.
    summary : str, optional
        ``"mean"`` over seeds with its confidence interval of 95 % (Student's t), or ``"median"``
        with the central 95 % of the seeds; by default the mean, and on a logarithmic axis the
        median, for the interval of a mean may reach below zero. The legend says which.
    log : bool, optional
        Whether the y axis is logarithmic; by default where values are positive and span a factor
        of 30 or more.
    axes : Axes, optional
        Where; new ones by default.
    legend : bool
        Whether to add one.
    **line
        How matplotlib draws the lines, as in ``linewidth=3``.

    Returns
    -------
    Axes
        Where it was drawn.

    Warns
    -----
    DivergedWarning
        If runs of an archive diverged.
    HiddenValuesWarning
        If `log` was asked for, and some values are not positive.

    Raises
    ------
    UnknownNameError
        If there is no such variable, or `x` or `summary` is none of those.
    ArchiveError
        If values have axes that curves have no place for, or none along ``step``; if the axis is
        to be logarithmic, and no value is positive.

    Examples
    --------
    >>> import fatheory as fa
    >>> run = fa.simulate(fa.presets["lillicrap2016/fig2"].replaced(seeds=2))
    >>> axes = fa.plot.curves(run, "loss")
    >>> axes.get_ylabel()
    'loss'
    """
    values = by_source(_along_steps(values_of(data, variable)))
    with canvas(axes) as drawn:
        draw_curves(values, drawn, data=data, x=x, summary=summary, log=log, legend=legend, **line)
    return drawn


def by_source(values: xr.DataArray) -> dict[str, xr.DataArray]:
    """Part values by their source; those of one are simulation's, for how they are drawn."""
    if labels.SOURCE not in values.dims:
        return {SIMULATION: values}
    sources = labels_along(values, labels.SOURCE)
    return {source: values.isel({labels.SOURCE: i}) for i, source in enumerate(sources)}


def _along_steps(values: xr.DataArray) -> xr.DataArray:
    """Take times for steps where theory has times alone."""
    if labels.STEP in values.dims or labels.TIME not in values.dims:
        return values
    times = values[labels.TIME]
    values = values.rename({labels.TIME: labels.STEP})
    return values.assign_coords({labels.TIME: (labels.STEP, times.values, times.attrs)})


@dataclass(frozen=True)
class _Curve:
    """One line to be drawn: what it is called, where it lies, how it looks."""

    label: str
    text: str
    source: str
    values: xr.DataArray
    where: np.ndarray
    colour: str


@dataclass(frozen=True)
class _Told:
    """What the legend says of a line: its name, its colour, how many seeds, of how many."""

    text: str
    colour: str
    n: int
    total: int


def draw_curves(
    values: Mapping[str, xr.DataArray],
    axes: Axes,
    *,
    data: Data,
    x: Along = "step",
    summary: Summary | None = None,
    log: bool | None = None,
    legend: bool = True,
    **line: Any,
) -> None:
    """Draw curves of one or several sources into axes; see `curves`.

    `data` tells of the rules behind labels.
    """
    if x not in ("step", "time"):
        raise UnknownNameError("x", x, ("step", "time"))
    # Axes that hold other lines already keep what they show.
    fresh = not axes.has_data()
    found = [curve for source, one in values.items() for curve in _curves(source, one, data, x)]
    over, log = _over_seeds(found, summary, log)
    if log:
        make_logarithmic(axes, over)
    told: dict[str, _Told] = {}
    band, lost = "", []
    for curve, own in zip(found, over, strict=True):
        axes.plot(
            curve.where,
            own.middle.values,
            **{"color": curve.colour, **source_line(curve.source), **line},
        )
        lost += _draw_lost(curve, axes)
        # One band for a line: theory's seeds are the simulation's, and two bands would hide each
        # other.
        if curve.source == SIMULATION:
            band = own.band
            ends = (own.low, own.high)
            axes.fill_between(curve.where, *ends, color=curve.colour, alpha=0.18, linewidth=0)
        # Where theory stands beside it, the legend counts the seeds of simulation.
        if curve.label not in told or curve.source == SIMULATION:
            told[curve.label] = _Told(curve.text, curve.colour, own.last_n, own.total)
    # Sources share variables and so labels of axes.
    first = next(iter(values.values()))
    axes.set_xlabel(axis_label(first[x]) if x in first.coords else x)
    axes.set_ylabel(axis_label(first))
    if fresh:
        # The view is fitted to what was measured: a theory out of its depth must not flatten the
        # runs.
        is_leading = [curve.source == SIMULATION for curve in found]
        leading, others = (
            [own for own, leads in zip(over, is_leading, strict=True) if leads is wanted]
            for wanted in (True, False)
        )
        fit_view(axes, leading or others, others if leading else (), lost)
    if legend:
        sources = list(dict.fromkeys(curve.source for curve in found))
        _add_legend(axes, list(told.values()), band, sources, lost=bool(lost))


def _over_seeds(
    found: Sequence[_Curve], summary: Summary | None, log: bool | None
) -> tuple[list[OverSeeds], bool]:
    """Summarise curves, and choose the summary and the scale where they are left open."""
    over = [OverSeeds.of(curve.values, summary or "mean") for curve in found]
    leading = [own for own, curve in zip(over, found, strict=True) if curve.source == SIMULATION]
    chosen = wants_log(leading or over) if log is None else log
    if chosen and summary is None:
        # Where values span decades the mean follows the largest seed, and its interval may end
        # below zero.
        over = [OverSeeds.of(curve.values, "median") for curve in found]
    return over, chosen


def _curves(source: str, values: xr.DataArray, data: Data, x: Along) -> Iterator[_Curve]:
    """Go through the lines of values of one source: by rule, and by one further axis."""
    if labels.STEP not in values.dims:
        raise ArchiveError(
            f"curves are along {labels.STEP!r}, which {values.name!r} does not have (it has "
            f"{', '.join(map(str, values.dims)) or 'no axes'}); select several steps, or take "
            f"fatheory.plot.lines for the last values of sweeps"
        )
    values = in_order(values, labels.STEP)
    # One further axis at most: of more no reader tells the lines apart, so `only` asks to select.
    further = [dim for dim in values.dims if dim not in _OWN and values.sizes[dim] > 1]
    values = only(values, (*_OWN, *further[:1]), "a figure of curves")
    dims = [dim for dim in (labels.RULE, *further[:1]) if dim in values.dims]
    points = list(itertools.product(*(range(values.sizes[dim]) for dim in dims)))
    named = {point: _label(values, dims, point) for point in points}
    behind = _behind(values, data, dims, named)
    colours = colours_of(data, named.values(), behind)
    for point, label in named.items():
        own = values.isel(dict(zip(dims, point, strict=True)))
        # A rule that lacks the quantity has NaN throughout, and would only take a place in the
        # legend.
        if not own.isnull().all():
            where = places_along(own, x)
            text = _text(values, dims, point)
            yield _Curve(label, text, source, own, where, colours[label])


def _label(values: xr.DataArray, dims: list[Any], point: tuple[int, ...]) -> str:
    """Return what tells a line from others: its labels, or the one that a selection left."""
    each = [labels_along(values, str(d))[place] for d, place in zip(dims, point, strict=True)]
    return ", ".join(each) or str(values.coords.get(labels.RULE, xr.DataArray("")).item())


def _text(values: xr.DataArray, dims: list[Any], point: tuple[int, ...]) -> str:
    """Call a line as the legend does; a number needs the name of its axis beside it."""
    words = []
    for dim, place in zip(dims, point, strict=True):
        text = labels_along(values, str(dim))[place]
        words.append(rule_name(text) if dim == labels.RULE else f"{last_word(dim)} {text}")
    return ", ".join(words) or rule_name(_label(values, dims, point))


def _behind(
    values: xr.DataArray, data: Data, dims: list[Any], named: dict[tuple[int, ...], str]
) -> dict[str, str]:
    """Return the rule of every line, so that lines of one rule have shades of its colour."""
    if labels.RULE not in dims:
        return {}
    rules, known = labels_along(values, labels.RULE), rules_behind(data)
    return {label: known.get(rules[point[0]], rules[point[0]]) for point, label in named.items()}


def _draw_lost(curve: _Curve, axes: Axes) -> list[Line2D]:
    """Draw the seeds that have no value at the end, and a cross where their values end."""
    if labels.SEED not in curve.values.dims:
        return []
    lost = lost_seeds(curve.values)
    drawn = []
    for seed in np.flatnonzero(lost.values):
        series = curve.values.isel({labels.SEED: int(seed)}).values
        (one,) = axes.plot(
            curve.where, series, color=curve.colour, linewidth=0.6, alpha=0.6, zorder=1.5
        )
        drawn.append(one)
    return drawn


def _add_legend(
    axes: Axes, told: list[_Told], band: str, sources: list[str], *, lost: bool
) -> None:
    # Said once where all lines have the same number of seeds, else behind each.
    counts = {(one.n, one.total) for one in told if one.total}
    alike = len(counts) == 1
    handles: list[Artist] = []
    for one in told:
        count = f", {n_text(one.n, one.total)}" if one.total and not alike else ""
        handles.append(Line2D([], [], color=one.colour, label=plain((one.text or "all") + count)))
    if [one.text for one in told] == [""] and not (alike or lost or len(sources) > 1):
        return  # one line without a name
    note = ", ".join(filter(None, (band, n_text(*next(iter(counts))) if alike else "")))
    if band:
        handles.append(Patch(color="0.4", alpha=0.3, linewidth=0, label=note))
    elif note:
        handles.append(Line2D([], [], linestyle="none", label=note))
    if lost:
        handles.append(
            Line2D([], [], color="0.4", marker="x", linewidth=0.6, label="a run that diverged")
        )
    if len(sources) > 1:
        handles += [
            Line2D([], [], color="0.4", label=plain(source), **source_line(source))
            for source in sources
        ]
    add_legend(axes, handles)
