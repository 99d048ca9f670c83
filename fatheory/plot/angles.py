"""Angles along a run, and those of single units."""

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fatheory import labels
from fatheory.errors import ArchiveError
from fatheory.figures import axis_label, plain, rule_name
from fatheory.metrics import angle
from fatheory.plot.canvas import add_legend, canvas
from fatheory.plot.curves import Along, by_source, draw_curves
from fatheory.plot.seeds import Summary
from fatheory.plot.values import (
    Data,
    colours_of,
    in_order,
    labels_along,
    only,
    places_along,
    rules_behind,
    selected,
)

Of = Literal["weight", "delta", "delta_flattened"]
ORTHOGONAL = 90.0


def angles(
    data: Data,
    of: Of | None = None,
    *,
    layer: int | None = None,
    x: Along = "step",
    summary: Summary = "mean",
    axes: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw angles along a run: how far a rule is from backprop, or feedback from weights.

    Parameters
    ----------
    data : Dataset or DataArray
        A run archive of either source, a selection from one, or angles from
        `fatheory.metrics.angle` or `fatheory.sweep.over_cells`.
    of : str, optional
        ``"delta"``, ``"delta_flattened"`` or ``"weight"``, as of `fatheory.metrics.angle`; by
        default that of the teaching signals where the archive has it, else that of the weights.
    layer : int, optional
        One layer; by default those with an angle, in shades.
    x, summary, axes, legend
        As of `fatheory.plot.curves`.

    Returns
    -------
    Axes
        Where it was drawn; 0 to 90 degrees at least, with a line at 90, where there is nothing in
        common.

    Raises
    ------
    ArchiveError, UnknownNameError
        As `fatheory.metrics.angle` and `fatheory.plot.curves`.

    Examples
    --------
    >>> import fatheory as fa
    >>> run = fa.simulate(fa.presets["lillicrap2016/fig2"].replaced(seeds=2))
    >>> fa.plot.angles(run, "delta", layer=1).get_ylim()[0]
    0.0
    """
    values = data if isinstance(data, xr.DataArray) else _angle(data, of, layer)
    if layer is not None and labels.LAYER in values.dims:
        values = selected(values, layer=layer)
    if labels.LAYER in values.dims:
        # Layer 1 sends nothing back, so weights have no angle there; signals at the output are e.
        others = [dim for dim in values.dims if dim != labels.LAYER]
        values = values.isel({labels.LAYER: _speaking(values, others)})
    with canvas(axes) as drawn:
        own = by_source(values)
        draw_curves(own, drawn, data=data, x=x, summary=summary, log=False, legend=legend)
        drawn.axhline(ORTHOGONAL, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        degrees(drawn)
    return drawn


def _angle(data: xr.Dataset, of: Of | None, layer: int | None) -> xr.DataArray:
    if of is not None:
        return angle(data, of, layer=layer)
    try:
        # Signals before weights: every rule has signals, and weights an angle only where V is
        # drawn.
        return angle(data, "delta", layer=layer)
    except ArchiveError:
        return angle(data, "weight", layer=layer)


def _speaking(values: xr.DataArray, over: list) -> np.ndarray:
    """Find the layers that have an angle, other than zero throughout; all where none has."""
    # Exact zeros are angles of a thing with itself, as of backprop; they would lie on the axis as a
    # line.
    speaks = ((values > 0) & values.notnull()).any(over).values
    return np.flatnonzero(speaks) if speaks.any() else np.arange(speaks.size)


def degrees(axes: Axes) -> None:
    """Give an axis of angles whole parts of the circle."""
    highest = max(
        (np.nanmax(y) for line in axes.lines if np.isfinite(y := _heights(line)).any()),
        default=ORTHOGONAL,
    )
    # Angles of random vectors scatter little above 90; the upper half of the circle is shown only
    # to what really points away, or it would be empty.
    top = 180 if highest > 1.3 * ORTHOGONAL else max(100.0, 1.03 * float(highest))
    axes.set_ylim(0, top)
    axes.set_yticks(range(0, int(top) + 1, 30))


def _heights(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_ydata(), dtype=np.float64)


def units(
    data: Data,
    *,
    rule: str | None = None,
    seed: int | None = None,
    layer: int | None = None,
    x: Along = "step",
    axes: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Draw the angle of every hidden unit between what it sends out and the feedback it receives.

    A thin line for every unit of one seed, and a thick one for their median (Lillicrap et al.
    2016, Fig. 5a).

    Parameters
    ----------
    data : Dataset or DataArray
        A run archive with weights or ``unit_angle``, or what ``fatheory.metrics.angle(archive,
        "unit")`` returns.
    rule : str, optional
        The label of one; by default all that have such angles, but backprop, whose are zero.
    seed : int, optional
        Which; the first by default. The legend names it.
    layer : int, optional
        Into which the units send; the output layer by default.
    x, axes, legend
        As of `fatheory.plot.curves`.

    Returns
    -------
    Axes
        Where it was drawn.

    Raises
    ------
    ArchiveError
        If the archive has no such angles, or axes beside rule, seed, step and unit.
    UnknownNameError
        If there is no such rule or seed.
    """
    values = data if isinstance(data, xr.DataArray) else angle(data, "unit", layer=layer)
    values = selected(values, rule=rule, seed=seed)
    if labels.SEED in values.dims:
        values = values.isel({labels.SEED: 0})
    (unit,) = [dim for dim in values.dims if str(dim).startswith("unit_")] or [None]
    values = only(values, (labels.RULE, labels.STEP, unit), "a figure of units")
    if labels.STEP not in values.dims or unit is None:
        raise ArchiveError(
            f"units are drawn along {labels.STEP!r}; {values.name!r} has the axes "
            f"{', '.join(map(str, values.dims)) or 'none'}"
        )
    values = in_order(values, labels.STEP)
    shown = _rules_with_units(values, [labels.STEP, unit])
    with canvas(axes) as drawn:
        drawn.axhline(ORTHOGONAL, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        colours = colours_of(data, shown, rules_behind(data))
        handles = []
        for label, own in shown.items():
            where = places_along(own, x)
            ordered = own.transpose(labels.STEP, unit).values
            drawn.plot(where, ordered, color=colours[label], linewidth=0.6, alpha=0.35)
            text = plain(f"{rule_name(label)}, {own.sizes[unit]} units")
            # Silent units have no direction and so no angle; the line is of the others.
            (median,) = drawn.plot(
                where, np.nanmedian(ordered, 1), color=colours[label], linewidth=2.2, label=text
            )
            handles.append(median)
        drawn.set_xlabel(axis_label(values[x]) if x in values.coords else x)
        drawn.set_ylabel("angle of outgoing weights and feedback (°)")
        degrees(drawn)
        if legend:
            which = values.coords.get(labels.SEED)
            title = None if which is None else f"thick: median over units; seed {which.item()}"
            add_legend(drawn, handles, title=title, title_fontsize="small")
    return drawn


def _rules_with_units(values: xr.DataArray, over: list) -> dict[str, xr.DataArray]:
    """Return the angles of the rules that have any, other than zero throughout.

    Raises
    ------
    ArchiveError
        If none has.
    """
    if labels.RULE not in values.dims:
        values = values.expand_dims(labels.RULE)
    found = {}
    for place, label in enumerate(labels_along(values, labels.RULE)):
        own = values.isel({labels.RULE: place})
        if float((own > 0).any()):
            # Steps without any angle, as before weights leave zero, would make `nanmedian` warn.
            found[label] = own.isel({labels.STEP: own.notnull().any(over[1]).values})
    if not found:
        raise ArchiveError(
            "no rule here has feedback to which the weights of a unit have an angle; draw a run "
            "under a rule with feedback, such as feedback_alignment"
        )
    return found
