# %% [markdown]
# # Which learning rate is too large?
#
# Online learning of a linear network has a largest rate. Near a solution the weights hardly move,
# and the mean square of the error decays where chi, a sum over directions of input, is below 1
# (`fatheory.theory.late_learning`); in the flow's solution that is a limit known before any run.
# But a larger rate leads to other weights: under feedback alignment to larger ones, under backprop
# to smaller ones where rows of the error are sharpest. So chi of the weights that learning at a
# finite rate reaches (`fatheory.theory.online_learning`) crosses 1 elsewhere.
#
# What to see: networks 30-n_h-10 of Fig. 2 of Lillicrap et al. 2016 with 20 hidden units and with
# 40. Feedback of one scale to twice the units is larger, and the limit lower: at 0.01, which is
# tuned for 20 units, most runs of 40 units diverge. a: chi of the weights that theory reaches at
# smaller rates, carried on to 1. b: the fraction of diverged seeds in simulation against the rate
# over the limit in the flow's solution. Feedback alignment diverges below that limit, and the
# weights reached explain half of the distance; backprop lives far above it, for runs escape to
# weights at which it is larger, which the theory does not follow.
#
#     python analyses/rate_too_large.py [--out DIR]

# %%
import argparse
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.archive import save
from fatheory.errors import LearningRateWarning
from fatheory.figures import save_figure, style
from fatheory.initial import draw_initial_state
from fatheory.reproduction import script_arguments
from fatheory.theory import flow, largest_stable_learning_rate, online_learning

CASES = {
    "feedback_alignment, 20 units": ("feedback_alignment", 20, (0.009, 0.010, 0.011, 0.012, 0.013)),
    "feedback_alignment, 40 units": ("feedback_alignment", 40, (0.007, 0.008, 0.009, 0.010, 0.011)),
    "backprop, 20 units": ("backprop", 20, (0.011, 0.013, 0.014, 0.015, 0.016)),
}
SEEDS, STEPS = 20, 2000
LIMITS = 5
"""Seeds whose limits are computed; they differ by some per cent."""
SHARES = np.array([0.4, 0.55, 0.7])
"""Rates at which the closure is asked, as shares of the flow's limit."""
COLOURS = ("#D55E00", "#CC79A7", "#0072B2")


# %%
def experiment(rule: str, hidden: int, rates: tuple[float, ...]) -> fa.Experiment:
    """Describe runs of one rule at several rates, from the same draws."""
    base = fa.presets["lillicrap2016/fig2"]
    own = {"rule": rule} | ({"scale": 0.5} if rule == "feedback_alignment" else {})
    rules = {f"{rule} {rate:g}": own | {"learning_rate": rate} for rate in rates}
    record = fa.Record(quantities=(), snapshots=11)
    schedule = fa.Schedule(phases=(fa.Phase(steps=STEPS),))
    asked = base.replaced(rules=rules, record=record, schedule=schedule)
    return asked.with_settings({"network.hidden": [hidden], "seeds": SEEDS})


def diverged(asked: fa.Experiment) -> np.ndarray:
    """Train, and return which runs (rate, seed) are lost or end above their start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that runs diverge is what is asked
        runs = fa.simulate(asked)
    last = runs["loss"].isel(step=-1) / runs["loss"].isel(step=0)
    lost = ~(np.isfinite(last) & (last < 1))
    return lost.transpose("rule", "seed").sel(rule=[label for label, _ in asked.rules]).values


def limits(asked: fa.Experiment, rule: str) -> np.ndarray:
    """Return the limit at each seed's solution of the flow."""
    label, found = asked.rules[0][0], []
    for seed in asked.seeds[:LIMITS]:
        start = draw_initial_state(asked, seed)
        B = start.states[label][1].T if rule == "feedback_alignment" else None
        path = flow(*start.weights, B, start.T, times=[60.0], rule=rule)
        W0, W = (path[f"weight_{layer}"].values[0] for layer in (1, 2))
        found.append(largest_stable_learning_rate(W0, W, B, rule=rule))
    return np.array(found)


def chi_reached(asked: fa.Experiment, rule: str, rates: np.ndarray) -> np.ndarray:
    """Return chi of the weights that the closure reaches from the first seed's start."""
    label = asked.rules[0][0]
    start = draw_initial_state(asked, asked.seeds[0])
    B = start.states[label][1].T if rule == "feedback_alignment" else None
    found = []
    for rate in rates:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearningRateWarning)  # NaN where the closure ends
            law = online_learning(
                *start.weights,
                B,
                start.T,
                learning_rate=rate,
                rule=rule,
                steps=[0, round(8 / rate)],
            )
        found.append(float(law["excess"][-1]))
    return np.array(found)


def carried_on(rates: np.ndarray, chi: np.ndarray) -> float:
    """Return the rate at which chi / rate, a line through what is known, makes chi 1."""
    known = np.isfinite(chi)
    slope, value = np.polyfit(rates[known], chi[known] / rates[known], 1)
    roots = np.roots([slope, value, -1.0])
    return float(min(root.real for root in roots if abs(root.imag) < 1e-12 and root.real > 0))


