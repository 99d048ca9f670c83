"""Learning curves: a line and interval over seeds per rule, theory laid over simulation."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fatheory import labels
from fatheory.figures.style import rule_colour, rule_name

_LINES: dict[str, dict[str, Any]] = {
    "simulation": {"linestyle": "-", "linewidth": 1.6},
    # Dashed on top of a solid line, so that both are seen where they agree.
    "theory": {"linestyle": (0, (4, 2)), "linewidth": 1.4},
    # What theory is where learning rates vanish, beside theory at the rates themselves.
    "small-rate limit": {"linestyle": ":", "linewidth": 0.8},
}


def learning_curves(
    data: xr.Dataset,
    variable: str,
    axes: Axes,
    *,
    x: Literal["step", "time"] = "step",
    **line: Any,
) -> dict[tuple[str, str], Line2D]:
    """Draw a variable of all rules and sources against the step or the time.

    Parameters
    ----------
    data : Dataset
        ``<variable> (source, rule, step)``, a median or mean over seeds, and
        ``<variable>_interval`` with ``ci_bound``, as `fatheory.metrics.spread` and `mean_interval`
        make them. The interval is drawn for the simulation. Curves that are NaN throughout are
        left out.
    variable : str
        What to draw.
    axes : Axes
        Where.
    x : str
        ``"step"`` or ``"time"`` (learning rate x step).
    **line
        How matplotlib draws the lines, where not by rule and source: for what else tells curves
        apart, such as the depth of a network.

    Returns
    -------
    dict
        From (source, rule) to the line.
    """
    # By label: a line through steps in another order would run back and forth.
    data = data.sortby(labels.STEP)
    lines = {}
    for source in data[labels.SOURCE].values:
        for rule in data[labels.RULE].values:
            curve = data[variable].sel({labels.SOURCE: source, labels.RULE: rule})
            # NaN throughout: this source has no such rule. Matplotlib would list it in the legend
            # all the same.
            if curve.isnull().all():
                continue
            where = curve[x].values
            colour = rule_colour(str(rule))
            look = {"color": colour, **_LINES[str(source)], **line}
            (lines[str(source), str(rule)],) = axes.plot(where, curve, **look)
            if source == "simulation":
                interval = data[f"{variable}_interval"].sel(
                    {labels.SOURCE: source, labels.RULE: rule}
                )
                low, high = (interval.sel(ci_bound=bound) for bound in ("lower", "upper"))
                axes.fill_between(where, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set_xlabel("update steps (examples)" if x == "step" else "time (learning rate × step)")
    return lines


def rule_legend(data: xr.Dataset, where: Axes | Figure, **placing: Any) -> None:
    """Add a legend of rules by colour and sources by line style, with the seeds and interval."""
    rules = [
        Line2D([], [], color=rule_colour(str(rule)), label=rule_name(str(rule)))
        for rule in data[labels.RULE].values
    ]
    shown = data[labels.SOURCE].values if labels.SOURCE in data.coords else ()
    sources = [
        Line2D([], [], color="0.4", label=str(source), **_LINES[str(source)]) for source in shown
    ]
    where.legend(handles=[*rules, *sources], **placing)


def source_line(source: str) -> dict[str, Any]:
    """Return how lines of a source look: simulation's drawn through, theory's dashed."""
    return _LINES["theory" if source.startswith("theory") else source if source in _LINES else
                  "simulation"]  # fmt: skip


def draw_course(
    data: xr.Dataset, name: str, axes: Axes, colour: str, line: Any, label: str | None = None
) -> None:
    """Draw one curve over steps with its interval.

    Parameters
    ----------
    data : Dataset
        ``<name>`` along ``step`` alone, and ``<name>_interval`` along ``ci_bound``, too.
    name : str
        Which of its variables.
    axes : matplotlib Axes
        Where to draw.
    colour, line : str, object
        As matplotlib takes a colour and the style of a line.
    label : str, optional
        What a legend calls it.
    """
    data = data.sortby(labels.STEP)
    axes.plot(data["step"], data[name], color=colour, linestyle=line, label=label)
    low, high = data[f"{name}_interval"].transpose("ci_bound", "step").values
    axes.fill_between(data["step"], low, high, color=colour, alpha=0.15, linewidth=0)


def interval_note(interval: xr.DataArray) -> str:
    """Say how many seeds a figure shows and what its bands are.

    Parameters
    ----------
    interval : DataArray
        As `fatheory.metrics` makes them: it says of what kind it is.
    """
    share = f"{100 * interval.attrs['ci_prob']:g} %"
    # A difference of independent samples has two numbers of seeds.
    seeds = " and ".join(str(n) for n in np.atleast_1d(interval.attrs["n_seeds"]))
    kind = str(interval.attrs["ci_kind"])
    if seeds == "1":
        return "one seed"
    if kind.startswith("central quantiles"):
        return f"median and central {share} of {seeds} seeds"
    what = "difference of means" if "difference" in kind else "mean"
    return f"{what} and its {share} confidence interval, {seeds} seeds"
