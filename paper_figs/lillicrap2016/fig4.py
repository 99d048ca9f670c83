# %% [markdown]
# # Fig. 4 of Lillicrap et al. 2016: forward, backward and plasticity at once
#
# A deep network of stochastic binary neurons that integrate over time learns MNIST while errors
# return through fixed random feedback neurons, in every time step and without a pause between
# images. Shown are the test error through learning, beside two controls (errors through the
# transposed weights; frozen hidden layers), the potential and the modulator of one hidden neuron
# at the start and late in learning, and the spikes of some neurons of every layer. Potentials are
# integrated in one of two forms, of which the text that we have does not give the paper's; feedback
# alignment is trained with both.
#
#     python paper_figs/lillicrap2016/fig4.py [--scale quick|hour|paper] [--out DIR] [--redraw]
#
# `quick` is a 784-100-100-100-100 network (10 output neurons a class) that sees every training
# image once, 3 seeds, two minutes on two cores; `hour` is the network of the paper, 2 epochs, and
# takes about an hour on two cores; `paper` is the same for 10 epochs. Both may be interrupted and
# go on where they were. Narrow networks need larger weights, feedback and
# steps: weights and feedback of `quick` are larger by about the square root of 15, and among steps
# of 0.02, 0.05 and 0.15 feedback alignment is as good at each, on validation images.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import (
    draw_raster,
    draw_trace,
    interval_note,
    learning_curves,
    rule_legend,
)
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

RULES = ("feedback_alignment", "backprop", "shallow")
RECORDED = (
    *("classification_error", "firing_rate", "weight_angle"),
    *("potential", "spikes", "modulator"),
)
WHEN = ("at the start", "late in learning")
SHOWN_LAYER, SHOWN_UNIT = 2, 0
LARGEST_ERROR = {"quick": 10.0, "hour": 9.0, "paper": 3.0}
"""Percent, after one, two and ten epochs; the network of the paper reaches 1.8."""
PAPER = 1.8
"""Percent: the paper's final error."""
EPOCH = 60_000
_QUICK = {
    "network.hidden": [100, 100, 100],
    "network.group": 10,
    "network.start.bound": 0.2,
    "rules.backprop.learning_rate": 0.05,
    "rules.feedback_alignment.learning_rate": 0.05,
    "rules.feedback_alignment.scale": 0.5,
    "rules.shallow.learning_rate": 0.05,
    "update.weight_decay": 2e-7,
    "schedule.phases.0.steps": 60_000,
    "record.steps": [1000, 3000, 10_000, 20_000, 40_000],
    "seeds": 3,
}
_HOUR = {
    "schedule.phases.0.steps": 120_000,
    "record.steps": [2000, 5000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000],
}
SCALES: dict[str, dict] = {"quick": _QUICK, "hour": _HOUR, "paper": {}}


