# %% [markdown]
# # Theory at finite rates, and the number of inputs
#
# The law of online learning (`fatheory.theory.online_learning`) closes the moments of its order
# parameters as if they were Gaussian. What that leaves out falls with the number of inputs n_i. At
# fixed eta n_i, with target and feedback rescaled by n_i^(-1/2) and n_h^(-1/2), learning has one
# limit: networks 30-20-10, 120-80-10 and 300-50-10 differ in the fluctuations only.
#
# What to see: a and b, runs of feedback alignment and of backprop (at half of its tuned rate), mean
# of the log loss and theory's median, over steps / n_i. c, the error of theory relative to the
# logarithm of the loss over its start, its mean over the steps at which the loss has fallen. It
# falls with n_i, and is within 1 % at 300 inputs; at 120 under feedback alignment.
#
#     python analyses/closure_and_inputs.py [--out DIR]

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
from fatheory.theory import online_learning

N_O = 10
SIZES = {30: (20, 128), 120: (80, 32), 300: (50, 24)}
"""Hidden units and runs, by the number of inputs."""
RATES = {"feedback_alignment": 0.3, "backprop": 0.195}
"""eta n_i."""
ENDS = {"feedback_alignment": 30.0, "backprop": 20.0}
"""Last step over n_i."""
SNAPSHOTS, START = 21, 0.01
FALLEN = 0.1
"""Decades from which on the error is counted."""
COLOURS = {30: "#D55E00", 120: "#009E73", 300: "#0072B2"}


# %%
def problem(n_i: int) -> tuple[np.ndarray, ...]:
    """Return start, feedback and target of one size; the limit of all sizes is the same."""
    n_h = SIZES[n_i][0]
    rng = np.random.default_rng(5)
    T = rng.uniform(-1, 1, (N_O, n_i)) * np.sqrt(30 / n_i)
    B = rng.uniform(-0.5, 0.5, (n_h, N_O)) * np.sqrt(20 / n_h)
    W0 = START * rng.uniform(-1, 1, (n_h, n_i)) * np.sqrt(30 / n_i)
    W = START * rng.uniform(-1, 1, (N_O, n_h)) * np.sqrt(20 / n_h)
    return W0, W, B, T


def network(rule: str, n_i: int) -> tuple[np.ndarray, ...]:
    """Return X, Y, K and T of the network y = Y K X x that learns.

    Feedback alignment from zero has W0 = B X and W = Y B^T, K = B^T B; backprop has W0 = X
    and W = Y.
    """
    W0, W, B, T = problem(n_i)
    if rule == "feedback_alignment":
        return np.zeros((N_O, n_i)), np.zeros((N_O, N_O)), B.T @ B, T
    return W0, W, np.eye(len(W0)), T


def runs(rule: str, n_i: int, steps: np.ndarray) -> np.ndarray:
    """Learn from sequences of examples; return log losses (step, run)."""
    rng, eta, count = np.random.default_rng(0), RATES[rule] / n_i, SIZES[n_i][1]
    X, Y, K, T = network(rule, n_i)
    X, Y = np.repeat(X[None], count, 0), np.repeat(Y[None], count, 0)
    E, found, wanted = T - Y @ K @ X, [], set(steps.tolist())
    for step in range(int(steps[-1]) + 1):
        if step in wanted:
            found.append(np.log(0.5 * (E**2).sum((1, 2))))
        x = rng.normal(size=(count, n_i, 1))
        e, xi = E @ x, X @ x
        move = eta * (e if rule == "feedback_alignment" else Y.mT @ e)
        readout = eta * e @ (xi.mT @ K)
        # E is carried itself, of which T - W W0 would lose the digits.
        E = E - eta * e @ ((xi.mT @ K) @ X) - (Y @ (K @ move) + readout @ move) @ x.mT
        X, Y = X + move @ x.mT, Y + eta * e @ xi.mT
    return np.array(found)


