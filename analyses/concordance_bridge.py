# %% [markdown]
# # Two papers, one quantity: sign concordance, angle and error on MNIST
#
# Liao, Leibo & Poggio 2016 choose how many signs feedback shares with the forward weights;
# Lillicrap et al. 2016 fix the feedback and find that the weights turn towards it. Both are run
# here in one network (784-200-100-10, ReLU units, batch normalisation, softmax; SGD in batches of
# 100): feedback alignment from B and from the paper's RndF, and FRSF-p and BRSF-p with concordance
# probabilities from 1 to 0.
#
# 1. Along feedback alignment, is the sign concordance of W and B what their angle theta says of
#    jointly Gaussian matrices, 1 - theta / pi?
# 2. Is the angle between W and V at a concordance p what random normal weights give,
#    cos = (2 p - 1) sqrt(3 / (2 pi)), at the start and after learning?
# 3. How does the error fall with p, and where does feedback alignment, which makes its own
#    concordance, lie on that curve?
#
#     python analyses/concordance_bridge.py [--seeds 3] [--epochs 2] [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.archive import save
from fatheory.figures import interval_note, rule_colour, rule_name, save_figure, style
from fatheory.reproduction import origin, script_arguments
from fatheory.theory.signs import concordance_from_angle, expected_feedback_angle

CONCORDANCES = (1.0, 0.9, 0.75, 0.6, 0.5, 0.25, 0.0)
KINDS = ("frsf", "brsf")
FREE = ("feedback_alignment", "rndf")
BATCH, IMAGES = 100, 60_000
LAYERS = {2: "o", 3: "s"}
"""Layers that send errors back, and their markers."""


