# %% [markdown]
# # Which mode is learned when
#
# From zero weights, linear feedback alignment with white input and B^T B = g I learns its modes
# one after another, strong ones first: the time at which half of a mode of strength s is learned
# is proportional to s^(-2/3) (`fatheory.theory.mode_order`). The start decides this order. With
# W0 = 0 and W = U y0 U^T B^T the network's map is zero too, but a mode with large y0 is learned at
# the rate g y0 whatever its strength. `anti_regularising_start` chooses y0 so that learning times
# grow as s^(+2/3): the negligible modes come first, the implicit anti-regularisation of
# Girotti, Mitliagkas & Gidel (arXiv 2110.10815).
#
# What to see: the same target, the same feedback and the same zero map at t = 0, learned in
# opposite orders. Circles are the integrated flow of a network with 24 hidden units.
#
#     python analyses/sequential_modes.py [--out DIR]

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
from fatheory.theory.flow import flow
from fatheory.theory.mode_order import (
    anti_regularising_start,
    learning_constant,
    learning_times,
)
from fatheory.theory.modes import ModeSolution

STRENGTHS = np.array([3.0, 1.0, 0.3, 0.1, 0.03])
GAIN, N_H = 1.0, 24
STARTS = ("zero", "anti-regularising")
CURVE_TIMES = np.geomspace(5e-4, 100, 400)
FLOW_TIMES = np.geomspace(5e-4, 100, 27)
COLOURS = ("#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00")
MARKERS = ("o", "s", "^", "D", "v")


# %%
def start(name: str) -> np.ndarray:
    """Return y0 of the modes; x0 is zero."""
    return np.zeros(5) if name == "zero" else anti_regularising_start(STRENGTHS, GAIN)


def flow_output(y0: np.ndarray, seed: int = 0) -> np.ndarray:
    """Integrate a network and return what it has learned of every mode, of shape (time, mode)."""
    rng = np.random.default_rng(seed)
    n = len(STRENGTHS)
    U, V, R = (np.linalg.qr(rng.normal(size=(m, n)))[0] for m in (n, n, N_H))
    B = np.sqrt(GAIN) * R
    W0, W = np.zeros((N_H, n)), (U * y0) @ U.T @ B.T
    solved = flow(W0, W, B, (U * STRENGTHS) @ V.T, times=FLOW_TIMES)
    learned = U.T @ (solved["weight_2"].values @ solved["weight_1"].values) @ V
    return np.diagonal(learned, axis1=1, axis2=2)


def compute() -> xr.Dataset:
    """Ask the closed form and the flow for both starts."""
    y0 = np.array([start(name) for name in STARTS])
    modes = [ModeSolution(STRENGTHS, GAIN, 0.0, y) for y in y0]
    one, eta = {"units": "1"}, {"units": "learning rate x step"}
    curves = np.array([1 - m.residual(CURVE_TIMES) / STRENGTHS for m in modes])
    flows = np.array([flow_output(y) / STRENGTHS for y in y0])
    return xr.Dataset(
        {
            "y0": (("start", "strength"), y0, one),
            "learned": (("start", "time", "strength"), curves, one),
            "learned_flow": (("start", "flow_time", "strength"), flows, one),
            "learning_time": (
                ("start", "strength"),
                np.array([learning_times(m) for m in modes]),
                eta,
            ),
        },
        coords={
            "start": list(STARTS),
            "strength": STRENGTHS,
            "time": ("time", CURVE_TIMES, eta),
            "flow_time": ("flow_time", FLOW_TIMES, eta),
        },
    )


# %%
def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    for name, sign in zip(STARTS, (-1, 1), strict=True):
        times = data["learning_time"].sel(start=name).values
        slope = np.polyfit(np.log(STRENGTHS), np.log(times), 1)[0]
        print(f"{name} start: learning times {np.round(times, 3)}, slope in s {slope:.4f}")
        assert abs(slope - sign * 2 / 3) < 1e-6
        y0 = data["y0"].sel(start=name).values
        exact = 1 - ModeSolution(STRENGTHS, GAIN, 0.0, y0).residual(FLOW_TIMES) / STRENGTHS
        worst = np.abs(data["learned_flow"].sel(start=name).values - exact).max()
        print(f"    largest difference of the flow from the closed form: {worst:.1e}")
        assert worst < 1e-6


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw learning curves from both starts, and learning time against strength."""
    with style():
        fig, axes = plt.subplots(1, 3, figsize=(11.5, 3.9))
        for ax, name, letter in zip(axes, STARTS, "ab", strict=False):
            for s, colour in zip(STRENGTHS, COLOURS, strict=True):
                shown = data.sel(start=name, strength=s)
                ax.plot(CURVE_TIMES, shown["learned"], color=colour, label=f"s = {s:g}")
                ax.plot(FLOW_TIMES, shown["learned_flow"], "o", color=colour, mfc="none", ms=4.5)
            title = "From zero: strong first" if name == "zero" else "Anti-regularising: weak first"
            ax.set(
                title=f"{letter}  {title}",
                xscale="log",
                xlabel=r"Time $\eta \times$ step",
                ylabel=r"Learned fraction of the mode, $g x y / s$",
                ylim=(-0.03, 1.05),
            )
        axes[0].legend(title="line: closed form\ncircles: flow", loc="center left")
        last = axes[2]
        s = np.geomspace(STRENGTHS[-1], STRENGTHS[0], 50)
        line = learning_constant() * np.cbrt(2 / GAIN) * s ** (-2 / 3)
        top = learning_constant() * np.cbrt(2 / GAIN) * STRENGTHS[0] ** (-4 / 3) * s ** (2 / 3)
        for name, values, style_, slope in (
            ("zero", line, "-", "-2/3"),
            ("anti-regularising", top, "--", "+2/3"),
        ):
            last.plot(s, values, style_, color="0.5", label=f"{name} start:\nslope {slope}")
            for strength, colour, marker in zip(STRENGTHS, COLOURS, MARKERS, strict=True):
                t = data["learning_time"].sel(start=name, strength=strength)
                last.plot(strength, t, marker, color=colour, ms=6.5)
        last.set(
            title="c  Time to half",
            xscale="log",
            yscale="log",
            xlabel="Strength of the mode, s",
            ylabel=r"Learning time $\eta \times$ step",
        )
        last.legend(loc="lower right")
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="The order in which modes are learned.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "sequential_modes.zarr", overwrite=True)
    save_figure(figure(data), out / "sequential_modes")
    check(data)


if __name__ == "__main__":
    main()
