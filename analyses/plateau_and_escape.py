# %% [markdown]
# # Plateau and escape, under backprop and under feedback alignment
#
# K units of error functions learn online from K such units with readouts 1. Students that start
# alike cannot tell which teacher to follow: they rest on a plateau, on which each is as near to
# every teacher (Saad & Solla 1995), at the error (K / pi) [pi/6 - K asin(1 / 2K)] for small
# learning rates. They leave it as differences between them grow exponentially, so the time of
# escape grows with the logarithm of how alike they began.
#
# Under feedback alignment it depends on the feedback. If it is the same to all units, they stay
# alike, and there is a plateau. If it differs, units hear different signals from the first example
# on. The plateau is there all the same, at nearly the same error: what holds it is that no unit can
# tell one *teacher* from another. Differences grow from it somewhat faster than under backprop.
#
# What to see: the order parameters (`fatheory.theory.order_parameters`). a and b, the error of two
# and of three units under backprop, feedback that is 1 to all units, and random feedback, for first
# differences from 1e-2 (dark) to 1e-8 (light). c, the time of escape against the first difference:
# its slope is 1 / lambda, with lambda the rate at which smallest differences grow on the plateau.
#
#     python analyses/plateau_and_escape.py [--out DIR]

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
from fatheory.theory import order_parameters

WIDTHS = (2, 3)
RULES = ("backprop", "equal feedback", "random feedback")
RATE, END = 0.1, 500.0
DIFFERENCES = 10.0 ** -np.arange(2.0, 9.0, 2.0)
TIMES = np.concatenate([[0.0], np.linspace(0.5, END, 1000)]) / RATE
COLOURS = {"backprop": "#0072B2", "equal feedback": "#D55E00", "random feedback": "#009E73"}


# %%
def solved(K: int, rule: str, difference: float) -> xr.Dataset:
    """Return order parameters of students that differ by so little in their overlaps."""
    rng = np.random.default_rng(1)
    feedback = {
        "backprop": None,
        "equal feedback": np.ones((K, 1)),
        "random feedback": rng.uniform(0.5, 1.5, (K, 1)),
    }[rule]
    R = np.full((K, K), 0.1) + difference * np.eye(K)
    # The vectors lie in the span of the teacher's and of directions of their own.
    Q = R @ R.T + 0.2 * np.eye(K)
    return order_parameters(
        Q, R, np.eye(K), np.ones((1, K)), np.ones((1, K)), activation="erf",
        rule="backprop" if feedback is None else "feedback_alignment", B=feedback,
        learning_rate=RATE, readout_rate=0.0 if feedback is None else RATE, times=TIMES,
    )  # fmt: skip


def compute() -> xr.Dataset:
    """Solve all rules, widths and first differences."""
    shape = (len(WIDTHS), len(RULES), len(DIFFERENCES), len(TIMES))
    error = np.full(shape, np.nan)
    for w, K in enumerate(WIDTHS):
        for r, rule in enumerate(RULES):
            for d, difference in enumerate(DIFFERENCES):
                error[w, r, d] = solved(K, rule, difference)["generalization_error"]
    return xr.Dataset(
        {
            "generalization_error": (
                ("hidden", "rule", "difference", "time"), error, {"units": "1"},
            )
        },
        coords={
            "hidden": list(WIDTHS), "rule": list(RULES), "difference": DIFFERENCES,
            "time": ("time", RATE * TIMES, {"units": "eta step / n_i"}),
        },
    )  # fmt: skip


# %%
def closed_form(K: int) -> float:
    """Return the plateau's error at small rates."""
    return K / np.pi * (np.pi / 6 - K * np.arcsin(1 / (2 * K)))


def plateau(K: int, rate: float) -> float:
    """Return backprop's error at rest, of students that are alike, at a rate."""
    R = np.full((K, K), 0.3)
    rest = order_parameters(
        R @ R.T + 0.05 * np.eye(K), R, np.eye(K), np.ones((1, K)), np.ones((1, K)),
        activation="erf", rule="backprop", learning_rate=rate, readout_rate=0.0,
        times=[400.0 / rate],
    )  # fmt: skip
    return float(rest["generalization_error"][0])


