# %% [markdown]
# # Experiment B of Liao, Leibo & Poggio 2016: partial sign concordance
#
# Every feedback weight has a random size, and the sign of its forward weight with a probability:
# the concordance. Sizes and signs are drawn anew for every batch (BRSF-p) or once (FRSF-p). With
# batch normalisation and Batch Manhattan.
#
#     python paper_figs/liao2016/table_b.py [--scale quick|full|paper] [--out DIR] [--redraw]
#
# `quick` trains a network of the same depth with a quarter of the channels on 30,000 images; `full`
# the full network for 4 epochs with 3 seeds, hours on two cores, resumable; `paper` that for 60
# epochs with 5 seeds, on a GPU. Each cell's learning rate is chosen on a validation split, on one
# seed of its own and shorter runs, from a grid that grows until its best value lies inside. Image
# sets: MNIST and CIFAR-10, and Fashion-MNIST beyond `quick`, whichever are at hand.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, rule_colour, rule_name
from fatheory.reproduction import (
    PaperFigure,
    RunCache,
    beside_script,
    claims_by_image_set,
    compute_table,
    error_table,
    leave,
)

KINDS = ("brsf", "frsf")


# %%
def asked(base: fa.Experiment) -> dict[str, list[fa.Experiment]]:
    """Return what the table asks, in its one setting."""
    return {"BN+BM": [base]}


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    base = fa.presets["liao2016/table_b"]
    data = compute_table(base, scale, asked, fa.simulate, fa.choose_learning_rates, cache)
    data = by_concordance(data)
    return data, claims_by_image_set(data, check)


def by_concordance(data: xr.Dataset) -> xr.Dataset:
    """Part the rules' labels, such as "brsf 75 %", into the rule and the setting "75 %"."""
    kinds, levels = zip(*(str(label).split(" ", 1) for label in data["rule"].values), strict=True)
    parted = (
        data.isel(setting=0, drop=True)
        .drop_vars("rule")
        .assign_coords(kind=("rule", list(kinds)), setting=("rule", list(levels)))
        .set_index(rule=["kind", "setting"])
        .unstack("rule")
        .rename(kind="rule")
        .sel(rule=list(KINDS), setting=list(dict.fromkeys(levels)))
        .transpose("image_set", "setting", "rule", ...)
    )
    shares = [float(level.rstrip(" %")) for level in parted["setting"].values]
    return parted.assign_coords(concordance=("setting", shares))


def check(data: xr.Dataset, title: str) -> list[Claim]:
    """Measure what the table must show, on one image set."""
    claims = []
    for kind in KINDS:
        error = data["mean_error"].sel(image_set=title, rule=kind)
        rises = error.diff("setting")
        claims += [
            Claim.at_least(
                f"(v) {title}, {kind}-p: least rise of the error from one concordance to the next",
                rises.min(),
                0,
                "points",
            ),
            Claim.at_least(
                f"(v) {title}, {kind}-p: error at 25 % over that at 100 %",
                error.sel(setting="25 %") / error.sel(setting="100 %"),
                1.5,
            ),
        ]
    return claims


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw error against concordance for every image set."""
    titles = [str(title) for title in data["image_set"].values]
    figure, panels = plt.subplots(1, len(titles), figsize=(5.2 * len(titles), 4.2), squeeze=False)
    for title, axes in zip(titles, panels[0], strict=True):
        draw_curves(data.sel(image_set=title), axes)
        axes.set_title(title)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    figure.suptitle(f"Bars: {interval_note(data['mean_error_interval'])}", fontsize=9)
    return figure


def draw_curves(data: xr.Dataset, axes: Axes) -> None:
    """Draw mean error with its interval, and seeds, against the concordance probability."""
    for kind, shift in zip(KINDS, (-0.6, 0.6), strict=True):
        one, colour = data.sel(rule=kind), rule_colour(kind)
        at = data["concordance"] + shift
        mean = one["mean_error"].values
        bounds = np.abs(one["mean_error_interval"].transpose("ci_bound", "setting").values - mean)
        axes.errorbar(at, mean, bounds, fmt="o-", color=colour, capsize=3, label=rule_name(kind))
        for seed in one["seed"]:
            axes.plot(at, one["error"].sel(seed=seed), ".", color=colour, alpha=0.4)
    chance = data["error"].attrs["chance"]
    axes.axhline(chance, color="0.6", linewidth=0.8, linestyle=":")
    axes.annotate("chance", (100, chance + 1), fontsize=8, ha="right", va="bottom", color="0.4")
    axes.set(xlabel="sign concordance probability (%)", ylabel="test error (%)", ylim=(0, 100))
    axes.set_xticks(data["concordance"].values)


# %%
FIGURE = PaperFigure(
    name="table_b",
    title="Experiment B of Liao, Leibo & Poggio 2016: partial sign concordance.",
    compute=compute,
    draw=draw,
    folder=Path("out/liao2016"),
    results=beside_script(globals(), "results"),
    scales=("quick", "full", "paper"),
    check=lambda data: claims_by_image_set(data, check),
    table=error_table,
)

if __name__ == "__main__":
    leave(FIGURE.main())