def compute() -> xr.Dataset:
    """Run and solve all sizes under both rules."""
    shape = (len(RATES), len(SIZES), SNAPSHOTS)
    log, error, theory = (np.full(shape, np.nan) for _ in range(3))
    spread, predicted = np.full(shape, np.nan), np.full(shape, np.nan)
    for r, (rule, product) in enumerate(RATES.items()):
        for s, n_i in enumerate(SIZES):
            steps = np.round(np.linspace(0, ENDS[rule] * n_i, SNAPSHOTS)).astype(int)
            W0, W, B, T = problem(n_i)
            law = online_learning(
                W0,
                W,
                B if rule == "feedback_alignment" else None,
                T,
                learning_rate=product / n_i,
                rule=rule,
                steps=steps,
            )
            found = runs(rule, n_i, steps)
            log[r, s], spread[r, s] = found.mean(axis=1), found.std(axis=1, ddof=1)
            error[r, s] = spread[r, s] / np.sqrt(found.shape[1])
            theory[r, s] = np.log(law["loss_median"])
            predicted[r, s] = law["log_loss_std"]
    dims = ("rule", "inputs", "time")
    return xr.Dataset(
        {
            "log_loss": (dims, log),
            "log_loss_error": (dims, error),
            "log_loss_std": (dims, spread),
            "theory_log_loss": (dims, theory),
            "theory_log_loss_std": (dims, predicted),
        },
        coords={
            "rule": list(RATES),
            "inputs": list(SIZES),
            "share": ("time", np.linspace(0, 1, SNAPSHOTS)),
        },
    )


# %%
def relative_errors(data: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the error of theory relative to the log of the fallen loss, and the runs' own."""
    fallen = data["log_loss"] - data["log_loss"].isel(time=0)
    counted = fallen < -FALLEN * np.log(10)
    off = abs((data["theory_log_loss"] - data["log_loss"]) / fallen).where(counted)
    return off, (data["log_loss_error"] / abs(fallen)).where(counted)


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    off, sampling = relative_errors(data)
    for rule in RATES:
        for n_i in SIZES:
            one, known = (a.sel(rule=rule, inputs=n_i) for a in (off, sampling))
            ratio = (data["theory_log_loss_std"] / data["log_loss_std"]).sel(rule=rule, inputs=n_i)
            print(
                f"{rule}, n_i = {n_i}: mean {float(one.mean()):.2%}, largest {float(one.max()):.2%}"
                f" (runs {float(known.mean()):.2%}); spread {float(ratio[3:].mean()):.2f}; "
                f"ends at 10^{float(data['log_loss'].sel(rule=rule, inputs=n_i)[-1]) / 2.303:.2f}"
            )
        mean = off.sel(rule=rule).mean("time")
        assert np.isfinite(data["theory_log_loss"].sel(rule=rule)).all()
        within = {n_i: bool(mean.sel(inputs=n_i) < 0.01) for n_i in (120, 300)}
        # At 120 inputs backprop's was measured as 3.4 %: the bound stands, and the verdict is told.
        for n_i, kept in within.items():
            print(f"{rule}, n_i = {n_i}: within 1 % {'holds' if kept else 'does not hold'}")
        assert within[300]
        assert mean.sel(inputs=120) < 0.5 * mean.sel(inputs=30), "it falls with n_i"
        assert mean.sel(inputs=300) < mean.sel(inputs=120)


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw the losses, and the error over the number of inputs."""
    off, sampling = relative_errors(data)
    with style():
        fig, axes = plt.subplots(1, 3, figsize=(12, 3.8))
        for ax, rule, name in zip(axes[:2], RATES, "ab", strict=True):
            for n_i, colour in COLOURS.items():
                one = data.sel(rule=rule, inputs=n_i)
                time = one["share"] * ENDS[rule]
                log, width = one["log_loss"], one["log_loss_std"]
                ax.fill_between(
                    time, np.exp(log - width), np.exp(log + width), color=colour, alpha=0.25, lw=0
                )
                ax.plot(time, np.exp(log), color=colour, label=f"n_i = {n_i}")
                ax.plot(time, np.exp(one["theory_log_loss"]), "k--", lw=0.9)
            ax.set(
                title=f"{name}  {rule}, η n_i = {RATES[rule]}",
                yscale="log",
                xlabel="step / n_i",
                ylabel="loss",
            )
        axes[0].legend()
        for rule, mark in zip(RATES, "os", strict=True):
            values = off.sel(rule=rule).mean("time")
            axes[2].loglog(list(SIZES), 100 * values, mark + "-", mfc="none", label=rule)
            known = sampling.sel(rule=rule).mean("time")
            axes[2].loglog(list(SIZES), 100 * known, mark + ":", color="0.6", ms=3)
        axes[2].axhline(1, color="0.7", lw=0.8)
        axes[2].set(
            title="c  error of theory (grey: of the runs)",
            xlabel="inputs n_i",
            ylabel="per cent of the log of the loss",
        )
        axes[2].legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Theory at finite rates and the inputs.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "closure_and_inputs.zarr", overwrite=True)
    save_figure(figure(data), out / "closure_and_inputs")
    check(data)


if __name__ == "__main__":
    main()
