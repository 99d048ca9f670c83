# %% [markdown]
# # Feature detectors of both rules (Lillicrap et al. 2016, Supplementary Fig. 5)
#
# Receptive fields of hidden units, the weights from the 784 pixels, after learning MNIST by
# backprop and by feedback alignment. The paper shows some and calls them similar. Here likeness
# is also measured: of every field of one network, what learning added to it is matched with the
# field of another network that it resembles most (largest |cosine|). Two networks of different
# rules and seeds are compared with two of one rule and different seeds, and with random fields.
#
#     python paper_figs/lillicrap2016/supp_features.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 2 epochs and two seeds a rule; `paper` is 15 and six, so that likeness has an interval.
# Both need MNIST: `fatheory data fetch mnist`.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin, protocol_note

EPOCH = 60_000
SCALES: dict[str, dict] = {
    "quick": {"schedule.phases": [{"steps": 2 * EPOCH}], "record.steps": [EPOCH]},
    "paper": {"seeds": 6},
}
SHOWN = 24
SIDE = 28


# %%
def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train; return some receptive fields, how alike they are, and the claims."""
    asked = fa.presets["lillicrap2016/features"].with_settings(SCALES[scale])
    run = fa.simulate(asked, path=cache(asked))
    fields = run["receptive_field"]
    learned = fields.isel(step=-1) - fields.isel(step=0)
    data = xr.Dataset({"match": best_matches(learned)})
    shown = fields.isel(seed=0, receptive_unit=slice(0, SHOWN))
    data["receptive_field"] = shown.astype(np.float32).assign_attrs(fields.attrs)
    data["classification_error"] = run["classification_error"].isel(step=-1, drop=True)
    data = data.reset_coords(drop=True)
    return data.assign_attrs(origin(run)), check(data)


def best_matches(learned: xr.DataArray) -> xr.DataArray:
    """Return the mean over fields of the largest |cosine| with a field of another network.

    Between rules and within them, of every seed with the next, the last with the first; `random`
    matches the fields of backprop with normal ones.
    """
    fields = {
        str(rule): learned.sel(rule=rule).transpose("seed", ...).values
        for rule in learned["rule"].values
    }
    noise = np.random.default_rng(0).standard_normal(fields["backprop"].shape)
    pairs = {
        "backprop, backprop": (fields["backprop"], fields["backprop"]),
        "feedback alignment, feedback alignment": (fields["feedback_alignment"],) * 2,
        "feedback alignment, backprop": (fields["feedback_alignment"], fields["backprop"]),
        "random, backprop": (noise, fields["backprop"]),
    }
    values = [
        [
            np.mean(largest_cosines(*pair))
            for pair in zip(one, np.roll(other, -1, axis=0), strict=True)
        ]
        for one, other in pairs.values()
    ]
    attrs = {"units": "1", "long_name": "mean of the largest |cosine| with a field of the other"}
    coords = {"pair": list(pairs), "seed": learned["seed"].values}
    return xr.DataArray(values, coords, ("pair", "seed"), attrs=attrs)


def largest_cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return for each row of `one` its largest |cosine| with a row of `other`."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, other)]
    return np.abs(unit[0] @ unit[1].T).max(axis=1)


def mean_match(data: xr.Dataset) -> xr.DataArray:
    """Return the likeness of pairs, mean over seeds; older data hold one pair of seeds."""
    match = data["match"]
    return match.mean("seed", keep_attrs=True) if "seed" in match.dims else match


def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    match = mean_match(data)
    across = match.sel(pair="feedback alignment, backprop")
    return [
        Claim.at_least(
            "likeness of features across rules, relative to two runs of backprop",
            across / match.sel(pair="backprop, backprop"),
            0.8,
        ),
        Claim.at_least(
            "likeness across rules, relative to random fields",
            across / match.sel(pair="random, backprop"),
            2,
        ),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw the fields of both rules after learning, and the likeness of networks."""
    figure = plt.figure(figsize=(11, 7.2))
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.4, 1))
    halves = top.subfigures(1, 2)
    for half, rule in zip(halves, data["rule"].values, strict=True):
        fields = data["receptive_field"].sel(rule=rule).isel(step=-1)
        draw_fields(fields.values, half)
        error = float(data["classification_error"].sel(rule=rule).isel(seed=0))
        half.suptitle(f"{fa.figures.rule_name(str(rule))} (test error {error:.2f} %)", fontsize=11)
    axes = bottom.subplots()
    match, colours = mean_match(data), ["0.2", "#009E73", "#0072B2", "0.7"]
    axes.barh(data["pair"].values, match, color=colours)
    if "seed" in data["match"].dims:
        for seed in data["seed"]:
            axes.plot(data["match"].sel(seed=seed), data["pair"].values, ".", color="0.5")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel=f"{data['match'].attrs['long_name']} network")
    axes.set_title(protocol_note(data), fontsize=9)
    return figure


def draw_fields(fields: np.ndarray, where: Figure) -> None:
    """Draw receptive fields, each on a scale of its own, symmetric about zero."""
    grid = where.subplots(4, 6)
    for axes, field in itertools.zip_longest(grid.flat, fields):
        axes.set_axis_off()
        limit = np.abs(field).max()
        axes.imshow(field.reshape(SIDE, SIDE), cmap="RdBu_r", vmin=-limit, vmax=limit)


# %%
FIGURE = PaperFigure(
    name="supp_features",
    title="Receptive fields of both rules (Lillicrap et al. 2016, Supplementary Fig. 5).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