def escapes(data: xr.Dataset) -> xr.DataArray:
    """Return the time at which the error has fallen to half of the plateau's, between times."""
    falls = data["generalization_error"].fillna(0.0)
    half = [0.5 * closed_form(K) for K in WIDTHS]
    out = np.full(falls.shape[:-1], np.nan)
    time = data["time"].values
    for index in np.ndindex(out.shape):
        curve, bound = falls.values[index], half[index[0]]
        after = int(np.argmax(curve < bound))
        if after:
            a, b = np.log(curve[after - 1 : after + 1])
            out[index] = time[after - 1] + (a - np.log(bound)) / (a - b) * (
                time[after] - time[after - 1]
            )
    return xr.DataArray(out, dims=falls.dims[:-1], coords={k: falls[k] for k in falls.dims[:-1]})


def growth(K: int, rule: str) -> float:
    """Return the rate at which differences grow at the plateau, per unit of eta alpha."""
    alike, apart = (
        solved(K, rule, difference)["R"].sel(time=[100.0 / RATE, 120.0 / RATE], method="nearest")
        for difference in (0.0, 1e-8)
    )
    size = [float(np.abs(one - one.mean("teacher")).max()) for one in (apart - alike)]
    span = float(np.diff(alike["time"]).item()) * RATE
    return float(np.log(size[1] / size[0])) / span


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    escape = escapes(data)
    for K in WIDTHS:
        above = {rate: plateau(K, rate) / closed_form(K) - 1 for rate in (0.1, 0.05)}
        print(f"K = {K}: plateau {closed_form(K):.10f} at small rates; above it by {above}")
        assert abs(above[0.1] / above[0.05] - 2) < 0.1, "it is met in proportion to the rate"
        for rule in RULES:
            times = escape.sel(hidden=K, rule=rule).values
            slope = -float(np.polyfit(np.log(DIFFERENCES), times, 1)[0])
            grows = growth(K, rule)
            print(
                f"K = {K}, {rule}: escapes at {', '.join(f'{t:.1f}' for t in times)}; "
                f"slope {slope:.3f}, 1 / lambda {1 / grows:.3f}"
            )
            assert (np.diff(times) > 0).all()
            assert abs(slope * grows - 1) < 0.1, "escape is the growth of differences"
            rest = data["generalization_error"].sel(hidden=K, rule=rule, difference=DIFFERENCES[-1])
            # Half-way to its escape the error of every rule is the plateau's.
            held = float(rest.sel(time=times[-1] / 2, method="nearest"))
            assert abs(held / closed_form(K) - 1) < 0.1


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw the errors along time, and the times of escape."""
    escape = escapes(data)
    with style():
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8))
        for axes, K, name in zip((left, middle), WIDTHS, "ab", strict=True):
            for rule in RULES:
                one = data["generalization_error"].sel(hidden=K, rule=rule)
                for d, difference in enumerate(DIFFERENCES):
                    axes.plot(
                        data["time"], one.sel(difference=difference), color=COLOURS[rule],
                        lw=1.2, alpha=1 - 0.2 * d, label=rule if d == 0 else None,
                    )  # fmt: skip
            axes.axhline(closed_form(K), color="0.5", ls=":", lw=1)
            axes.set(
                title=f"{name}  K = {K}, first differences 10⁻² to 10⁻⁸", yscale="log",
                ylim=(1e-5, 1), xlim=(0, END), xlabel=r"Time $\eta \times$ step $/ n_i$",
                ylabel="Generalization error",
            )  # fmt: skip
        left.legend(loc="upper right", fontsize=8)
        for K, mark in zip(WIDTHS, "os", strict=True):
            for rule in RULES:
                right.plot(
                    DIFFERENCES, escape.sel(hidden=K, rule=rule), mark + "-", mfc="none",
                    color=COLOURS[rule], label=f"K = {K}" if rule == RULES[0] else None,
                )  # fmt: skip
        right.set(
            title="c  Escape", xscale="log", xlabel="First difference between students",
            ylabel="Time of half the plateau's error",
        )  # fmt: skip
        right.legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Plateau and escape of online learning.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "plateau_and_escape.zarr", overwrite=True)
    save_figure(figure(data), out / "plateau_and_escape")
    check(data)


if __name__ == "__main__":
    main()
