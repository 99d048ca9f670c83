# %% [markdown]
# # Half of the connections removed (Lillicrap et al. 2016, Supplementary Fig. 5)
#
# The network of Fig. 3a with half of the weights from hidden to output units and half of the
# feedback weights missing, drawn independently: a quarter of the pairs of hidden and output units
# is connected both ways. The paper sets feedback alignment in such networks against backprop in
# full ones, which is in `fig3ab.py`; backprop in sparse networks stands beside it here.
#
#     python paper_figs/lillicrap2016/supp_sparse.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 3 seeds and 4 epochs; `paper` is the paper's 20 seeds, and 15 epochs. Both need MNIST:
# `fatheory data fetch mnist`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, learning_curves, rule_legend
from fatheory.initial import draw_initial_state
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin, protocol_note

EPOCH = 60_000
SCALES: dict[str, dict] = {
    "quick": {
        "seeds": 3,
        "schedule.phases": [{"steps": 4 * EPOCH}],
        "record.steps": [500, 2000, 5000, 10_000, 20_000, 40_000, *range(0, 4 * EPOCH, EPOCH)],
    },
    "paper": {},
}
LARGEST_ERROR = {"quick": 4.0, "paper": 2.4}
"""Percent: the paper's mean of 20 runs; ours, four epochs in."""
CURVES = ("classification_error", "training_error", "delta_angle", "weight_angle")


# %%
def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train; return means and intervals over seeds, and the claims."""
    asked = fa.presets["lillicrap2016/sparse"].with_settings(SCALES[scale])
    run = fa.simulate(asked, path=cache(asked))
    data = xr.merge([fa.metrics.mean_interval(run[name]) for name in CURVES])
    data = data.expand_dims(source=["simulation"])
    error = run["classification_error"].reset_coords(drop=True)
    data["error_of_seeds"] = error.assign_attrs(long_name="test error of every seed")
    final = run["classification_error"].isel(step=-1, drop=True)
    data["final_error"] = final.assign_attrs(long_name="test error after the last step")
    data["reciprocal"] = reciprocal_share(asked)
    return data.assign_attrs(origin(run)), check(data, LARGEST_ERROR[scale])


def reciprocal_share(asked: fa.Experiment) -> xr.DataArray:
    """Return which share of pairs of hidden and output units is connected both ways, by seed."""
    shares = []
    for seed in asked.seeds:
        connections = draw_initial_state(asked, seed).connections
        forward, feedback = connections.forward[1], connections.feedback[1]
        shares.append(100 * np.mean(forward & feedback))
    attrs = {"units": "percent", "long_name": "pairs connected both ways"}
    return xr.DataArray(shares, {"seed": list(asked.seeds)}, "seed", attrs=attrs)


def check(data: xr.Dataset, largest: float) -> list[Claim]:
    """Measure what the figure must show."""
    last = data.isel(source=0, step=-1)
    alone = last.sel(rule="feedback_alignment")
    return [
        Claim.between("pairs connected both ways", data["reciprocal"].mean(), 24, 26, "%"),
        Claim.at_most(
            "feedback alignment, sparse: mean test error",
            alone["classification_error"],
            largest,
            "%",
        ),
        Claim.at_most(
            "upper end of its 95 % interval",
            alone["classification_error_interval"].sel(ci_bound="upper"),
            largest,
            "%",
        ),
        Claim.at_most(
            "angle of teaching signals after the last image",
            alone["delta_angle"].sel(layer=1),
            60,
            "°",
        ),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw errors and angles."""
    figure, (errors, angles) = plt.subplots(1, 2, figsize=(10.5, 4.2))
    learning_curves(data, "classification_error", errors)
    errors.set(title="half of W and of B removed", ylabel="test error (%)")
    errors.set(xscale="log", yscale="log", xlim=(400, None))
    learning_curves(data.sel(layer=1), "delta_angle", angles)
    angles.set(title=r"$\angle(\delta_{FA}, \delta_{BP})$", ylim=(0, 100), yticks=range(0, 91, 15))
    angles.set(xscale="log", xlim=(400, None), ylabel="angle of teaching signals (degrees)")
    rule_legend(data.isel(source=[]), figure, loc="outside lower center", ncols=3)
    note = interval_note(data["classification_error_interval"])
    figure.suptitle(". ".join(filter(None, [f"Bands: {note}", protocol_note(data)])), fontsize=9)
    return figure


# %%
FIGURE = PaperFigure(
    name="supp_sparse",
    title="MNIST with half of W and B removed (Lillicrap et al. 2016, Supplementary Fig. 5).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=lambda data: check(data, LARGEST_ERROR[data.attrs["scale"]]),
)

if __name__ == "__main__":
    leave(FIGURE.main())
