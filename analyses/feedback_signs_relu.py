# %% [markdown]
# # When feedback alignment fails with ReLU
#
# A network of K ReLU units learns online from a teacher of M = 2 ReLU units whose readouts are
# positive, with fixed random feedback to its units. The readout of a unit ends with the sign of
# its feedback, and a unit with a negative readout is of no use to this teacher. So learning needs
# M units with positive feedback (Refinetti et al. 2021, arXiv 2011.12428, for K = M): the fraction
# of random signs that can learn is 2^-K sum_{k >= M} C(K, k), which is 1/4, 1/2 and 11/16 for
# K = 2, 3, 4. Error functions are odd: a unit with negative feedback turns its input weights
# around and learns as well.
#
# What to see: the order parameters at a small learning rate (`fatheory.theory.order_parameters`).
# ReLU networks stay at a finite error when feedback is positive to fewer than two units, and learn
# from two on (a, c); networks of error functions learn under all signs (c). Weighed by the
# probability of the signs this gives the predicted fractions (b).
#
#     python analyses/feedback_signs_relu.py [--out DIR]

# %%
import argparse
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.reproduction import script_arguments
from fatheory.theory import order_parameters

M = 2
WIDTHS = (2, 3, 4)
DRAWS = 4
ACTIVATIONS = ("relu", "erf")
RATE, END = 0.1, 600.0
TIMES = np.concatenate([[0.0], np.geomspace(1.0, END, 24)]) / RATE
LEARNED = 1e-3
NONE, ONE = 0.5 * (1 + 1 / np.pi), 0.086
COLOURS = ("#D55E00", "#E69F00", "#009E73", "#0072B2", "#56B4E9")


# %%
def one(activation: str, K: int, positive: int, draw: int) -> np.ndarray:
    """Return the error along time with positive feedback to so many units."""
    rng = np.random.default_rng((K, positive, draw))
    X = rng.normal(size=(K, 400))
    signs = np.where(np.arange(K) < positive, 1.0, -1.0)
    solved = order_parameters(
        Q=0.1 * X @ X.T / 400,
        R=np.sqrt(0.1) * X[:, :M] / 20,  # the teacher's vectors are the first two directions
        T=np.eye(M),
        W=0.1 * rng.normal(size=(1, K)),
        A=np.ones((1, M)),
        activation=activation,
        B=(signs * rng.uniform(0.5, 1.5, K))[:, None],
        learning_rate=RATE,
        times=TIMES,
    )
    return solved["generalization_error"].fillna(0.0).values  # NaN: below rounding


def compute() -> xr.Dataset:
    """Solve all numbers of positive feedback weights; NaN where K has no such number."""
    shape = (len(ACTIVATIONS), len(WIDTHS), max(WIDTHS) + 1, DRAWS, len(TIMES))
    error = np.full(shape, np.nan)
    for a, activation in enumerate(ACTIVATIONS):
        for w, K in enumerate(WIDTHS):
            for positive in range(K + 1):
                for draw in range(DRAWS):
                    error[a, w, positive, draw] = one(activation, K, positive, draw)
    return xr.Dataset(
        {
            "generalization_error": (
                ("activation", "hidden", "positive", "draw", "time"),
                error,
                {"units": "1"},
            )
        },
        coords={
            "activation": list(ACTIVATIONS),
            "hidden": list(WIDTHS),
            "time": ("time", RATE * TIMES, {"units": "eta step / n_i"}),
        },
    )


# %%
def fraction(data: xr.Dataset, activation: str, K: int) -> float:
    """Return the fraction of random signs, and of draws, under which K units learn."""
    final = data["generalization_error"].sel(activation=activation, hidden=K).isel(time=-1)
    learned = (final < LEARNED).mean("draw").values
    weights = np.array([math.comb(K, p) for p in range(K + 1)]) / 2**K
    return float(weights @ learned[: K + 1])


def predicted(K: int) -> float:
    """Return the fraction of signs with at least M positive ones."""
    return sum(math.comb(K, p) for p in range(M, K + 1)) / 2**K


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    final = data["generalization_error"].isel(time=-1)
    for K in WIDTHS:
        relu, erf = fraction(data, "relu", K), fraction(data, "erf", K)
        print(f"K = {K}: ReLU {relu:.4f} (predicted {predicted(K):.4f}), erf {erf:.4f}")
        assert relu == predicted(K)
        assert erf == 1.0
    assert [predicted(K) for K in WIDTHS] == [1 / 4, 1 / 2, 11 / 16]
    none = final.sel(activation="relu").isel(positive=0)
    lone = final.sel(activation="relu").isel(positive=1)
    print(f"ReLU, no positive feedback: {float(none.min()):.4f} to {float(none.max()):.4f}")
    print(f"ReLU, one: {float(lone.min()):.4f} to {float(lone.max()):.4f}")
    assert abs(none - NONE).max() < 0.02, "the error of an output of 0"
    assert abs(lone - ONE).max() < 0.01


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw the errors along time, the fractions, and the final errors."""
    with style():
        fig, (a, b, c) = plt.subplots(1, 3, figsize=(11.5, 3.7))
        shown = data["generalization_error"].sel(activation="relu", hidden=3)
        for positive in range(4):
            for draw in range(DRAWS):
                a.plot(
                    data["time"][1:],
                    shown.isel(positive=positive, draw=draw)[1:],
                    color=COLOURS[positive],
                    label=f"{positive} of 3 positive" if draw == 0 else None,
                )
        a.set(
            title="a  ReLU, K = 3, M = 2",
            xscale="log",
            yscale="log",
            ylim=(1e-6, 2),
            xlabel=r"Time $\eta \times$ step $/ n_i$",
            ylabel="Generalization error",
        )
        a.legend()
        b.plot(WIDTHS, [predicted(K) for K in WIDTHS], "k_", ms=22, label="at least 2 positive")
        for activation, marker, name in (("relu", "o", "ReLU"), ("erf", "s", "erf")):
            values = [fraction(data, activation, K) for K in WIDTHS]
            b.plot(WIDTHS, values, marker, mfc="none", ms=8, label=name)
        b.set(
            title="b  Signs that learn",
            xlabel="Hidden units K",
            xticks=WIDTHS,
            ylabel="Fraction of random signs",
            ylim=(0, 1.08),
        )
        b.legend(loc="center left")
        final = np.maximum(data["generalization_error"].isel(time=-1), 1e-8)
        for activation, marker, shift in (("relu", "o", -0.08), ("erf", "s", 0.08)):
            for K in WIDTHS:
                for p in range(K + 1):
                    values = final.sel(activation=activation, hidden=K).isel(positive=p)
                    place = np.full(DRAWS, p + shift)
                    c.plot(place, values, marker, mfc="none", ms=5, color=COLOURS[K])
        c.axhline(LEARNED, color="0.7", lw=0.8)
        c.plot([], [], "ko", mfc="none", label="ReLU")
        c.plot([], [], "ks", mfc="none", label="erf")
        for K in WIDTHS:
            c.plot([], [], "-", color=COLOURS[K], label=f"K = {K}")
        c.set(
            title="c  Where it ends",
            yscale="log",
            xlabel="Units with positive feedback",
            ylabel="Final generalization error",
        )
        c.legend(loc="upper right")
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="When feedback alignment fails with ReLU.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "feedback_signs_relu.zarr", overwrite=True)
    save_figure(figure(data), out / "feedback_signs_relu")
    check(data)


if __name__ == "__main__":
    main()
