# %% [markdown]
# # Hidden width, from 2 to infinity
#
# Linear feedback alignment of any hidden width n_h is a system of n_o (n_i + n_o) equations
# (`fatheory.theory.reduction`), so a learning curve costs the same at every width, the infinite
# one included. The task has the sizes of Lillicrap et al. 2016, Fig. 2: 30 inputs, 10 outputs,
# white input. W0, W and B are uniform with variances h/n_h, w/n_h and g/n_h, equal to the paper's
# at its width n_h = 20. The target and 64 draws of the weights per width are compared with the
# one path that all of them follow at infinite width.
#
# What to see: fewer hidden units than outputs leave an error; just above, learning is slow,
# because B^T B has small eigenvalues; then the curves close in on the infinite one. A draw
# differs from it by order n_h^-1/2 (the spread) and the mean over draws by order n_h^-1.
#
#     python analyses/hidden_width.py [--out DIR]

# %%
import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.reproduction import script_arguments
from fatheory.theory.gram import hidden_gram
from fatheory.theory.infinite_width import WidthScaledDistribution, reduced_infinite_width
from fatheory.theory.reduction import solve_gram

N_I, N_O, PAPER_WIDTH = 30, 10, 20
WIDTHS = (2, 5, 10, 12, 20, 50, 100, 200, 500, 1000, 2000)
SEEDS = range(64)
TIMES = np.concatenate([[0.0], np.geomspace(0.02, 30.0, 60)])
COMPARED_AT = 0.5
LAWS = {
    "input": WidthScaledDistribution("uniform", 0.01 * PAPER_WIDTH**0.5),
    "output": WidthScaledDistribution("uniform", 0.01 * PAPER_WIDTH**0.5),
    "feedback": WidthScaledDistribution("uniform", 0.5 * PAPER_WIDTH**0.5),
}


# %%
def compute() -> xr.Dataset:
    """Solve all widths; the last is infinite, where all seeds are the same."""
    T = np.random.default_rng(0).uniform(-1, 1, (N_O, N_I))
    loss, angle, seconds = [], [], []
    for n_h in WIDTHS:
        gram = hidden_gram(*draw(n_h))
        began = time.perf_counter()
        solution = solve_gram(gram, T, times=TIMES)
        seconds.append((time.perf_counter() - began) / len(SEEDS))
        loss.append(solution.loss().T)
        angle.append(solution.weight_angle().T)
    variances = {f"{name}_variance": law.limiting_variance for name, law in LAWS.items()}
    infinite = reduced_infinite_width(T, times=TIMES, **variances)
    loss.append(np.broadcast_to(infinite.loss(), loss[0].shape))
    angle.append(np.broadcast_to(infinite.weight_angle(), angle[0].shape))
    dims = ("width", "seed", "time")
    return xr.Dataset(
        {
            "relative_loss": (dims, np.array(loss) / (0.5 * np.sum(T**2)), {"units": "1"}),
            "weight_angle": (dims, np.array(angle), {"units": "degree"}),
        },
        coords={
            "width": ("width", [*map(float, WIDTHS), np.inf], {"long_name": "hidden units"}),
            "seed": list(SEEDS),
            "time": ("time", TIMES, {"units": "learning rate x step"}),
        },
        attrs={"seconds_per_curve": seconds},
    )


