# %% [markdown]
# # Fig. 5a of Lillicrap et al. 2016: forward weights align with feedback, unit by unit
#
# A 20-1000-20 network of tanh units learns a quadratic function online by feedback alignment. For
# every hidden unit j: the angle between its outgoing weights (column j of W) and its feedback
# weights (row j of B), along training and as histograms; and the error meanwhile.
#
#     python paper_figs/lillicrap2016/fig5a.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 3 seeds and 40,000 steps, `paper` 20 seeds and 100,000 (the paper states no number of
# either). `analyses/vary_fig5.py` varies what the paper leaves open.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, learning_curves, rule_colour
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

SCALES: dict[str, dict] = {
    "quick": {"seeds": 3, "schedule.phases": [{"steps": 40_000}], "record.snapshots": 21},
    "paper": {},
}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MIDWAY = 12_000
HISTOGRAM_COLOURS = ("#56B4E9", "#E69F00", "#009E73")
BINS = np.arange(0, 181, 3)


# %%
def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train; return the distribution of angles over units, the error, and the claims."""
    asked = fa.presets["lillicrap2016/fig5a"].with_settings(SCALES[scale])
    run = fa.simulate(asked, path=cache(asked))
    error = fa.metrics.normalized_squared_error(run).reset_coords(drop=True)
    angle = run["unit_angle"].isel(rule=0, drop=True).reset_coords(drop=True)
    data = fa.metrics.spread(error).expand_dims(source=["simulation"]).merge(distribution(angle))
    return data.assign_attrs(origin(run)), check(data)


def distribution(angle: xr.DataArray) -> xr.Dataset:
    """Summarise angles over units and seeds by quantiles and histograms; and by medians of seeds.

    Units of one seed share W, B and the target, so only medians and shares of whole seeds count as
    replicates.
    """
    (unit,) = set(angle.dims) - {"seed", "step"}
    chosen = [0, MIDWAY, int(angle["step"][-1])]
    counts = [np.histogram(angle.sel(step=step), BINS)[0] for step in chosen]
    median = angle.median(unit).rename("median_angle").assign_attrs(units="degree")
    below = (100 * (angle < 90).mean(unit)).rename("below_90").assign_attrs(units="percent")
    pooled = angle.quantile(QUANTILES, ("seed", unit)).rename("unit_angle_quantile")
    shares = xr.DataArray(
        100 * np.array(counts) / angle.isel(step=0).size,
        dims=("histogram", "bin"),
        coords={
            "bin": (BINS[1:] + BINS[:-1]) / 2,
            "histogram_step": ("histogram", chosen),
        },
        name="unit_angle_share",
        attrs={"units": "percent", "n_units": angle.sizes[unit]},
    )
    return xr.merge(
        [
            fa.metrics.spread(median),
            fa.metrics.mean_interval(below),
            pooled.assign_attrs(units="degree"),
            shares,
        ]
    )


# %%
def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    median, last = data["median_angle"], data.isel(step=-1, source=0, rule=0)
    worst = last["median_angle_interval"].sel(ci_bound="upper")
    return [
        Claim.between("angle at the start, median over units", median[0], 85, 95, "°"),
        Claim.at_most("angle at the end, median over units", median[-1], 60, "°"),
        Claim.at_most("the same, upper end of the central 90 % of seeds", worst, 60, "°"),
        Claim.at_most(
            "angle at the end, below which lie 95 % of all units",
            last["unit_angle_quantile"].sel(quantile=0.95),
            75,
            "°",
        ),
        Claim.at_least("units below 90° at the end, mean over seeds", last["below_90"], 95, "%"),
        Claim.at_most("largest median angle on the way", median.max(), 95, "°"),
        Claim.at_most("normalised squared error at the end", last["normalized_squared_error"], 0.2),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw angles along training, their histograms, and the error."""
    figure, (bands, histograms, errors) = plt.subplots(
        1, 3, figsize=(13, 4.5), width_ratios=(1.3, 1, 1)
    )
    draw_bands(data, bands)
    draw_histograms(data, histograms)
    learning_curves(data, "normalized_squared_error", errors)
    errors.set(title="error", ylabel="normalised squared error (NSE)", ylim=(0, None))
    for axes in (bands, errors):
        axes.set(xlim=(0, float(data["step"][-1])), xlabel="update steps (examples)")
        axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    units, seeds = data["unit_angle_share"].attrs["n_units"], data["median_angle_interval"]
    figure.suptitle(
        f"Angles: all {units} units of {seeds.attrs['n_seeds']} seeds. "
        f"Band of the error: {interval_note(data['normalized_squared_error_interval'])}",
        fontsize=9,
    )
    return figure


def draw_bands(data: xr.Dataset, axes: Axes) -> None:
    """Draw the quantiles of the angles over units along training."""
    colour, angle = rule_colour("feedback_alignment"), data["unit_angle_quantile"]
    for low, high, alpha in ((0.05, 0.95, 0.18), (0.25, 0.75, 0.3)):
        axes.fill_between(
            data["step"],
            angle.sel(quantile=low),
            angle.sel(quantile=high),
            color=colour,
            alpha=alpha,
            linewidth=0,
            label=f"central {100 * (high - low):.0f} % of units",
        )
    axes.plot(data["step"], angle.sel(quantile=0.5), color=colour, label="median unit")
    axes.axhline(90, color="0.3", linestyle=":", linewidth=1.2)
    axes.annotate(
        "at random",
        (1, 90),
        (0, 4),
        xycoords=("axes fraction", "data"),
        ha="right",
        textcoords="offset points",
        fontsize=9,
        color="0.3",
    )
    axes.set(title=r"a  $\angle$(column $j$ of $W$, row $j$ of $B$)")
    axes.set(ylabel="angle (degrees)", ylim=(0, 150), yticks=range(0, 151, 30))
    axes.legend(loc="upper right")


def draw_histograms(data: xr.Dataset, axes: Axes) -> None:
    """Draw how the angles are distributed at some steps."""
    for i, colour in enumerate(HISTOGRAM_COLOURS):
        one = data["unit_angle_share"].isel(histogram=i)
        look = {"color": colour, "label": f"step {int(one['histogram_step']):,}"}
        axes.stairs(one, BINS, fill=True, alpha=0.35, **look)
        axes.stairs(one, BINS, linewidth=1.4, color=colour)
    axes.axvline(90, color="0.3", linestyle=":", linewidth=1.2)
    axes.set(title="a  the same as histograms", xlabel="angle (degrees)", xticks=range(0, 181, 30))
    axes.set(ylabel=f"share of units (% per {BINS[1]}°)", ylim=(0, None), xlim=(0, 150))
    axes.legend(loc="upper right")


# %%
FIGURE = PaperFigure(
    name="fig5a",
    title="Fig. 5a of Lillicrap et al. 2016: forward weights align with feedback, unit by unit.",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