def compute() -> xr.Dataset:
    """Simulate and solve every case."""
    parts = []
    for case, (rule, hidden, rates) in CASES.items():
        asked = experiment(rule, hidden, rates)
        limit = limits(asked, rule)
        trial = SHARES * limit[0]
        chi = chi_reached(asked, rule, trial)
        parts.append(
            xr.Dataset(
                {
                    "diverged": (("trial", "seed"), diverged(asked)),
                    "learning_rate": ("trial", np.array(rates), {"units": "1/step"}),
                    "limit": ("limit_seed", limit, {"units": "1/step"}),
                    "closure_rate": ("share", trial, {"units": "1/step"}),
                    "chi": ("share", chi, {"units": "1"}),
                    "closure_limit": ((), carried_on(trial, chi), {"units": "1/step"}),
                }
            ).expand_dims(case=[case])
        )
    return xr.concat(parts, "case").assign_coords(share=SHARES, seed=range(SEEDS))


# %%
def half_lost(data: xr.Dataset) -> xr.DataArray:
    """Return the rate at which half of the seeds diverge, between the rates that were run."""
    found = []
    for case in data["case"].values:
        one = data.sel(case=case)
        share = one["diverged"].mean("seed").values
        found.append(np.interp(0.5, np.maximum.accumulate(share), one["learning_rate"].values))
    return xr.DataArray(found, dims="case", coords={"case": data["case"]})


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    half = half_lost(data)
    for case in data["case"].values:
        one = data.sel(case=case)
        print(
            f"{case}: half of the seeds diverge at {float(half.sel(case=case)):.4f}; limit in the "
            f"flow's solution {float(one['limit'].median()):.4f} (median), of the weights reached "
            f"{float(one['closure_limit']):.4f}; fractions "
            + ", ".join(
                f"{r:g}: {d:.2f}"
                for r, d in zip(
                    one["learning_rate"].values, one["diverged"].mean("seed").values, strict=True
                )
            )
        )
        lost = one["diverged"].mean("seed").values
        assert lost[0] <= 0.25, "the smallest rate is below the limit"
        assert lost[-1] >= 0.75, "the largest is above"
    wide = data.sel(case="feedback_alignment, 40 units")
    tuned = wide["diverged"].isel(trial=list(wide["learning_rate"].values).index(0.010))
    assert tuned.mean() > 0.5, "0.01 is too large for 40 hidden units"
    low, high = (half.sel(case=f"feedback_alignment, {n} units") for n in (40, 20))
    assert low < high
    flow_half = data["limit"].median("limit_seed")
    # The order of the cases is theory's, and larger weights lower the limit of feedback alignment.
    assert (half / flow_half).sel(case="feedback_alignment, 20 units") < 1
    assert (half / flow_half).sel(case="backprop, 20 units") > 1
    off = data["closure_limit"] / half - 1
    for case in CASES:
        # Measured as 15 % and 18 % above under feedback alignment and 30 % below under backprop:
        # chi bends upwards beyond what the line through smaller rates knows, and backprop escapes
        # to other weights. The bound stands, and the verdicts are told.
        verdict = "holds" if abs(off.sel(case=case)) < 0.15 else "does not hold"
        print(f"{case}: limit of the weights reached within 15 % of simulation's {verdict}")
        nearer = abs(off.sel(case=case)) < abs(flow_half / half - 1).sel(case=case)
        assert nearer or not case.startswith("feedback"), "nearer than the flow's"


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw chi and the fractions."""
    with style():
        fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8))
        for case, colour in zip(CASES, COLOURS, strict=True):
            one = data.sel(case=case)
            left.plot(one["closure_rate"], one["chi"], "o", color=colour, label=case)
            end = float(one["closure_limit"])
            if np.isfinite(end):
                known = np.isfinite(one["chi"].values)
                rates = one["closure_rate"].values[known]
                slope, value = np.polyfit(rates, one["chi"].values[known] / rates, 1)
                x = np.linspace(rates[0], end, 40)
                left.plot(x, x * (slope * x + value), ":", color=colour)
                left.plot(end, 1, "x", color=colour)
            ratio = (one["learning_rate"] / one["limit"].median()).values
            right.plot(ratio, one["diverged"].mean("seed"), "o-", color=colour, label=case)
        left.axhline(1, color="0.6", lw=0.8)
        left.set(title="a  chi of the weights reached", xlabel="learning rate", ylabel="chi")
        left.legend(fontsize=8)
        right.axvline(1, color="0.6", lw=0.8)
        right.set(
            title=f"b  simulation, {SEEDS} seeds",
            xlabel="learning rate / limit in the flow's solution",
            ylabel="fraction of diverged seeds",
        )
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Which learning rate is too large?")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "rate_too_large.zarr", overwrite=True)
    save_figure(figure(data), out / "rate_too_large")
    check(data)


if __name__ == "__main__":
    main()
