# %% [markdown]
# # Small training sets and small batches in Liao, Leibo & Poggio 2016
#
# The paper says that Batch Manhattan (BM) helps more where training sets are small (introduction,
# vi), and that very small batches sometimes hurt it. Backprop and USF learn by SGD and by BM from
# 1 %, 10 % and all of the training images, and from batches of 1, 10 and 100; with batch
# normalisation, but for batches of one image, of which a fully connected layer has no statistics.
# All cells see as many images.
#
#     python paper_figs/liao2016/table_small.py [--scale quick|full|paper] [--out DIR] [--redraw]
#
# `quick` trains a network of the same depth with a quarter of the channels on 30,000 images; `full`
# the full network for 4 epochs with 3 seeds, hours on two cores, resumable; `paper` that for 60
# epochs with 5 seeds, on a GPU. Each cell's learning rate is chosen on a validation split, on one
# seed of its own and shorter runs, from a grid that grows until its best value lies inside. MNIST
# is needed: `fatheory data fetch mnist`.

# %%
import itertools
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

UPDATES = {"SGD": 0, "BM": 1}
SHARES = (1, 10, 100)
"""Percent of the training images."""
BATCHES = (1, 10)
"""Beside the usual one, of 100."""


# %%
def asked(base: fa.Experiment) -> dict[str, list[fa.Experiment]]:
    """Return what every setting asks."""
    cells = {}
    for share, (name, manhattan) in itertools.product(SHARES, UPDATES.items()):
        limit = 0 if share == 100 else base.task.samples * share // 100
        changes = {"task.limit": limit, "update.manhattan": manhattan}
        cells[f"{share} %, {name}"] = [base.with_settings(changes)]
    for batch, (name, manhattan) in itertools.product(BATCHES, UPDATES.items()):
        of_batch = in_batches(base, batch).with_settings({"update.manhattan": manhattan})
        cells[f"batch {batch}, {name}"] = [of_batch]
    return cells


def in_batches(base: fa.Experiment, batch: int) -> fa.Experiment:
    """Return the experiment in other batches, which sees as many images."""
    more = base.schedule.batch_size // batch
    changes: dict[str, object] = {
        "schedule.batch_size": batch,
        "schedule.phases.0.steps": base.schedule.steps * more,
        "schedule.decay.at": [step * more for step in base.schedule.decay.at],
    }
    if batch == 1:
        changes["network.normalization"] = None
    return base.with_settings(changes)


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train every cell; return errors with intervals, and the claims."""
    base = fa.presets["liao2016/table_bm"].replaced(name="liao2016/table_small")
    data = compute_table(
        base, scale, asked, fa.simulate, fa.choose_learning_rates, cache, image_sets=("mnist",)
    )
    return data, claims_by_image_set(data, check)


def check(data: xr.Dataset, title: str) -> list[Claim]:
    """Measure what the table must show, on one image set."""
    error = data["mean_error"].sel(image_set=title)
    claims = []
    for rule in error["rule"].values:
        one = error.sel(rule=rule)
        small, usual = (
            one.sel(setting=f"{p} %, SGD") - one.sel(setting=f"{p} %, BM") for p in (1, 100)
        )
        tiny = one.sel(setting="batch 10, BM") - one.sel(setting="batch 10, SGD")
        claims += [
            Claim.at_least(
                f"(vi) {title}, {rule}: SGD minus BM, on 1 % of the images over all",
                small - usual,
                0,
                "points",
            ),
            Claim.at_least(
                f"{title}, {rule}: BM minus SGD, batches of 10 over 100", tiny + usual, 0, "points"
            ),
        ]
    return claims


# %%
FIGURE = PaperFigure(
    name="table_small",
    title="Small training sets and batches in Liao, Leibo & Poggio 2016.",
    compute=compute,
    draw=partial(cells_figure, xlabel="share of the images or batch, update"),
    folder=Path("out/liao2016"),
    results=beside_script(globals(), "results"),
    scales=("quick", "full", "paper"),
    check=lambda data: claims_by_image_set(data, check),
    table=error_table,
)

if __name__ == "__main__":
    leave(FIGURE.main())
