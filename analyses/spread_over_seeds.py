# %% [markdown]
# # How far online runs scatter, and where the prediction fails
#
# Runs of online SGD that share start, target and feedback differ by their data. The linear-noise
# expansion (`fatheory.theory.fluctuations`) predicts mean and standard deviation of the loss and of
# the angle between W and B^T, to leading order in the learning rate eta. Here a 4-6-3 linear
# network learns from Gaussian inputs, as 2,000 seeds a learning rate. Learning rates are given in
# units of eta*, the largest one at which the mean squared error near the solution stays bounded
# (`fatheory.theory.stability`).
#
# What to see: at eta*/128 prediction and measurement lie on each other (a, b). In mid-learning the
# standard deviations agree to 10 % up to eta*/16, but backprop's steep descent needs eta*/128 for
# that; near eta* the measured ones are larger by multiples, and some runs diverge, whose points are
# missing (c). Without noise on the target the loss falls without end, and small relative errors of
# the prediction add up: feedback alignment's stays right for long at eta*/64 and not at eta*/8,
# backprop's faster descent leaves it early (d; curves end where the spread is too small for the
# integration).
#
#     python analyses/spread_over_seeds.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import rule_colour, rule_name, save_figure, style
from fatheory.geometry import angle
from fatheory.reproduction import script_arguments
from fatheory.theory.flow import flow
from fatheory.theory.fluctuations import Fluctuations, online_fluctuations
from fatheory.theory.stability import largest_stable_learning_rate

N_I, N_H, N_O = 4, 6, 3
SEEDS = 2000
RULES = ("feedback_alignment", "backprop")
FRACTIONS = tuple(2.0 ** -np.arange(7, 0, -1))  # of the largest stable learning rate
NOISE_VARIANCE = 0.1
END, LATE_END, LATE_FRACTIONS = 5.0, 10.0, (1 / 64, 1 / 8)
POINTS, MIDDLE = 15, 8


# %%
def draw() -> tuple[np.ndarray, ...]:
    """Draw start weights, feedback, target; the input is white."""
    rng = np.random.default_rng(0)
    return (
        rng.normal(0, 0.3, (N_H, N_I)),
        rng.normal(0, 0.3, (N_O, N_H)),
        rng.normal(0, 0.6, (N_H, N_O)),
        rng.normal(0, 1.0, (N_O, N_I)),
    )


def simulate(rule: str, eta: float, steps: np.ndarray, noise: float) -> dict[str, np.ndarray]:
    """Run all seeds at once (the last axis) and return loss and angle (time, seed)."""
    W0, W, B, T = draw()
    rng = np.random.default_rng(1)
    A, C = (np.repeat(w[..., None], SEEDS, axis=-1) for w in (W0, W))
    loss, angles, done = [], [], 0
    for stop in steps:
        for _ in range(done, stop):
            x = rng.normal(size=(N_I, SEEDS))
            h = (A * x).sum(axis=1)
            e = T @ x + noise**0.5 * rng.normal(size=(N_O, SEEDS)) - (C * h).sum(axis=1)
            delta = B @ e if rule == "feedback_alignment" else (C * e[:, None]).sum(axis=0)
            A += eta * delta[:, None] * x
            C += eta * e[:, None] * h
        done = stop
        E = T[..., None] - np.einsum("ohs,his->ois", C, A)
        loss.append(0.5 * (E**2).sum(axis=(0, 1)))
        angles.append(angle(np.moveaxis(C, -1, 0), B.T, axis=(-2, -1)))
    return {"loss": np.array(loss), "angle": np.array(angles)}


def stable_rate(rule: str) -> float:
    """Ask for the largest stable learning rate where the flow ends."""
    W0, W, B, T = draw()
    end = flow(W0, W, B, T, times=[200.0], rule=rule)
    feedback = B if rule == "feedback_alignment" else None
    W0, W = end["weight_1"].values[0], end["weight_2"].values[0]
    return largest_stable_learning_rate(W0, W, feedback, rule=rule)


