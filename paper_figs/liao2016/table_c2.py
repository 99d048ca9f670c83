# %% [markdown]
# # Experiment C2 of Liao, Leibo & Poggio 2016: layers that do not learn
#
# "Bottom": the output weights stay at their random start, and all learning happens below them.
# "Top": only the output weights learn. Backprop, feedback of the same signs (USF, FRSF) and fixed
# random feedback (RndF), all with batch normalisation and Batch Manhattan.
#
#     python paper_figs/liao2016/table_c2.py [--scale quick|full|paper] [--out DIR] [--redraw]
#
# `quick` trains a network of the same depth with a quarter of the channels on 30,000 images; `full`
# the full network for 4 epochs with 3 seeds, hours on two cores, resumable; `paper` that for 60
# epochs with 5 seeds, on a GPU. Each cell's learning rate is chosen on a validation split, on one
# seed of its own and shorter runs, from a grid that grows until its best value lies inside. Image
# sets: MNIST and CIFAR-10, and Fashion-MNIST beyond `quick`, whichever are at hand.

# %%
from pathlib import Path

import xarray as xr

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import cells_figure
from fatheory.reproduction import (
    PaperFigure,
    RunCache,
    beside_script,
    claims_by_image_set,
    compute_table,
    error_table,
    leave,
)


# %%
def frozen(base: fa.Experiment) -> dict[str, list[fa.Experiment]]:
    """Return the experiment with the layers frozen that each setting freezes."""
    layers = {"bottom": [base.layers], "top": [*range(1, base.layers)], "all": []}
    return {
        setting: [base.with_settings({"schedule.phases.0.frozen": chosen})]
        for setting, chosen in layers.items()
    }


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    base = fa.presets["liao2016/table_c2"]
    data = compute_table(base, scale, frozen, fa.simulate, fa.choose_learning_rates, cache)
    return data, claims_by_image_set(data, check)


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


# %%
FIGURE = PaperFigure(
    name="table_c2",
    title="Experiment C2 of Liao, Leibo & Poggio 2016: layers that do not learn.",
    compute=compute,
    draw=cells_figure,
    folder=Path("out/liao2016"),
    results=beside_script(globals(), "results"),
    scales=("quick", "full", "paper"),
    check=lambda data: claims_by_image_set(data, check),
    table=error_table,
)

if __name__ == "__main__":
    leave(FIGURE.main())