def experiment(seeds: int, epochs: int) -> fa.Experiment:
    """Describe the network under every rule."""
    rules: dict = {
        "feedback_alignment": {"learning_rate": 0.02, "scale": 0.1},
        "rndf": {"learning_rate": 0.02},
    }
    for kind in KINDS:
        for p in CONCORDANCES:
            rules[f"{kind} {p:g}"] = {"rule": kind, "learning_rate": 0.02, "concordance": p}
    return fa.Experiment(
        name="concordance bridge",
        task=fa.ImageTask(
            dataset="mnist",
            train="train+validation",
            evaluation="test",
            preprocessing="standardized",
        ),
        network=fa.DenseNetwork(
            hidden=(200, 100),
            activation="relu",
            output="softmax",
            start=fa.Scaled(gain=2**0.5),
            biases=fa.Uniform(bound=0.0),
            normalization=fa.BatchNormalization(),
        ),
        rules=rules,
        schedule=fa.Schedule(phases=(fa.Phase(steps=epochs * IMAGES // BATCH),), batch_size=BATCH),
        update=fa.Update(momentum=0.9),
        record=fa.Record(
            quantities=("classification_error", "delta_angle", "sign_concordance", "weight_angle"),
            spacing="logarithmic",
            snapshots=20,
            probe_samples=500,
        ),
        seeds=seeds,
    )


# %%
def summary(run: xr.Dataset) -> xr.Dataset:
    """Return final errors with intervals, and angles and concordances along the runs."""
    last = run["classification_error"].isel(step=-1, drop=True).rename("error").drop_vars("time")
    data = fa.metrics.mean_interval(last)
    kept = ["weight_angle", "sign_concordance", "delta_angle"]
    return data.merge(run[kept].sel(layer=list(LAYERS)).drop_vars("time"))


def report(data: xr.Dataset) -> None:
    """Print how far predictions are from what was measured."""
    free = data.sel(rule=list(FREE))
    predicted = xr.apply_ufunc(concordance_from_angle, free["weight_angle"], vectorize=True)
    apart = abs(free["sign_concordance"] - predicted)
    print("feedback alignment and RndF, sign concordance against 1 - theta / pi:")
    print(f"  largest difference at the start {float(apart.isel(step=0).max()):.3f}, ", end="")
    print(f"along the run {float(apart.max()):.3f}")
    for rule in FREE:
        one = free.sel(rule=rule)
        final = one.isel(step=-1).mean("seed")
        shares = ", ".join(
            f"layer {n} {float(final['sign_concordance'].sel(layer=n)):.3f}" for n in LAYERS
        )
        print(f"  {rule}: final concordance {shares}; error {float(one['error']):.2f} %")
    print("\n    p   angle: predicted, start, end (layers 2, 3)       error (%)")
    for kind in KINDS:
        for p in CONCORDANCES:
            one = data.sel(rule=f"{kind} {p:g}")
            angle = one["weight_angle"].mean("seed")
            first, last = (angle.isel(step=i).values for i in (0, -1))
            said = expected_feedback_angle(kind, "normal", p)
            numbers = " ".join(f"{value:6.1f}" for value in (said, *first, *last))
            print(f"{kind} {p:4.2f}  {numbers}   {float(one['error']):6.2f}")


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw the three questions side by side."""
    figure, (along, angles, errors) = plt.subplots(1, 3, figsize=(13.5, 4.4))
    draw_along(data, along)
    draw_angles(data, angles)
    draw_errors(data, errors)
    figure.suptitle(
        f"MNIST, 784-200-100-10. Bars: {interval_note(data['error_interval'])}", fontsize=9
    )
    return figure


def draw_along(data: xr.Dataset, axes: Axes) -> None:
    """Draw concordance against angle along feedback alignment, every seed and recorded step."""
    theta = np.linspace(0, 180, 50)
    axes.plot(theta, [concordance_from_angle(t) for t in theta], "k--", label="1 - θ/π")
    for rule in FREE:
        for layer, marker in LAYERS.items():
            one = data.sel(rule=rule, layer=layer)
            axes.plot(
                one["weight_angle"].values.ravel(),
                one["sign_concordance"].values.ravel(),
                marker,
                color=rule_colour(rule),
                alpha=0.5,
                markersize=4,
                label=f"{rule_name(rule)}, layer {layer}",
            )
    axes.set(xlabel="angle of W and its feedback (degrees)", ylabel="sign concordance")
    axes.set(title="a  along feedback alignment", xlim=(20, 100), ylim=(0.45, 0.95))
    axes.legend(fontsize=8)


def draw_angles(data: xr.Dataset, axes: Axes) -> None:
    """Draw the measured angle of V to W against the concordance."""
    fine = np.linspace(0, 1, 60)
    said = [expected_feedback_angle("frsf", "normal", float(p)) for p in fine]
    axes.plot(fine, said, "k--", label="normal weights")
    for layer, marker in LAYERS.items():
        angle = data["weight_angle"].sel(layer=layer).mean("seed")
        for step, fill in ((0, "none"), (-1, rule_colour("frsf"))):
            values = [angle.sel(rule=f"frsf {p:g}").isel(step=step) for p in CONCORDANCES]
            when = "start" if step == 0 else "end"
            axes.plot(
                CONCORDANCES,
                values,
                marker,
                color=rule_colour("frsf"),
                markerfacecolor=fill,
                label=f"FRSF-p, layer {layer}, {when}",
            )
    axes.set(xlabel="sign concordance probability p", ylabel="angle of W and V (degrees)")
    axes.set(title="b  what a concordance is as an angle", yticks=range(30, 151, 30))
    axes.legend(fontsize=8)


def draw_errors(data: xr.Dataset, axes: Axes) -> None:
    """Draw final error against concordance, feedback alignment at the one it made."""
    for kind in KINDS:
        one = data.sel(rule=[f"{kind} {p:g}" for p in CONCORDANCES])
        mean = one["error"].values
        bounds = np.abs(one["error_interval"].transpose("ci_bound", "rule").values - mean)
        axes.errorbar(
            CONCORDANCES,
            mean,
            bounds,
            fmt="o-",
            color=rule_colour(kind),
            capsize=3,
            label=f"{kind.upper()}-p",
        )
    for rule in FREE:
        one = data.sel(rule=rule)
        where = float(one["sign_concordance"].isel(step=-1).mean())
        bounds = np.abs(one["error_interval"].values - float(one["error"]))[:, None]
        axes.errorbar(
            where,
            one["error"],
            bounds,
            fmt="D",
            color=rule_colour(rule),
            capsize=3,
            label=rule_name(rule),
        )
    axes.set(xlabel="sign concordance", ylabel="test error (%)", yscale="log", title="c  error")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.legend(fontsize=8)


# %%
def main() -> None:
    """Run, report, store and draw."""
    parser = argparse.ArgumentParser(description="Sign concordance, angle and error on MNIST.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    options = script_arguments(parser)
    run = fa.simulate(experiment(options.seeds, options.epochs))
    data = summary(run).assign_attrs(origin(run))
    save(data, options.out / "concordance_bridge.zarr", overwrite=True)
    report(data)
    with style():
        save_figure(draw(data), options.out / "concordance_bridge")


if __name__ == "__main__":
    main()