# %%
def experiments(scale: str) -> dict[str, fa.Experiment]:
    """Return what every rule asks, and feedback alignment with the other form of integration.

    One by one, for each takes long at the paper's size and may be interrupted.
    """
    asked = fa.presets["lillicrap2016/fig4"].with_settings(SCALES[scale])
    alone = {rule: asked.replaced(rules={rule: dict(asked.rules)[rule]}) for rule in RULES}
    averaging = asked.network.replaced(integration="average")
    return alone | {"average": alone["feedback_alignment"].replaced(network=averaging)}


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train all networks; return errors, angles and rates, single neurons, and the claims."""
    asked = experiments(scale)
    runs = {}
    for name, one in asked.items():
        print(f"{name}: {one.schedule.steps} images, {len(one.seeds)} seeds", flush=True)
        runs[name] = fa.simulate(one, path=cache(one))
    run = xr.concat([runs[rule][list(RECORDED)] for rule in RULES], "rule")
    data = summarised(run["classification_error"])
    data["last_error"] = run["classification_error"].isel(step=-1, drop=True)
    data["averaging_error"] = runs["average"]["classification_error"].isel(
        step=-1, rule=0, drop=True
    )
    for name in ("weight_angle", "firing_rate"):
        data[name] = run[name].mean("seed", keep_attrs=True)
    data = data.merge(watched(run)).assign_attrs(origin(runs))
    data.attrs["steps_per_image"] = asked["backprop"].network.steps_per_image
    return data, check(data, scale)


def summarised(error: xr.DataArray) -> xr.Dataset:
    """Return the mean over seeds with its interval, as learning curves are drawn from."""
    return fa.metrics.mean_interval(error).expand_dims(source=["simulation"])


def watched(run: xr.Dataset) -> xr.Dataset:
    """Return what was recorded of single neurons of the first seed, at the start and at the end."""
    traces = run[["potential", "spikes", "modulator"]].sel(rule="feedback_alignment", drop=True)
    some = traces.isel(seed=0, step=[0, -1], drop=True)
    when = some.drop_vars([name for name in some.coords if name != "layer"])
    return when.rename(step="when").assign_coords(when=list(WHEN))


# %%
def check(data: xr.Dataset, scale: str) -> list[Claim]:
    """Measure what the figure must show."""
    last = data["last_error"].mean("seed")
    bound = LARGEST_ERROR[scale]
    frozen = data["last_error"].sel(rule="shallow") - data["last_error"].sel(
        rule="feedback_alignment"
    )
    angles = data["weight_angle"].sel(rule="feedback_alignment").isel(step=-1)
    strength = np.sqrt((data["modulator"] ** 2).mean(("traced_unit", "time_step", "layer")))
    start, late = (float(strength.sel(when=when)) for when in WHEN)
    return [
        Claim.at_most(
            "feedback alignment: test error (chance 90 %)",
            last.sel(rule="feedback_alignment"),
            bound,
            "%",
        ),
        Claim.at_most(
            "feedback alignment, averaging integration: test error",
            data["averaging_error"].mean("seed"),
            bound,
            "%",
        ),
        Claim.at_least(
            "frozen hidden layers minus feedback alignment, worst seed: test error",
            frozen.min("seed"),
            50,
            "%",
        ),
        Claim.at_most(
            "feedback alignment minus backprop: test error",
            last.sel(rule="feedback_alignment") - last.sel(rule="backprop"),
            2.0,
            "%",
        ),
        Claim.at_most(
            "feedback alignment: angle of W and B^T, worst layer (chance 90)",
            angles.max("layer"),
            89,
            "deg",
        ),
        Claim.at_most("modulators, late / at the start, root mean square", late / start, 0.7),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw test errors, one neuron at two times, and rasters at the same times."""
    figure = plt.figure(figsize=(13, 7.6))
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2.1))
    draw_errors(data, left.subplots())
    panels = right.subplots(3, 2, sharex="col", height_ratios=(1, 1, 3))
    for column, (letters, when) in enumerate(zip(("bd", "ce"), WHEN, strict=True)):
        one = data.sel(when=when)
        for row, name in enumerate(("potential", "modulator")):
            trace = one[name].sel(layer=SHOWN_LAYER).isel(traced_unit=SHOWN_UNIT)
            colour = f"C{row}"
            draw_trace(trace, panels[row, column], steps_per_image=step_count(data), colour=colour)
        panels[0, column].set_title(f"{letters[0]}  a neuron of layer {SHOWN_LAYER}, {when}")
        draw_raster(one["spikes"], panels[2, column], steps_per_image=step_count(data))
        panels[2, column].set_title(f"{letters[1]}  spikes, {when}")
    for row in panels[:2]:
        limits = [axes.get_ylim() for axes in row]
        for axes in row:
            axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    return figure


def whole_length() -> int:
    """Return how many images the preset trains on."""
    return fa.presets["lillicrap2016/fig4"].schedule.steps


def step_count(data: xr.Dataset) -> int:
    """Return the time steps of an image."""
    return int(data.attrs["steps_per_image"])


def draw_errors(data: xr.Dataset, axes: Axes) -> None:
    """Draw the test errors through learning."""
    learning_curves(data, "classification_error", axes)
    axes.axhline(90, color="0.6", linewidth=0.8, linestyle=":")
    axes.axhline(PAPER, color="0.3", linewidth=0.9, linestyle="--")
    axes.annotate(
        f"paper: {PAPER:g} %",
        (0.98, PAPER),
        xycoords=("axes fraction", "data"),
        fontsize=8,
        ha="right",
        va="bottom",
    )
    epochs, whole = (images / EPOCH for images in (int(data["step"][-1]), whole_length()))
    axes.set(yscale="log", ylabel="test error (%)", xlabel="images", ylim=(1, 100))
    axes.set(title=f"a  test error, {epochs:g} of {whole:g} epochs")
    axes.set(xlim=(0, float(data["step"][-1])))
    axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    rule_legend(data.drop_vars("source"), axes, loc="upper right", bbox_to_anchor=(1, 0.8))
    axes.annotate(
        interval_note(data["classification_error_interval"]),
        (0.02, 0.02),
        xycoords="axes fraction",
        fontsize=7,
    )


# %%
FIGURE = PaperFigure(
    name="fig4",
    title="Fig. 4 of Lillicrap et al. 2016: forward, backward and plasticity at once.",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    scales=tuple(SCALES),
    results=beside_script(globals(), "results"),
    check=lambda data: check(data, data.attrs["scale"]),
)

if __name__ == "__main__":
    leave(FIGURE.main())
