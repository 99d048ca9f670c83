# %% [markdown]
# # What a bottleneck costs feedback alignment
#
# With fewer hidden units than outputs, backprop ends at the best map of rank n_h; linear feedback
# alignment ends at T Pi, with Pi the projector on the row space of B T
# (`fatheory.theory.bottleneck`). The limit needs no integration, so every width is asked with 200
# draws of B; the gradient flow from small weights, at some of them, checks it. The target is
# 10 x 30 with singular values s_i ~ i^-a and random singular vectors, scaled to L = 1 at zero.
#
# What to see: with equal singular values (a = 0) no choice of directions is better than another
# and there is no gap. The steeper the spectrum, the larger the ratio of the two losses, because
# backprop chooses the strong directions; the difference is largest for spectra in between and
# closes at n_h = n_o.
#
#     python analyses/bottleneck_gap.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import rule_colour, save_figure, style
from fatheory.reproduction import script_arguments
from fatheory.theory.bottleneck import bottleneck_limit
from fatheory.theory.flow import flow

N_I, N_O = 30, 10
WIDTHS = tuple(range(1, N_O + 1))
EXPONENTS = (0.0, 0.5, 1.0, 2.0)
SEEDS = range(200)
SHOWN_EXPONENT = 0.5
FLOW_WIDTHS, FLOW_SEEDS, FLOW_TIME, FLOW_START = (1, 2, 4, 6, 8), range(2), 100.0, 0.01


# %%
def draw(seed: int, exponent: float, n_h: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw target and feedback; the target of a seed does not depend on the width."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.normal(size=(N_O, N_O)))[0]
    V = np.linalg.qr(rng.normal(size=(N_I, N_O)))[0]
    s = np.arange(1.0, N_O + 1) ** -exponent
    T = np.sqrt(2) * (U * (s / np.linalg.norm(s))) @ V.T
    return T, np.random.default_rng([seed, n_h]).uniform(-0.5, 0.5, (n_h, N_O))


def compute() -> xr.Dataset:
    """Ask the limit for every draw, and the flow for some."""
    limits = np.array(
        [
            [[bottleneck_limit(*draw(seed, a, n_h))[1::2] for n_h in WIDTHS] for a in EXPONENTS]
            for seed in SEEDS
        ]
    )
    dims, one = ("seed", "exponent", "width"), {"units": "1"}
    flows = np.array([[flow_loss(seed, n_h) for n_h in FLOW_WIDTHS] for seed in FLOW_SEEDS])
    return xr.Dataset(
        {
            "feedback_alignment": (dims, limits[..., 0], one),
            "backprop": (dims, limits[..., 1], one),
            "flow": (("flow_seed", "flow_width"), flows, one),
        },
        coords={
            "seed": list(SEEDS),
            "exponent": list(EXPONENTS),
            "width": list(WIDTHS),
            "flow_seed": list(FLOW_SEEDS),
            "flow_width": list(FLOW_WIDTHS),
        },
    )


def flow_loss(seed: int, n_h: int) -> float:
    """Integrate the flow from small weights and return its loss at the end."""
    T, B = draw(seed, SHOWN_EXPONENT, n_h)
    # A factor on B only rescales time and weights; unit columns shorten the integration.
    B = B / np.linalg.norm(B, axis=1, keepdims=True)
    rng = np.random.default_rng([seed, n_h, 1])
    W0 = FLOW_START * rng.uniform(-1, 1, (n_h, N_I))
    W = FLOW_START * rng.uniform(-1, 1, (N_O, n_h))
    return float(flow(W0, W, B, T, times=[FLOW_TIME])["loss"][0])


# %%
def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    gap = data["feedback_alignment"] - data["backprop"]
    assert (gap > -1e-12).all(), "backprop's optimum is a bound"
    assert (abs(gap.sel(exponent=0.0)) < 1e-12).all(), "equal singular values leave no gap"
    assert (abs(data["feedback_alignment"].sel(width=N_O)) < 1e-12).all()
    shown = data["feedback_alignment"].sel(exponent=SHOWN_EXPONENT)
    shown = shown.sel(seed=list(FLOW_SEEDS), width=list(FLOW_WIDTHS)).values
    worst = np.abs(data["flow"].values / shown - 1).max()
    print(f"flow against limit, largest relative difference: {worst:.1e}")
    assert worst < 1e-6
    half = gap.sel(width=N_O // 2).median("seed")
    for a in EXPONENTS:
        fraction = float(half.sel(exponent=a))
        print(f"median gap at width {N_O // 2}, exponent {a:g}: {fraction:.3f} of the initial loss")
    ratio = (data["feedback_alignment"] / data["backprop"]).sel(width=N_O // 2).median("seed")
    print("median ratio of the losses there:", np.round(ratio.values, 2))
    assert (np.diff(ratio.values) > 0).all(), "the ratio grows with the steepness"


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw losses against width, and the gap for all spectra."""
    with style():
        fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4.1))
        fig.suptitle(f"Median and central 90 % of {len(SEEDS)} draws of B", fontsize=9)
        shown = data.sel(exponent=SHOWN_EXPONENT)
        for name, label in (("feedback_alignment", "feedback alignment"), ("backprop", "backprop")):
            low, median, high = shown[name].quantile([0.05, 0.5, 0.95], "seed").values
            colour = rule_colour(name)
            left.fill_between(WIDTHS, low, high, color=colour, alpha=0.2, linewidth=0)
            left.plot(WIDTHS, median, color=colour, label=label)
        # Seeds share a width; shifted sideways so that they can be told apart.
        same = shown["feedback_alignment"].sel(seed=list(FLOW_SEEDS), width=list(FLOW_WIDTHS))
        for k, (losses, limits) in enumerate(zip(data["flow"].values, same.values, strict=True)):
            x = np.array(FLOW_WIDTHS) + 0.16 * (k - 0.5)
            labels = ("single draws: flow", "single draws: limit") if k == 0 else (None, None)
            left.plot(x, losses, "o", color="#D55E00", mfc="none", markersize=7, label=labels[0])
            left.plot(x, limits, ".", color="#D55E00", markersize=4, label=labels[1])
        left.set(
            title=f"a  Limits for singular values $i^{{-{SHOWN_EXPONENT:g}}}$",
            ylabel="Loss, relative to the zero map",
            ylim=(0, 1),
        )
        gap = (data["feedback_alignment"] - data["backprop"]).median("seed")
        looks = (("#000000", "s"), ("#0072B2", "o"), ("#E69F00", "^"), ("#CC79A7", "D"))
        for a, (colour, marker) in zip(EXPONENTS, looks, strict=True):
            right.plot(
                WIDTHS,
                gap.sel(exponent=a),
                color=colour,
                marker=marker,
                markersize=4,
                label=f"{a:g}",
            )
        right.set(
            title="b  Gap to backprop, median of draws",
            ylabel="Loss difference, relative to the zero map",
        )
        right.legend(title=r"exponent a of $s_i \sim i^{-a}$")
        left.legend()
        for ax in (left, right):
            ax.set(xlabel=f"Hidden units (outputs: {N_O})", xticks=WIDTHS)
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(
        description="The limit of feedback alignment behind a bottleneck."
    )
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "bottleneck_gap.zarr", overwrite=True)
    save_figure(figure(data), out / "bottleneck_gap")
    check(data)


if __name__ == "__main__":
    main()
