# %% [markdown]
# # Deep linear networks at infinite width
#
# Under fixed feedback the weights of a linear network move in the ranges of its feedback, so the
# hidden widths leave the problem: n_o (n_i + (l - 1) n_o) numbers a layer follow networks of any
# depth exactly (`fatheory.theory.deep_reduced`). At infinite width the inner products that they
# need become numbers, and all networks follow one path: feature learning of deep networks as an
# ordinary differential equation (`fatheory.theory.deep_infinite_width`).
#
# What to see: losses of 40 networks of four layers under direct feedback alignment around the path
# of infinite width (a); their scatter shrinks as width^-1/2 and their mean approaches it faster
# (b); the path of infinite width for two to five layers: depth delays learning and makes it sudden
# (c).
#
#     python analyses/deep_linear_width.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.reproduction import script_arguments
from fatheory.theory import deep_infinite_width, deep_reduced

LAYERS, INPUTS, OUTPUTS = 4, 5, 2
WIDTHS, DRAWS = (40, 160, 640), 40
TIMES = np.linspace(0, 1.5, 31)
DEPTHS = (2, 3, 4, 5)
START = 0.2
LATER = np.concatenate([[0.0], np.geomspace(0.05, 10, 60)])
COLOURS = ("#E69F00", "#009E73", "#0072B2", "#D55E00")


# %%
def one(T: np.ndarray, n: int, draw: int) -> np.ndarray:
    """Return the loss of one network of width n."""
    rng = np.random.default_rng((n, draw))
    A = [rng.normal(0, n**-0.5, (n, INPUTS))]
    A += [rng.normal(0, n**-0.5, (n, n)) for _ in range(LAYERS - 2)]
    A.append(rng.normal(0, 1 / n, (OUTPUTS, n)))  # a readout that vanishes with the width
    F = [rng.normal(0, n**-0.5, (n, OUTPUTS)) for _ in range(LAYERS - 1)]
    rule = "direct_feedback_alignment"
    return deep_reduced(A, F, T, times=TIMES, rule=rule, rtol=1e-6).loss()


def compute() -> xr.Dataset:
    """Solve networks of every width, and the limit at every depth."""
    T = np.random.default_rng(0).normal(size=(OUTPUTS, INPUTS))
    losses = np.array([[one(T, n, draw) for draw in range(DRAWS)] for n in WIDTHS])
    hidden = LAYERS - 1
    limit = deep_infinite_width(
        T, weight_variances=[1.0] * hidden, feedback_variances=[1.0] * hidden, times=TIMES
    )
    by_depth = [
        deep_infinite_width(
            T,
            weight_variances=[START] * (layers - 1),
            feedback_variances=[1.0] * (layers - 1),
            times=LATER,
        ).loss()
        for layers in DEPTHS
    ]
    return xr.Dataset(
        {
            "loss": (("width", "draw", "time"), losses, {"units": "1"}),
            "limit": (("time",), limit.loss(), {"units": "1"}),
            "limit_by_depth": (("depth", "later"), np.array(by_depth), {"units": "1"}),
        },
        coords={
            "width": list(WIDTHS),
            "time": ("time", TIMES, {"units": "eta step"}),
            "depth": list(DEPTHS),
            "later": ("later", LATER, {"units": "eta step"}),
        },
    )


# %%
def spread(data: xr.Dataset) -> xr.DataArray:
    """Return the standard deviation of networks' losses, over the first loss, rms over time."""
    scatter = data["loss"].std("draw", ddof=1) / data["limit"].isel(time=0)
    return np.sqrt((scatter**2).mean("time"))


def shift(data: xr.Dataset) -> xr.DataArray:
    """Return the rms distance of the mean of networks from the limit, over the first loss."""
    off = (data["loss"].mean("draw") - data["limit"]) / data["limit"].isel(time=0)
    return np.sqrt((off**2).mean("time"))


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    slope = float(np.polyfit(np.log(WIDTHS), np.log(spread(data)), 1)[0])
    print(
        f"spread {spread(data).values.round(4)}, slope {slope:.3f}; "
        f"mean off by {shift(data).values.round(4)}"
    )
    for n, off, scatter in zip(WIDTHS, shift(data).values, spread(data).values, strict=True):
        below = "holds" if off < scatter / 2 else "does not hold"
        print(
            f"that the mean is off by less than half the spread {below} at n = {n}: {off:.4f} "
            f"of {scatter:.4f}"
        )
    assert abs(slope + 0.5) < 0.1
    fall = [
        float(found.isel(width=0) / found.isel(width=-1)) for found in (shift(data), spread(data))
    ]
    assert fall[0] > fall[1], "the mean approaches the limit faster than single networks do"
    fallen = data["limit_by_depth"] / data["limit_by_depth"].isel(later=0)
    half = [float(LATER[int(np.argmax(row.values < 0.5))]) for row in fallen]
    tenth = [float(LATER[int(np.argmax(row.values < 0.1))]) for row in fallen]
    most = [float(LATER[int(np.argmax(row.values < 0.9))]) for row in fallen]
    print("half of the loss is gone at " + ", ".join(f"{t:.2f}" for t in half))
    assert all(np.diff(half) > 0), "depth delays learning"
    ratio = np.array(tenth) / np.array(most)
    assert ratio[-1] < ratio[0], "and makes it sudden"


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw networks around the limit, distances against width, and the limit at every depth."""
    with style():
        fig, (a, b, c) = plt.subplots(1, 3, figsize=(11.5, 3.7))
        for n, colour in zip(WIDTHS, COLOURS[:3], strict=True):
            for draw in range(8):
                a.plot(
                    TIMES, data["loss"].sel(width=n).isel(draw=draw), color=colour, lw=0.7,
                    label=f"n = {n}" if draw == 0 else None,
                )  # fmt: skip
        a.plot(TIMES, data["limit"], "k", lw=2, label="infinite width")
        a.set(
            title=f"a  {LAYERS} layers, direct feedback",
            xlabel=r"Time $\eta \times$ step",
            ylabel="Loss",
        )
        a.legend()
        b.loglog(WIDTHS, spread(data), "ko", mfc="none", label="scatter of networks")
        b.loglog(WIDTHS, shift(data), "ks", mfc="none", label=f"mean of {DRAWS}, from the limit")
        line = float(spread(data)[0]) * (np.array(WIDTHS) / WIDTHS[0]) ** -0.5
        b.loglog(WIDTHS, line, color="0.6", label="$n^{-1/2}$")
        b.set(title="b  Scatter and shift", xlabel="Width n", ylabel="rms of loss / first loss")
        b.set_xticks(WIDTHS, [str(n) for n in WIDTHS])
        b.set_yticks([0.005, 0.01, 0.02, 0.05], ["0.005", "0.01", "0.02", "0.05"])
        b.minorticks_off()
        b.legend()
        for layers, colour in zip(DEPTHS, COLOURS, strict=True):
            shown = data["limit_by_depth"].sel(depth=layers)
            c.plot(LATER[1:], shown[1:] / shown[0], color=colour, label=f"{layers} layers")
        c.set(
            title="c  Infinite width, small start",
            xscale="log",
            xlabel=r"Time $\eta \times$ step",
            ylabel="Loss / first loss",
        )
        c.legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Deep linear networks at infinite width.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "deep_linear_width.zarr", overwrite=True)
    save_figure(figure(data), out / "deep_linear_width")
    check(data)


if __name__ == "__main__":
    main()
