# %% [markdown]
# # Experiment C2 of Liao, Leibo & Poggio 2016: layers that do not learn
#
# "Bottom": the output weights stay at their random start, and all learning happens below them.
# "Top": only the output weights learn. Backprop, feedback of the same signs (USF, FRSF) and fixed
# random feedback (RndF), all with batch normalisation and Batch Manhattan.
#
#     python paper_figs/liao2016/table_c2.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` trains a network of the same depth with a quarter of the channels on 30,000 images;
# `paper` trains the full network for 60 epochs with 5 seeds, on a GPU. Each cell's learning rate
# is chosen on a validation split, on one seed of its own and shorter runs. Image sets: MNIST and
# CIFAR-10, and Fashion-MNIST at the paper's scale, whichever are at hand.

# %%
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import draw_cells, interval_note, rule_legend
from fatheory.reproduction import (
    PaperFigure,
    at_scale,
    compute_cells,
    error_table,
    image_sets_at_hand,
)

SETTINGS = ("bottom", "top", "all")
IMAGE_SETS = {"quick": ("mnist", "cifar-10"), "paper": ("mnist", "fashion-mnist", "cifar-10")}
TASK = {"train": "train+validation", "evaluation": "test", "preprocessing": "standardized"}


# %%
def frozen(base: fa.Experiment, setting: str) -> fa.Experiment:
    """Return the experiment with the setting's layers frozen."""
    layers = {"bottom": [base.layers], "top": [*range(1, base.layers)], "all": []}
    return base.with_settings({"schedule.phases.0.frozen": layers[setting]})


def compute(scale: str) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    cells = {}
    for title, task in image_sets_at_hand(*IMAGE_SETS[scale], **TASK).items():
        base = at_scale(fa.presets["liao2016/table_c2"], task, scale)
        cells |= {(title, setting): [frozen(base, setting)] for setting in SETTINGS}
    data = compute_cells(cells, scale, fa.simulate, fa.choose_learning_rates)
    return data, [claim for title in data["image_set"].values for claim in check(data, str(title))]


def check(data: xr.Dataset, title: str) -> list[Claim]:
    """Measure what the table must show, on one image set."""
    error = data["mean_error"].sel(image_set=title)
    top, bottom = error.sel(setting="top"), error.sel(setting="bottom")
    signs = bottom.sel(rule=["usf", "frsf"])
    return [
        Claim.at_most(
            f"{title}, top: spread of the rules' errors", top.max() - top.min(), 3, "points"
        ),
        Claim.at_least(
            f"(v) {title}, bottom: RndF's error minus that of the worse of USF and FRSF",
            bottom.sel(rule="rndf") - signs.max(),
            10,
            "points",
        ),
        Claim.at_most(
            f"{title}: the worse of USF and FRSF with a frozen last layer, minus top",
            signs.max() - top.mean(),
            0,
            "points",
        ),
        Claim.at_least(
            f"{title}: RndF with a frozen last layer, minus top",
            bottom.sel(rule="rndf") - top.mean(),
            0,
            "points",
        ),
    ]


# %
def draw(data: xr.Dataset) -> Figure:
    """Draw errors of every image set."""
    titles = [str(title) for title in data["image_set"].values]
    figure, panels = plt.subplots(1, len(titles), figsize=(5.2 * len(titles), 4.4), squeeze=False)
    for title, axes in zip(titles, panels[0], strict=True):
        draw_cells(data.sel(image_set=title), axes)
        axes.set(title=title)
    rule_legend(data, figure, loc="outside lower center", ncols=2)
    figure.suptitle(f"Bars: {interval_note(data['mean_error_interval'])}", fontsize=9)
    return figure


# %%
FIGURE = PaperFigure(
    name="table_c2",
    title="Experiment C2 of Liao, Leibo & Poggio 2016: layers that do not learn.",
    compute=compute,
    draw=draw,
    folder=Path("out/liao2016"),
    results=Path(__file__).parent / "results",
    table=error_table,
)

if __name__ == "__main__":
    sys.exit(FIGURE.main())
