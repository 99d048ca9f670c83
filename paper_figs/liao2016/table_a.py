# %% [markdown]
# # Experiment A of Liao, Leibo & Poggio 2016: strict sign concordance
#
# Four ways to send errors back, in four settings. Backprop; feedback that shares the signs of the
# forward weights, all of one size (USF), of random sizes drawn anew for every batch (BRSF), or
# drawn once (FRSF). Settings: SGD; Batch Manhattan (BM), which keeps the signs of the gradients
# alone; batch normalisation (BN); both. As in the paper, only backprop's normalised units learn a
# scale and a shift.
#
#     python paper_figs/liao2016/table_a.py [--scale quick|full|paper] [--out DIR] [--redraw]
#
# `quick` trains a network of the same depth with a quarter of the channels on 30,000 images; `full`
# the full network for 4 epochs with 3 seeds, hours on two cores, resumable; `paper` that for 60
# epochs with 5 seeds, on a GPU. Each cell's learning rate is chosen on a validation split, on one
# seed of its own and shorter runs, from a grid that grows until its best value lies inside. Image
# sets: MNIST and CIFAR-10, and Fashion-MNIST beyond `quick`, whichever are at hand.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import draw_cells, interval_note, rule_colour, rule_legend
from fatheory.reproduction import (
    PaperFigure,
    RunCache,
    beside_script,
    claims_by_image_set,
    compute_table,
    error_table,
    leave,
)

SETTINGS: dict[str, dict] = {
    "SGD": {"update.manhattan": 0, "network.normalization": None},
    "BM": {"update.manhattan": 1, "network.normalization": None},
    "BN": {"update.manhattan": 0},
    "BN+BM": {"update.manhattan": 1},
}
STRICT = ["usf", "brsf", "frsf"]
ALIKE = {"MNIST": 1.0}
"""Points between errors that count as equal; 6 elsewhere."""


# %%
def asked(base: fa.Experiment) -> dict[str, list[fa.Experiment]]:
    """Return what every setting asks."""
    return {setting: cell(base.with_settings(changes)) for setting, changes in SETTINGS.items()}


def cell(changed: fa.Experiment) -> list[fa.Experiment]:
    """Part backprop from the other rules where its scale and shift make another network."""
    if changed.network.normalization is None:
        return [changed]
    rules = dict(changed.rules)
    learnable = changed.replaced(rules={"backprop": rules.pop("backprop")})
    return [
        learnable.with_settings({"network.normalization.learnable": True}),
        changed.replaced(rules=rules),
    ]


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    base = fa.presets["liao2016/table_a"]
    data = compute_table(base, scale, asked, fa.simulate, fa.choose_learning_rates, cache)
    return data, claims_by_image_set(data, check)


def check(data: xr.Dataset, title: str) -> list[Claim]:
    """Measure what the table must show, on one image set."""
    one = data.sel(image_set=title)
    error, alike = one["mean_error"], ALIKE.get(title, 6.0)
    strict, backprop = error.sel(rule=STRICT), error.sel(rule="backprop")
    both, sgd = strict.sel(setting="BN+BM"), strict.sel(setting="SGD")
    norms = one["gradient_norm"].isel(step=0).sel(setting="SGD")
    growth = norms.sel(layer=1) / norms.isel(layer=-1)
    relative = growth.sel(rule=STRICT) / growth.sel(rule="backprop")
    angle = one["weight_angle"].sel(setting="BN+BM", rule="usf").isel(step=-1)
    return [
        Claim.at_most(
            f"(i) {title}, BN+BM: worst strict rule minus backprop with SGD",
            both.max() - backprop.sel(setting="SGD"),
            alike,
            "points",
        ),
        Claim.at_most(
            f"(i) {title}, BN: worst strict rule minus backprop with BN",
            strict.sel(setting="BN").max() - backprop.sel(setting="BN"),
            alike,
            "points",
        ),
        Claim.at_most(
            f"(ii) {title}: signs of gradients alone cost backprop (BM minus SGD)",
            backprop.sel(setting="BM") - backprop.sel(setting="SGD"),
            alike,
            "points",
        ),
        Claim.at_least(
            f"(iii) {title}, SGD: best strict rule minus backprop",
            sgd.min() - backprop.sel(setting="SGD"),
            alike,
            "points",
        ),
        Claim.at_least(
            f"(iii) {title}, SGD: gradients grow towards the input, times as in backprop",
            relative.min(),
            10,
        ),
        Claim.at_least(
            f"(iv) {title}, BN+BM: USF's weights differ from its feedback, least angle of a layer",
            angle.min(),
            20,
            "°",
        ),
        Claim.at_most(
            f"(vi) {title}: BM helps backprop with BN (BN+BM minus BN)",
            backprop.sel(setting="BN+BM") - backprop.sel(setting="BN"),
            0,
            "points",
        ),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw errors of every image set, and gradients by layer at the start."""
    titles = [str(title) for title in data["image_set"].values]
    figure, panels = plt.subplots(1, len(titles) + 1, figsize=(4.6 * (len(titles) + 1), 4.4))
    for title, axes in zip(titles, panels, strict=False):
        draw_cells(data.sel(image_set=title), axes)
        axes.set_title(title)
    draw_gradients(data.sel(image_set=titles[-1]).isel(step=0), panels[-1])
    panels[-1].set_title(f"gradients before learning\n{titles[-1]}")
    rule_legend(data, figure, loc="outside lower center", ncols=2)
    figure.suptitle(f"Bars: {interval_note(data['mean_error_interval'])}", fontsize=9)
    return figure


def draw_gradients(data: xr.Dataset, axes: Axes) -> None:
    """Draw the norm of every layer's gradient, with and without normalisation."""
    for i, rule in enumerate(data["rule"].values):
        # Rules that agree lie on each other: the later are thinner, and show the earlier.
        look = {
            "color": rule_colour(str(rule)),
            "linewidth": 4 - 0.9 * i,
            "markersize": 9 - 1.5 * i,
        }
        for setting, line in (("SGD", "-"), ("BN", "--")):
            norms = data["gradient_norm"].sel(rule=rule, setting=setting)
            axes.plot(data["layer"], norms, line, marker="o", **look)
    axes.plot([], [], "-", color="0.3", label="without BN")
    axes.plot([], [], "--", color="0.3", label="with BN")
    axes.legend()
    axes.set(yscale="log", xlabel="layer", ylabel="norm of the gradient", xticks=data["layer"])


# %%
FIGURE = PaperFigure(
    name="table_a",
    title="Experiment A of Liao, Leibo & Poggio 2016: strict sign concordance.",
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
