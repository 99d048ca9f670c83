# %% [markdown]
# # Does W align with the pseudoinverse of B, or with its transpose?
#
# Lillicrap et al. 2016 (Supplementary Notes 13-15) argue that feedback alignment turns W towards
# B^+ and its teaching signal towards that of pseudobackprop, W^+ e, rather than towards B^T and
# backprop's W^T e. The gradient flow of a linear 30-20-10 network (white input, T ~ U[-1, 1],
# B ~ U[-0.5, 0.5], W0 and W ~ U[-w, w]) is integrated for 20 seeds and start sizes w.
#
# What to see: from a small start, delta_FA ends nearer to delta_PBP (median 4 degrees) than to
# delta_BP (28 degrees) in every seed, and W nearer to B^+ than to B^T in 18 of 20. Early in
# learning it is the reverse: the transpose comes first, the pseudoinverse once the slow modes have
# been learned. A large start weakens the first finding and removes the second. With equal singular
# values of T and B^T B = g I the alignment of W with B^+ would be exact
# (`fatheory.theory.pseudoinverse`).
#
#     python analyses/pseudoinverse_alignment.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.geometry import angle
from fatheory.geometry.pseudoinverse import pseudoinverse_alignment
from fatheory.reproduction import script_arguments
from fatheory.theory.flow import flow
from fatheory.theory.pseudoinverse import teaching_signal_angles

N_I, N_H, N_O = 30, 20, 10
SEEDS = range(20)
START_SIZES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
SHOWN_START = 0.01
# Up to here the error stays above the tolerance of the integrator, so that it has a direction.
TIMES = np.geomspace(0.02, 8.0, 50)
PROBES = 100
MATRIX = (-2, -1)
SIGNALS = {
    "feedback_backprop": ("δ_FA and δ_BP", "#000000", "-"),
    "feedback_pseudobackprop": ("δ_FA and δ_PBP", "#009E73", "--"),
    "backprop_pseudobackprop": ("δ_BP and δ_PBP", "#E69F00", ":"),
}
WEIGHTS = {
    "transpose": ("W and Bᵀ", "#000000", "-"),
    "pseudoinverse": ("W and B⁺", "#009E73", "--"),
}


# %%
def compute() -> xr.Dataset:
    """Integrate every seed and start size and measure the angles along the way."""
    names = (*WEIGHTS, *SIGNALS, "relative_loss")
    values = np.array([[measure(seed, size) for size in START_SIZES] for seed in SEEDS])
    dims = ("seed", "start", "time")
    data = {
        name: (dims, values[:, :, k], {"units": "1" if name == "relative_loss" else "degree"})
        for k, name in enumerate(names)
    }
    coords = {
        "seed": list(SEEDS),
        "start": ("start", list(START_SIZES), {"units": "1", "long_name": "start size w"}),
        "time": ("time", TIMES, {"units": "learning rate x step"}),
    }
    return xr.Dataset(data, coords)


def measure(seed: int, size: float) -> list[np.ndarray]:
    """Return the angles and the relative loss of one run along `TIMES`."""
    rng = np.random.default_rng(seed)
    T, B = rng.uniform(-1, 1, (N_O, N_I)), rng.uniform(-0.5, 0.5, (N_H, N_O))
    W0, W = size * rng.uniform(-1, 1, (N_H, N_I)), size * rng.uniform(-1, 1, (N_O, N_H))
    x = rng.normal(size=(PROBES, N_I))
    path = flow(W0, W, B, T, times=TIMES)
    signals = []
    for W0_t, W_t in zip(path["weight_1"].values, path["weight_2"].values, strict=True):
        e = x @ (T - W_t @ W0_t).T
        signals.append([angles.mean() for angles in teaching_signal_angles(W_t, B, e)])
    W_t = path["weight_2"].values
    return [
        angle(W_t, B.T, axis=MATRIX),
        pseudoinverse_alignment(W_t, B),
        *np.array(signals).T,
        path["loss"].values / (0.5 * np.sum(T**2)),
    ]


# %%
def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    end = data.isel(time=-1)
    small, large = end.sel(start=SHOWN_START), end.sel(start=START_SIZES[-1])
    nearer = small["feedback_pseudobackprop"] < small["feedback_backprop"]
    print(f"delta_FA nearer to delta_PBP at the end: {int(nearer.sum())} of {len(SEEDS)} seeds")
    closer = small["pseudoinverse"] < small["transpose"]
    print(f"W nearer to B^+ than to B^T at the end: {int(closer.sum())} of {len(SEEDS)} seeds")
    for name in (*WEIGHTS, *SIGNALS):
        print(f"{name:26s} {small[name].median():6.1f} deg (small) {large[name].median():6.1f}")
    assert (small["relative_loss"].median() < 1e-2).item()
    assert nearer.all(), "from a small start delta_FA ends nearer to pseudobackprop"
    assert closer.mean() > 0.75, "from a small start W mostly ends nearer to the pseudoinverse"
    early = data.sel(start=SHOWN_START).sel(time=0.1, method="nearest")
    assert (early["transpose"] < early["pseudoinverse"]).all(), "early W is nearer to B^T"


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw weights and signals along the flow, and the ends against the start size."""
    with style():
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.9))
        fig.suptitle(f"Median and middle half of {len(SEEDS)} seeds", fontsize=9)
        small = data.sel(start=SHOWN_START)
        for ax, entries in ((left, WEIGHTS), (middle, SIGNALS)):
            for name, look in entries.items():
                curve(ax, data["time"], small[name], look)
            ax.set(xscale="log", xlabel="Time t = η · step", xlim=TIMES[[0, -1]])
        left.set(title=f"a  Weights, start size {SHOWN_START:g}", ylabel="Angle (degrees)")
        middle.set(title="b  Teaching signals, same runs")
        for name, look in SIGNALS.items():
            curve(right, data["start"], data[name].isel(time=-1), look, marker="o")
        right.set(xscale="log", xlabel="Start size w", title=f"c  At t = {TIMES[-1]:g}")
        for ax in (left, middle, right):
            ax.set(ylim=(0, 100), yticks=range(0, 91, 15))
        left.legend(loc="upper right", title="Angle between")
        middle.legend(loc="upper right", title="Angle between")
    return fig


def curve(
    ax: Axes, x: xr.DataArray, values: xr.DataArray, look: tuple[str, str, str], marker: str = ""
) -> None:
    """Draw the median over seeds and the band between the quartiles."""
    label, colour, line = look
    low, median, high = values.quantile([0.25, 0.5, 0.75], "seed").values
    ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(x, median, color=colour, linestyle=line, marker=marker, markersize=4, label=label)


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Alignment with the pseudoinverse of B.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "pseudoinverse_alignment.zarr", overwrite=True)
    save_figure(figure(data), out / "pseudoinverse_alignment")
    check(data)


if __name__ == "__main__":
    main()