def draw(n_h: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw W0, W and B of every seed."""
    shapes = {"input": (n_h, N_I), "output": (N_O, n_h), "feedback": (n_h, N_O)}
    drawn = []
    for number, (name, shape) in enumerate(shapes.items()):
        runs = [np.random.default_rng([seed, number, n_h]) for seed in SEEDS]
        drawn.append(np.stack([LAWS[name].draw(rng, shape, n_h) for rng in runs]))
    return drawn[0], drawn[1], drawn[2]


# %%
def distances(data: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray, dict[str, float]]:
    """Return spread and shift of the loss at `COMPARED_AT` and their exponents in n_h."""
    loss = data["relative_loss"].sel(time=COMPARED_AT, method="nearest")
    infinite = loss.sel(width=np.inf).isel(seed=0)
    finite = loss.sel(width=slice(100, 2000))
    spread, shift = finite.std("seed", ddof=1), abs(finite.mean("seed") - infinite)
    log_width = np.log(finite["width"])
    slopes = {
        name: float(np.polyfit(log_width, np.log(value), 1)[0])
        for name, value in (("spread", spread), ("shift", shift))
    }
    return spread, shift, slopes


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    final = data["relative_loss"].isel(time=-1).median("seed")
    assert (final.sel(width=slice(2, N_O - 1)) > 0.1).all(), "a bottleneck leaves an error"
    assert (final.sel(width=slice(N_O + 1, None)) < 1e-2).all(), "enough hidden units leave none"
    _, _, slopes = distances(data)
    assert abs(slopes["spread"] + 0.5) < 0.15, slopes
    assert abs(slopes["shift"] + 1.0) < 0.15, slopes


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw loss, angle and the approach to infinite width."""
    with style():
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.9))
        fig.suptitle(f"Median and middle half of {len(SEEDS)} draws of the weights", fontsize=9)
        curves(left, data["relative_loss"], "Loss, relative to the zero map")
        left.set(yscale="log", ylim=(1e-4, 1.5))
        curves(middle, data["weight_angle"], "Angle between W and Bᵀ (degrees)")
        middle.set(ylim=(0, 95), yticks=range(0, 91, 15))
        handles, names = left.get_legend_handles_labels()
        middle.legend(handles, names, title="hidden units", ncols=2, fontsize=8, loc="upper right")
        approach(right, data)
    return fig


def curves(ax: Axes, values: xr.DataArray, label: str) -> None:
    """Draw medians over seeds and the band between the quartiles."""
    colours = plt.get_cmap("viridis")(np.linspace(0.95, 0.0, len(WIDTHS)))
    for width, colour in zip(WIDTHS, colours, strict=True):
        low, median, high = values.sel(width=width).quantile([0.25, 0.5, 0.75], "seed").values
        ax.fill_between(values["time"], low, high, color=colour, alpha=0.25, linewidth=0)
        ax.plot(values["time"], median, color=colour, label=f"{width}", linewidth=1.2)
    infinite = values.sel(width=np.inf).isel(seed=0)
    ax.plot(values["time"], infinite, "k--", label="infinite", linewidth=1.5)
    ax.set(xscale="log", xlabel="Time t = η · step", ylabel=label, xlim=TIMES[[1, -1]])


def approach(ax: Axes, data: xr.Dataset) -> None:
    """Draw the distance from infinite width over n_h."""
    spread, shift, slopes = distances(data)
    lines = (
        ("spread", spread, "standard deviation over draws", "#0072B2", "o", -0.5),
        ("shift", shift, "mean minus infinite width", "#D55E00", "s", -1.0),
    )
    for name, value, label, colour, marker, power in lines:
        width = value["width"].values
        guide = np.exp(np.mean(np.log(value.values) - power * np.log(width))) * width**power
        ax.plot(width, guide, color=colour, linewidth=0.8)
        fit = f"(slope {slopes[name]:.2f}, line {power:g})"
        ax.plot(width, value, marker, color=colour, markersize=4, label=f"{label}\n{fit}")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="Hidden units",
        ylabel=f"Distance of the loss at t = {COMPARED_AT:g}",
    )
    ax.legend(fontsize=8)


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Learning curves of every hidden width.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    print("hidden units  ms per curve")
    for width, seconds in zip(WIDTHS, data.attrs["seconds_per_curve"], strict=True):
        print(f"{width:12d}  {1e3 * seconds:12.1f}")
    print("exponents in n_h:", distances(data)[2])
    check(data)
    save(data, out / "hidden_width.zarr", overwrite=True)
    save_figure(figure(data), out / "hidden_width")


if __name__ == "__main__":
    main()
