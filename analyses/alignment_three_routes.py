# %% [markdown]
# # Alignment by three routes: closed form, ODE, training
#
# A linear network of 30 inputs, 20 hidden units and 10 outputs learns a random map by feedback
# alignment, from zero weights, with white input and orthogonal feedback, B^T B = g I. The angle
# between W and B^T then follows from the learning curves of the modes,
# cos = sum y / sqrt(n_o sum y^2). Beside it stand the integrated gradient flow of the full
# weights, and plain batch gradient steps at three learning rates, t = eta * step.
#
# What to see: alignment starts at the angle of T T^T B^T to B^T, improves as the weak modes are
# learned, and ends at the angle of (2 s / g)^(2/3) to a constant. Closed form and ODE differ by
# the integrator's tolerance. Training differs in proportion to the learning rate.
#
#     python analyses/alignment_three_routes.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import rule_colour, save_figure, style
from fatheory.geometry import angle, linear_loss
from fatheory.reproduction import script_arguments
from fatheory.theory.closed_form import closed_form_solution
from fatheory.theory.early_time import first_alignment_angle
from fatheory.theory.flow import flow

N_I, N_H, N_O = 30, 20, 10
GAIN = 1.0
STRENGTHS = np.geomspace(2.0, 0.1, N_O)
RATES = (0.04, 0.02, 0.01)
STEP = max(RATES)  # every recorded time is a whole number of steps at every rate
TIMES = STEP * np.unique(np.geomspace(2, 1500, 40).astype(int))
TRAINING = (("#E69F00", "s"), ("#D55E00", "^"), ("#CC79A7", "D"))


# %%
def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a target with the given singular values, and orthogonal feedback."""
    rng = np.random.default_rng(seed)
    U, V, R = (np.linalg.qr(rng.normal(size=(n, N_O)))[0] for n in (N_O, N_I, N_H))
    return (U * STRENGTHS) @ V.T, np.sqrt(GAIN) * R


def train(B: np.ndarray, T: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Take batch gradient steps from zero weights and return angle and loss at `TIMES`."""
    W0, W = np.zeros((N_H, N_I)), np.zeros((N_O, N_H))
    at = np.round(TIMES / rate).astype(int)
    angles, losses = [], []
    for step in range(1, at[-1] + 1):
        E = T - W @ W0
        W0, W = W0 + rate * B @ E, W + rate * E @ W0.T
        if step in at:
            angles.append(angle(W, B.T, axis=(-2, -1)))
            losses.append(linear_loss(W0, W, T, np.eye(N_I)))
    return np.array(angles), np.array(losses)


def compute() -> xr.Dataset:
    """Ask all routes."""
    T, B = problem()
    zero = np.zeros((N_H, N_I)), np.zeros((N_O, N_H))
    solution = closed_form_solution(*zero, B, T)
    ode = flow(*zero, B, T, times=TIMES)
    trained = [train(B, T, rate) for rate in RATES]
    degree, one = {"units": "degree"}, {"units": "1"}
    return xr.Dataset(
        {
            "angle_closed_form": ("time", solution.weight_angle(TIMES), degree),
            "angle_ode": ("time", angle(ode["weight_2"].values, B.T, axis=(-2, -1)), degree),
            "angle_training": (("rate", "time"), np.array([a for a, _ in trained]), degree),
            "loss_closed_form": ("time", solution.loss(TIMES), one),
            "loss_ode": ("time", ode["loss"].values, one),
            "loss_training": (("rate", "time"), np.array([loss for _, loss in trained]), one),
        },
        coords={"time": TIMES, "rate": list(RATES)},
        attrs={
            "first_angle": first_alignment_angle(B, T),
            "last_angle": float(solution.weight_angle(np.inf)),
        },
    )


