# %% [markdown]
# # One law for both papers
#
# Feedback alignment (Lillicrap et al. 2016) and sign-concordant feedback (Liao, Leibo & Poggio
# 2016) have one law in common with backprop. Where feedback V is the gradient of a function psi of
# the weights that leave a unit, learning conserves |w_in|^2 + b^2 - 2 psi(w_out) at every linear or
# ReLU unit, at any depth and for any loss: psi is |w|^2 / 2 for backprop, <v, w> for fixed
# feedback, and sum |w| for usf, through every change of sign. So under usf the square of what
# enters a unit follows the sum of the sizes of what leaves it, and under feedback alignment the
# overlap with its feedback.
#
# What to see: ReLU networks with biases and two hidden layers learn a teacher under five rules. The
# law of each rule drifts by little (a), in proportion to the learning rate (b), while the law of
# another rule, backprop's balance, does not hold under any but backprop (c).
#
#     python analyses/unit_law.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.metrics import unit_law_drift
from fatheory.reproduction import script_arguments
from fatheory.rules import find_rule

RULES = {
    "backprop": {"rule": "backprop"},
    "feedback_alignment": {"rule": "feedback_alignment"},
    "usf": {"rule": "usf", "scale": 0.5},
    "frsf": {"rule": "frsf", "concordance": 0.9},
    "kolen_pollack": {"rule": "kolen_pollack"},
}
RATES, TIME, SEEDS = (0.01, 0.005, 0.0025), 30.0, 3
HIDDEN_LAYERS = (1, 2)


# %%
def experiment(rate: float) -> fa.Experiment:
    """Describe runs of one learning rate over the same time."""
    return fa.Experiment(
        task=fa.TeacherTask(inputs=10, outputs=4, hidden=(12,), activation="relu"),
        network=fa.DenseNetwork(
            hidden=(24, 16),
            activation="relu",
            start=fa.Uniform(bound=0.3),
            biases=fa.Uniform(bound=0.1),
        ),
        rules={label: {"learning_rate": rate} | choice for label, choice in RULES.items()},
        schedule=fa.Schedule(phases=(fa.Phase(steps=round(TIME / rate)),), batch_size=4),
        record=fa.Record(quantities=("unit_balance", "weights"), snapshots=11),
        precision="float64",
        seeds=SEEDS,
    )


def backprops_law(run: xr.Dataset) -> xr.DataArray:
    """Return the drift of |w_in|^2 + b^2 - |w_out|^2 whatever the rule is, by hidden layer."""
    drifts = []
    for layer in HIDDEN_LAYERS:
        incoming = run[f"unit_balance_incoming_{layer}"]
        law = incoming - run[f"unit_balance_outgoing_{layer}"]
        unit = f"unit_{layer}"
        size = np.sqrt((incoming**2).sum(unit))
        drifts.append(np.sqrt(((law - law.isel(step=0)) ** 2).sum(unit)) / size)
    return xr.concat(drifts, "layer").assign_coords(layer=list(HIDDEN_LAYERS))


def compute() -> xr.Dataset:
    """Train at all rates; keep drifts, and how many signs have changed."""
    own, other, flips, losses = [], [], [], []
    for rate in RATES:
        run = fa.simulate(experiment(rate), progress=False)
        part = np.arange(run.sizes["step"]) / (run.sizes["step"] - 1)
        own.append(unit_law_drift(run).sel(layer=list(HIDDEN_LAYERS)).values)
        other.append(backprops_law(run).transpose("rule", "seed", "step", "layer").values)
        W = run["weight_2"]
        flips.append((np.sign(W.isel(step=0)) != np.sign(W.isel(step=-1))).mean(W.dims[-2:]).values)
        losses.append(run["loss"].values)
    dims = ("rate", "rule", "seed", "part", "layer")
    return xr.Dataset(
        {
            "drift": (dims, np.array(own), {"units": "1"}),
            "drift_of_backprops_law": (dims, np.array(other), {"units": "1"}),
            "signs_changed": (dims[:3], np.array(flips), {"units": "1"}),
            "loss": (dims[:4], np.array(losses), {"units": "1"}),
        },
        coords={
            "rate": list(RATES),
            "rule": list(RULES),
            "part": ("part", part, {"long_name": "part of the run"}),
            "layer": list(HIDDEN_LAYERS),
        },
    )


# %%
def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    final = data.isel(part=-1).mean("seed")
    for rule in RULES:
        own = final["drift"].sel(rule=rule)
        slope = np.polyfit(np.log(RATES), np.log(own.mean("layer")), 1)[0]
        wrong = final["drift_of_backprops_law"].sel(rule=rule)
        fallen = float(
            data["loss"].sel(rule=rule).isel(part=-1).mean()
            / data["loss"].sel(rule=rule).isel(part=0).mean()
        )
        print(
            f"{rule}: drift {float(own.sel(rate=RATES[-1]).max()):.2e}, slope {slope:.2f} in the "
            f"rate, backprop's law {float(wrong.sel(rate=RATES[-1]).max()):.2e}; signs changed "
            f"{float(final['signs_changed'].sel(rule=rule).mean()):.2f}, loss to {fallen:.2f}"
        )
        assert abs(slope - 1) < 0.25
        assert float(own.sel(rate=RATES[-1]).max()) < 0.05
        assert fallen < 0.7, "it learned"
        if rule != "backprop":
            assert float((wrong / own).sel(rate=RATES[-1]).min()) > 4
    assert float(final["signs_changed"].sel(rule=["usf", "frsf"]).min()) > 0.02


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw drifts along the run, against the rate, and beside those of backprop's law."""
    with style():
        fig, (a, b, c) = plt.subplots(1, 3, figsize=(11.5, 3.7))
        mean = data.mean(("seed", "layer"))
        for rule in RULES:
            colour, name = find_rule(rule).colour, find_rule(rule).display_name
            shown = mean["drift"].sel(rule=rule)
            a.plot(data["part"], 100 * shown.isel(rate=-1), color=colour, label=name)
            b.loglog(RATES, shown.isel(part=-1), "o-", mfc="none", color=colour)
            wrong = mean["drift_of_backprops_law"].sel(rule=rule).isel(rate=-1)
            c.plot(data["part"], 100 * wrong, color=colour)
        b.loglog(RATES, np.array(RATES) * 0.3, color="0.6", ls="--", label=r"slope 1")
        a.set(
            title="a  The law of each rule",
            xlabel="Part of the run",
            ylabel="Drift of the law (%)",
            ylim=(0, 2 * a.get_ylim()[1]),
        )
        a.legend()
        b.set(
            title="b  In proportion to the rate", xlabel="Learning rate", ylabel="Drift at the end"
        )
        b.set_xticks(RATES, [f"{rate:g}" for rate in RATES])
        b.minorticks_off()
        b.legend()
        c.set(
            title="c  Backprop's law under every rule",
            xlabel="Part of the run",
            ylabel="Drift of backprop's law (%)",
        )
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="One law for both papers.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "unit_law.zarr", overwrite=True)
    save_figure(figure(data), out / "unit_law")
    check(data)


if __name__ == "__main__":
    main()
