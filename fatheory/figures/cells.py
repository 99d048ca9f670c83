"""Tables of errors, drawn: a group for every setting, a dot with its interval for every rule."""

from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fatheory import labels
from fatheory.figures.curves import interval_note, rule_legend
from fatheory.figures.style import rule_colour

_WIDTH = 0.7


def cells_figure(data: xr.Dataset, **axes: Any) -> Figure:
    """Draw the cells of every image set side by side.

    Parameters
    ----------
    data : Dataset
        What `draw_cells` takes, with the dimension ``image_set``.
    **axes
        What to set of all axes, such as ``xlabel``.
    """
    titles = [str(title) for title in data["image_set"].values]
    figure, panels = plt.subplots(1, len(titles), figsize=(5.2 * len(titles), 4.4), squeeze=False)
    for title, panel in zip(titles, panels[0], strict=True):
        draw_cells(data.sel(image_set=title), panel)
        panel.set(title=title, **axes)
    rule_legend(data, figure, loc="outside lower center", ncols=2)
    figure.suptitle(f"Bars: {interval_note(data['mean_error_interval'])}", fontsize=9)
    return figure


def draw_cells(data: xr.Dataset, axes: Axes) -> None:
    """Draw mean errors with their intervals, and the seeds behind them.

    Parameters
    ----------
    data : Dataset
        Of one image set: ``error (setting, rule, seed)``, ``mean_error (setting, rule)`` and
        ``mean_error_interval`` with ``ci_bound``. Cells that are NaN are left out.
    axes : Axes
        Where. Errors are on a logarithmic axis: tables range from one percent to chance.
    """
    rules = [str(rule) for rule in data[labels.RULE].values]
    # Intervals of few seeds may reach below zero, which a logarithm does not show.
    least = min(float(data["error"].min()), _least_positive(data["mean_error_interval"].values))
    # Room under the lowest dot; an error of 0 has no place on a logarithm, so the axis ends at 0.07
    # %.
    lowest = 0.7 * max(least, 0.1)
    settings = [str(setting) for setting in data["setting"].values]
    for i, rule in enumerate(rules):
        # Less than 1 in all, so that the groups of neighbouring settings keep a gap.
        offset = _WIDTH * ((i + 0.5) / len(rules) - 0.5)
        of_rule = data.sel({labels.RULE: rule})
        for place, setting in enumerate(settings):
            one = of_rule.sel(setting=setting)
            mean = float(one["mean_error"])
            if np.isnan(mean):
                continue
            at, colour = place + offset, rule_colour(rule)
            seeds = one["error"].values
            axes.plot(np.full(seeds.size, at), seeds, "o", color=colour, alpha=0.35, markersize=4)
            interval = one["mean_error_interval"].values
            if np.isfinite(interval).all():
                ends = np.clip(interval, lowest, 100)
                bounds = np.abs(ends - mean)[:, None]
                # An end that lies outside of what an error can be is drawn open, without a cap.
                cut = interval != ends
                axes.errorbar(at, mean, bounds, fmt="_", color=colour, markersize=10)
                caps = ends[~cut]
                axes.plot(np.full(caps.size, at), caps, "_", color=colour, markersize=5)
            else:
                axes.plot(at, mean, "_", color=colour, markersize=12)
    chance = data["error"].attrs.get("chance")
    if chance:
        axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
        axes.annotate(
            "chance",
            (1.01, chance),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color="0.4",
            annotation_clip=False,
        )
    axes.set_xticks(range(len(settings)), settings)
    axes.set(ylabel="test error (%)", xlim=(-0.5, len(settings) - 0.5))
    # Errors go from chance down to tenths of a percent: a linear axis would show the bad rules
    # alone.
    axes.set(yscale="log", ylim=(lowest, 105))
    axes.yaxis.set_major_formatter("{x:g}")
    # Matplotlib labels all or no minor ticks; over several decades all of them overlap.
    axes.yaxis.set_minor_formatter(partial(_some_numbers, "25" if lowest < 10 else "234568"))


def _least_positive(values: np.ndarray) -> float:
    """Return the smallest number above zero, or infinity where there is none."""
    return float(np.min(values, where=values > 0, initial=np.inf))


def _some_numbers(digits: str, value: float, place: float) -> str:
    """Label the numbers between powers of ten that begin with these digits."""
    del place
    number = f"{value:g}"
    return number if number.lstrip("0.")[:1] in digits else ""
