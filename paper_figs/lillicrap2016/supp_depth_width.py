# %% [markdown]
# # Deeper and wider networks on MNIST (Lillicrap et al. 2016, Supplementary Notes 2 and 3)
#
# Networks of 1 to 5 hidden layers of 100 units, and of 2 hidden layers of 30 to 300 units, learn
# MNIST in batches of 20 by backprop, by feedback alignment, and by their output layer alone. What
# depth and width do to the test error, and to the angle between teaching signals at every layer.
#
#     python paper_figs/lillicrap2016/supp_depth_width.py [--scale quick|paper] [--out DIR]
#
# `quick` is 2 seeds and one epoch; `paper` is 3 seeds and 3 epochs. Both need MNIST: `fatheory data
# fetch mnist`. `--redraw` draws the stored result again.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, rule_colour, rule_legend, rule_name
from fatheory.reproduction import (
    OLDER_DEPTH,
    PaperFigure,
    RunCache,
    beside_script,
    leave,
    origin,
    protocol_note,
)

SCALES: dict[str, dict] = {"quick": {"seeds": 2, "schedule.phases": [{"steps": 3000}]}, "paper": {}}
WIDTH, DEPTH = 100, 2
DEPTHS = (1, 2, 3, 4, 5)
WIDTHS = (30, 100, 300)
ERROR_TICKS = (2, 5, 10, 20)


# %%
def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train networks of all shapes; return last errors and angles, and the claims."""
    asked = fa.presets["lillicrap2016/depth"].with_settings(SCALES[scale])
    shapes = sorted({(WIDTH,) * depth for depth in DEPTHS} | {(width,) * DEPTH for width in WIDTHS})
    runs = {}
    for hidden in shapes:
        print(f"{'-'.join(map(str, hidden))} hidden units", flush=True)
        one = asked.with_settings({"network.hidden": list(hidden)})
        runs[hidden] = fa.simulate(one, path=cache(one))
    data = xr.merge(
        [
            along(runs, "depth", {depth: (WIDTH,) * depth for depth in DEPTHS}),
            along(runs, "width", {width: (width,) * DEPTH for width in WIDTHS}),
        ]
    )
    named = {"-".join(map(str, hidden)): run for hidden, run in runs.items()}
    return data.assign_attrs(origin(named)), check(data)


def along(runs: dict, name: str, shapes: dict[int, tuple[int, ...]]) -> xr.Dataset:
    """Summarise the last error and angles over seeds, for shapes along a new dimension."""
    parts = []
    for hidden in shapes.values():
        last = runs[hidden][["classification_error", "delta_angle"]].isel(step=-1)
        parts.append(last.reset_coords(drop=True).sel(layer=slice(1, len(hidden))))
    every = xr.concat(parts, xr.DataArray(list(shapes), dims=name, name=name), join="outer")
    summaries = [fa.metrics.mean_interval(every[variable]) for variable in every.data_vars]
    whole = xr.merge(summaries)
    names = {str(variable): f"{name}_{variable}" for variable in whole.data_vars}
    return whole.rename(names).rename(layer=f"{name}_layer")


# %%
def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    error = data["depth_classification_error"]
    alignment = error.sel(rule="feedback_alignment")
    angle = data["depth_delta_angle"].sel(rule="feedback_alignment")
    widths = data["width_classification_error"].sel(rule="feedback_alignment")
    return [
        Claim.at_most("feedback alignment: largest error at any depth", alignment.max(), 10, "%"),
        Claim.at_most(
            "its error relative to the output layer alone, worst depth beyond 1",
            (alignment / error.sel(rule="shallow")).sel(depth=slice(2, None)).max(),
            0.75,
        ),
        Claim.at_most("largest angle of any layer at any depth", angle.max(), 80, "°"),
        Claim.at_least(
            "error of the narrowest minus that of the widest network",
            widths.isel(width=0) - widths.isel(width=-1),
            0,
            "points",
        ),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw errors and layer-wise angles against depth and width."""
    figure, axes = plt.subplots(2, 2, figsize=(10.5, 7.6), sharey="row")
    for column, name, label in (
        (0, "depth", f"hidden layers of {WIDTH} units"),
        (1, "width", f"units in each of {DEPTH} hidden layers"),
    ):
        draw_errors(data, name, axes[0, column])
        draw_angles(data, name, axes[1, column])
        axes[1, column].set_xlabel(label)
        for panel in axes[:, column]:
            if name == "width":
                panel.set_xscale("log")
            panel.set_xticks(data[name].values, [str(value) for value in data[name].values])
            panel.minorticks_off()
    axes[0, 0].set_ylabel("test error (%)")
    axes[1, 0].set(ylabel="angle of teaching signals (degrees)", ylim=(0, 95))
    axes[1, 0].set_yticks(range(0, 91, 15))
    rule_legend(data.assign_coords(source=[]), figure, loc="outside lower center", ncols=4)
    if protocol_note(data) == OLDER_DEPTH:
        for text in figure.legends[0].get_texts():
            if text.get_text() == rule_name("feedback_alignment"):
                text.set_text("orthogonal feedback")
    note = interval_note(data["depth_classification_error_interval"])
    notes = [f"Bars: {note}", protocol_note(data)]
    figure.suptitle(". ".join(filter(None, notes)), fontsize=9)
    return figure


def draw_errors(data: xr.Dataset, name: str, axes: Axes) -> None:
    """Draw test errors of all rules."""
    for rule in data["rule"].values:
        mean, bounds = (
            data[f"{name}_classification_error{end}"].sel(rule=rule) for end in ("", "_interval")
        )
        bars = abs(bounds.transpose("ci_bound", name) - mean)
        axes.errorbar(data[name], mean, bars, fmt="o-", color=rule_colour(str(rule)), capsize=3)
    axes.set(yscale="log")
    axes.set_yticks(ERROR_TICKS, [str(tick) for tick in ERROR_TICKS])


def draw_angles(data: xr.Dataset, name: str, axes: Axes) -> None:
    """Draw feedback alignment's angle at every hidden layer, darker towards the output."""
    angle = data[f"{name}_delta_angle"].sel(rule="feedback_alignment")
    layers = data[f"{name}_layer"].values
    for layer in layers:
        curve = angle.sel({f"{name}_layer": layer})
        shade = plt.get_cmap("viridis")(0.9 * (layer - 1) / max(1, len(layers) - 1))
        axes.plot(data[name], curve, "o-", color=shade, label=f"hidden layer {layer}")
    axes.legend(fontsize=8, loc="lower right")


# %%
FIGURE = PaperFigure(
    name="supp_depth_width",
    title="Deep and wide networks on MNIST (Lillicrap et al. 2016, Supplementary Notes 2 and 3).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