# %%
def residuals(data: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return |ODE - closed form| and |training - closed form|; losses relative to the start."""
    scale = 1.0 if name == "angle" else 0.5 * float(np.sum(STRENGTHS**2))
    exact = data[f"{name}_closed_form"].values
    return (
        np.abs(data[f"{name}_ode"].values - exact) / scale,
        np.abs(data[f"{name}_training"].values - exact) / scale,
    )


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    for name in ("angle", "loss"):
        ode, training = residuals(data, name)
        slope = np.polyfit(np.log(RATES), np.log(training.max(axis=1)), 1)[0]
        print(f"{name}: ODE within {ode.max():.1e}, training slope in eta {slope:.3f}")
        assert ode.max() < 1e-6
        assert abs(slope - 1) < 0.1
    first, last = data.attrs["first_angle"], data.attrs["last_angle"]
    print(f"angle from {first:.2f} to {last:.2f} degrees")
    assert abs(data["angle_closed_form"].values[0] - first) < 0.1
    assert last < first


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw the three routes on top of each other, and their differences below."""
    with style():
        fig, axes = plt.subplots(
            2, 2, figsize=(9.5, 6.4), sharex=True, gridspec_kw={"height_ratios": [1.4, 1]}
        )
        units = {"angle": "degrees", "loss": "relative to t = 0"}
        for column, name in enumerate(("angle", "loss")):
            top, bottom = axes[:, column]
            scale = 1.0 if name == "angle" else 0.5 * float(np.sum(STRENGTHS**2))
            exact = data[f"{name}_closed_form"] / scale
            colour = rule_colour("feedback_alignment")
            top.plot(TIMES, exact, color=colour, label="closed form")
            top.plot(
                TIMES, data[f"{name}_ode"] / scale, "o", color="#000000", mfc="none",
                markersize=6, markevery=2, label="ODE",
            )  # fmt: skip
            ode, training = residuals(data, name)
            for k, (rate, (shade, marker)) in enumerate(zip(RATES, TRAINING, strict=True)):
                look = {"color": shade, "marker": marker, "markersize": 4, "linestyle": "none"}
                values = data[f"{name}_training"].sel(rate=rate) / scale
                top.plot(TIMES, values, **look, label=rf"training, $\eta$ = {rate:g}")
                shown = np.where(training[k] > 0, training[k], np.nan)
                bottom.plot(TIMES, shown, **(look | {"linestyle": "-", "linewidth": 1}))
            bottom.plot(
                TIMES, np.where(ode > 0, ode, np.nan), "o-", color="#000000", mfc="none",
                markersize=4, linewidth=1,
            )  # fmt: skip
            bottom.set(
                yscale="log",
                xscale="log",
                xlabel=r"Time $\eta \times$ step",
                ylabel=f"|difference from\nclosed form| ({units[name]})",
            )
        axes[0, 0].axhline(data.attrs["first_angle"], color="0.5", linestyle=":", linewidth=1.2)
        axes[0, 0].axhline(data.attrs["last_angle"], color="0.5", linestyle="--", linewidth=1.2)
        axes[0, 0].annotate(
            "early-time limit", (TIMES[-1], data.attrs["first_angle"]), (0, -4),
            textcoords="offset points", ha="right", va="top", color="0.35",
        )  # fmt: skip
        axes[0, 0].annotate(
            r"limit at $t = \infty$", (TIMES[0], data.attrs["last_angle"]), (0, 4),
            textcoords="offset points", color="0.35",
        )  # fmt: skip
        axes[0, 0].set(
            title=r"a  Alignment of $W$ with $B^\top$",
            ylabel=r"$\angle(W, B^\top)$ (degrees)",
        )
        axes[0, 1].set(title="b  Loss", ylabel="Loss, relative to t = 0")
        axes[0, 1].legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Alignment by three independent routes.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "alignment_three_routes.zarr", overwrite=True)
    save_figure(figure(data), out / "alignment_three_routes")
    check(data)


if __name__ == "__main__":
    main()