def one_run(rule: str, fraction: float, end: float, noise: float) -> xr.Dataset:
    """Set prediction beside measurement for one learning rate."""
    eta = fraction * stable_rate(rule)
    steps = np.unique(np.rint(np.linspace(0, end, POINTS + 1)[1:] / eta).astype(int))
    W0, W, B, T = draw()
    predicted: Fluctuations = online_fluctuations(
        W0, W, B, T, times=steps * eta, rule=rule, noise=noise * np.eye(N_O)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        measured = simulate(rule, eta, steps, noise)
        rows = []
        for name in ("loss", "angle"):
            theory, values = getattr(predicted, name), measured[name]
            rows.append(
                [
                    [theory.mean(eta), theory.std(eta)],
                    [values.mean(axis=1), values.std(axis=1, ddof=1)],
                ]
            )
    return xr.Dataset(
        {
            "statistic": (("observable", "source", "moment", "point"), np.array(rows)),
            "flow": (
                ("observable", "point"),
                [predicted.loss.flow, predicted.angle.flow],  # type: ignore[union-attr]
            ),
            "time": ("point", steps * eta),
            "eta": eta,
        },
        coords={
            "observable": ["loss", "angle"],
            "source": ["theory", "simulation"],
            "moment": ["mean", "std"],
        },
        attrs={"units": "loss: 1; angle: degree; time: learning rate x step"},
    )


def compute() -> xr.Dataset:
    """Run both rules at all learning rates, and both without target noise until late."""
    noisy = both_rules(FRACTIONS, END, NOISE_VARIANCE, "fraction")
    late = both_rules(LATE_FRACTIONS, LATE_END, 0.0, "late_fraction")
    late = late.rename({name: f"late_{name}" for name in late.data_vars})
    late = late.rename({"point": "late_point"})
    return xr.merge([noisy, late], combine_attrs="override")


def both_rules(fractions: tuple[float, ...], end: float, noise: float, dim: str) -> xr.Dataset:
    """Run both rules at several learning rates."""
    runs = [xr.concat([one_run(r, f, end, noise) for f in fractions], dim) for r in RULES]
    return xr.concat(runs, "rule").assign_coords({dim: list(fractions), "rule": list(RULES)})


# %%
def ratios(data: xr.Dataset, prefix: str = "") -> xr.DataArray:
    """Return measured over predicted standard deviations."""
    std = data[f"{prefix}statistic"].sel(moment="std")
    return std.sel(source="simulation") / std.sel(source="theory")


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    worst = abs(ratios(data) - 1).max("point")
    for rule in RULES:
        for name in ("loss", "angle"):
            errors = worst.sel(rule=rule, observable=name)
            text = ", ".join(f"{100 * float(e):.0f}" for e in errors.values)
            print(f"{rule}, {name}: largest error of the std at eta*/128 ... eta*/2: {text} %")
    assert (worst.isel(fraction=0) < 0.1).all(), "10 % at the smallest learning rate"
    assert not (worst.sel(observable="loss").isel(fraction=-1) < 0.5).any(), "fails at eta*/2"
    for rule in RULES:
        for fraction in LATE_FRACTIONS:
            late = ratios(data, "late_").sel(rule=rule, late_fraction=fraction, observable="loss")
            print(f"{rule}, no target noise, eta*/{1 / fraction:g}:", np.round(late.values, 2))


# %%
def band(ax: Axes, data: xr.Dataset, name: str) -> None:
    """Draw predicted mean and spread as a band, measured ones as points with bars."""
    shown = data.isel(fraction=0).sel(observable=name)
    for rule in RULES:
        one, colour = shown.sel(rule=rule), rule_colour(rule)
        mean, std = (one["statistic"].sel(moment=m, source="theory") for m in ("mean", "std"))
        ax.fill_between(one["time"], mean - std, mean + std, color=colour, alpha=0.25, linewidth=0)
        ax.plot(one["time"], mean, color=colour, label=rule_name(rule))
        mean, std = (one["statistic"].sel(moment=m, source="simulation") for m in ("mean", "std"))
        ax.errorbar(one["time"], mean, std, fmt="o", color=colour, markersize=3.5, capsize=2.5)


def figure(data: xr.Dataset) -> Figure:
    """Draw the four panels."""
    time = r"Time $t$ (learning rate $\times$ step)"
    with style():
        fig, axes = plt.subplots(2, 2, figsize=(9.5, 7.2))
        (a, b), (c, d) = axes
        band(a, data, "loss")
        a.set(title=r"a  Loss at $\eta^*/128$", xlabel=time, ylabel="Loss", yscale="log")
        a.legend(title="line, band: predicted mean ± s.d.\npoints, bars: 2,000 seeds")
        band(b, data, "angle")
        b.set(
            title=r"b  Alignment at $\eta^*/128$", xlabel=time, ylabel=r"Angle of $W$ to $B^T$ (°)"
        )
        looks = {"loss": ("o", "-"), "angle": ("s", "--")}
        for rule in RULES:
            for name, (marker, line) in looks.items():
                ratio = ratios(data).sel(rule=rule, observable=name)
                c.plot(
                    FRACTIONS,
                    ratio.isel(point=MIDDLE - 1),
                    marker=marker,
                    linestyle=line,
                    markersize=5,
                    color=rule_colour(rule),
                    label=f"{rule_name(rule)}, {name}",
                )
        c.axhspan(0.9, 1.1, color="0.85", zorder=0)
        c.set_xscale("log", base=2)
        c.set_yscale("log", base=2)
        c.set(
            title="c  Where it fails: learning rate",
            xlabel=r"Learning rate $\eta/\eta^*$",
            ylabel=f"s.d. measured / predicted at t = {MIDDLE * END / POINTS:.1f}",
        )
        c.legend()
        for rule in RULES:
            for fraction, line in zip(LATE_FRACTIONS, ("-", "--"), strict=True):
                late = data.sel(rule=rule, late_fraction=fraction)
                d.plot(
                    late["late_time"],
                    ratios(late, "late_").sel(observable="loss"),
                    linestyle=line,
                    marker="o",
                    markersize=4,
                    color=rule_colour(rule),
                    label=rf"{rule_name(rule)}, $\eta^*/{1 / fraction:g}$",
                )
        d.axhspan(0.9, 1.1, color="0.85", zorder=0)
        d.set_yscale("log", base=2)
        d.set(
            title="d  Where it fails: late, without target noise",
            xlabel=time,
            ylabel="s.d. of the loss, measured / predicted",
        )
        d.legend()
    return fig


# %%
def main() -> None:
    """Compute, draw, save and check."""
    parser = argparse.ArgumentParser(description="Predicted and measured spread over seeds.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "spread_over_seeds.zarr", overwrite=True)
    save_figure(figure(data), out / "spread_over_seeds")
    check(data)


if __name__ == "__main__":
    main()
