# %% [markdown]
# # Settings of Batch Manhattan in Liao, Leibo & Poggio 2016
#
# Setting 0 is SGD; 1 keeps the signs of the gradients, 2 and 3 take a sign at the end as well,
# within the momentum or after it. Backprop (symmetric) and USF, with batch normalisation.
#
#     python paper_figs/liao2016/table_bm.py [--scale quick|full|paper] [--out DIR] [--redraw]
#
# `quick` trains a network of the same depth with a quarter of the channels on 30,000 images; `full`
# the full network for 4 epochs with 3 seeds, hours on two cores, resumable; `paper` that for 60
# epochs with 5 seeds, on a GPU. Each cell's learning rate is chosen on a validation split, on one
# seed of its own and shorter runs, from a grid that grows until its best value lies inside. Image
# sets: MNIST and CIFAR-10, and Fashion-MNIST beyond `quick`, whichever are at hand.
#
# The paper prints eight errors a row for this comparison, or four; which column is which is lost
# in the text at hand, so they stand below the table as they are.

# %%
from functools import partial
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

SETTINGS: dict[str, dict] = {str(k): {"update.manhattan": k} for k in range(4)}
PRINTED = {
    "MNIST": (0.67, 0.99, 1.30, 1.09, 0.55, 0.83, 0.72, 0.61),
    "CIFAR-10": (22.73, 23.98, 23.09, 20.47),
}
"""Percent, in the paper's order."""


# %%
def asked(base: fa.Experiment) -> dict[str, list[fa.Experiment]]:
    """Return what every setting asks."""
    return {setting: [base.with_settings(changes)] for setting, changes in SETTINGS.items()}


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    base = fa.presets["liao2016/table_bm"]
    data = compute_table(base, scale, asked, fa.simulate, fa.choose_learning_rates, cache)
    return data, claims_by_image_set(data, check)


def check(data: xr.Dataset, title: str) -> list[Claim]:
    """Measure what the table must show, on one image set."""
    error = data["mean_error"].sel(image_set=title)
    signs = error.sel(setting=["1", "2", "3"])
    alike = 1.0 if title == "MNIST" else 6.0
    claims = [
        Claim.at_most(
            f"(ii) {title}, {rule}: spread of settings 1, 2 and 3",
            of_rule.max() - of_rule.min(),
            alike,
            "points",
        )
        for rule, of_rule in signs.groupby("rule")
    ]
    worst = (signs - error.sel(setting="0")).max()
    return [
        *claims,
        Claim.at_most(f"(ii) {title}: worst of settings 1 to 3 minus SGD", worst, alike, "points"),
    ]


def table(data: xr.Dataset) -> str:
    """Lay out the errors, and the paper's below them."""
    lines = [error_table(data), ""]
    for name, numbers in PRINTED.items():
        lines.append(f"printed in the paper for {name}: {', '.join(map(str, numbers))}")
    return "\n".join(lines)


# %%
FIGURE = PaperFigure(
    name="table_bm",
    title="Settings of Batch Manhattan, of Liao, Leibo & Poggio 2016.",
    compute=compute,
    draw=partial(cells_figure, xlabel="setting of Batch Manhattan"),
    folder=Path("out/liao2016"),
    results=beside_script(globals(), "results"),
    scales=("quick", "full", "paper"),
    check=lambda data: claims_by_image_set(data, check),
    table=table,
)

if __name__ == "__main__":
    leave(FIGURE.main())
