# %% [markdown]
# # Experiment C1 of Liao, Leibo & Poggio 2016: fixed random feedback
#
# RndF, V ~ N(0, 0.05^2) fixed, as in feedback alignment: alone, with Batch Manhattan (BM), with
# batch normalisation (BN), and with both; beside it USF, feedback of the signs of the weights.
#
#     python paper_figs/liao2016/table_c1.py [--scale quick|full|paper] [--out DIR] [--redraw]
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

SETTINGS: dict[str, dict] = {
    "alone": {"update.manhattan": 0, "network.normalization": None},
    "BM": {"update.manhattan": 1, "network.normalization": None},
    "BN": {"update.manhattan": 0},
    "BN+BM": {"update.manhattan": 1},
}


# %%
def asked(base: fa.Experiment) -> dict[str, list[fa.Experiment]]:
    """Return what every setting asks."""
    return {setting: [base.with_settings(changes)] for setting, changes in SETTINGS.items()}


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    base = fa.presets["liao2016/table_c1"]
    data = compute_table(base, scale, asked, fa.simulate, fa.choose_learning_rates, cache)
    return data, claims_by_image_set(data, check)


def check(data: xr.Dataset, title: str) -> list[Claim]:
    """Measure what the table must show, on one image set."""
    one = data.sel(image_set=title)
    random = one["mean_error"].sel(rule="rndf")
    signs = one["mean_error"].sel(rule="usf", setting="BN+BM")
    normalised = random.sel(setting=["BN", "BN+BM"])
    chance = data["error"].attrs["chance"]
    upper = one["mean_error_interval"].sel(rule="rndf", ci_bound="upper")
    return [
        Claim.at_least(
            f"{title}: RndF alone is poor, its error over that of USF+BN+BM",
            random.sel(setting="alone") / signs,
            1.5,
        ),
        Claim.at_least(
            f"(iii) {title}: BN helps RndF, error alone over error with BN",
            random.sel(setting="alone") / random.sel(setting="BN"),
            1.1,
        ),
        Claim.at_most(
            f"(v) {title}: RndF+BN is better than chance, upper end of its interval over chance",
            upper.sel(setting="BN") / chance,
            0.9,
        ),
        Claim.at_least(
            f"(v) {title}: the better of RndF+BN and RndF+BN+BM minus USF+BN+BM",
            normalised.min() - signs,
            0,
            "points",
        ),
        Claim.at_least(
            f"{title}: RndF with BM alone is poor, its error over that of RndF+BN+BM",
            random.sel(setting="BM") / random.sel(setting="BN+BM"),
            1.1,
        ),
    ]


# %%
FIGURE = PaperFigure(
    name="table_c1",
    title="Experiment C1 of Liao, Leibo & Poggio 2016: fixed random feedback.",
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
