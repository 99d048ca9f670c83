# %% [markdown]
# # Order parameters over simulation, at 30 to 1,000 inputs
#
# A network of three hidden units learns online from a teacher of two, with error functions or ReLU
# units, by feedback alignment and by backprop: the task of Fig. 3d of Lillicrap et al. 2016 in
# small. With many inputs its overlaps with itself and with the teacher obey ordinary differential
# equations at any learning rate (`fatheory.theory.order_parameters`); with n_i inputs runs scatter
# around them by n_i^(-1/2).
#
# What to see: `fatheory.solve(experiment, "order_parameters")` over `fatheory.simulate` of the same
# experiment at 30, 100, 300 and 1,000 inputs, each seed from its own start and teacher, over
# steps / n_i. a and b, the loss of one seed under feedback alignment: dashed, theory's.
# c, the scatter of the norms of both layers around theory, over seeds, times, layers and rules, and
# the slope in n_i.
#
#     python analyses/teacher_and_inputs.py [--out DIR]

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
from fatheory.reproduction import script_arguments

INPUTS = (30, 100, 300, 1000)
ACTIVATIONS = ("erf", "relu")
RULES = ("feedback_alignment", "backprop")
RATE, END, SEEDS = 0.5, 8, 8
COLOURS = ("#D55E00", "#E69F00", "#009E73", "#0072B2")


# %%
def experiment(activation: str, n_i: int) -> fa.Experiment:
    """Describe runs of one size, at a learning rate of `RATE` per n_i steps."""
    return fa.Experiment(
        task=fa.TeacherTask(
            inputs=n_i,
            outputs=2,
            hidden=(2,),
            activation=activation,
            weights=fa.Scaled(gain=1.0),
            noise=0.1,
        ),
        network=fa.DenseNetwork(hidden=(3,), activation=activation, start=fa.Scaled(gain=0.5)),
        rules={rule: {"learning_rate": RATE / n_i} for rule in RULES},
        schedule=fa.Schedule(phases=(fa.Phase(steps=END * n_i),)),
        record=fa.Record(
            quantities=("weight_norm",), snapshots=9, spacing="linear", probe_samples=4000
        ),
        precision="float64",
        seeds=SEEDS,
    )


def compute() -> xr.Dataset:
    """Train and solve every size."""
    parts = []
    for activation in ACTIVATIONS:
        for n_i in INPUTS:
            asked = experiment(activation, n_i)
            both = {"simulation": fa.simulate(asked), "theory": fa.solve(asked, "order_parameters")}
            for source, archive in both.items():
                kept = archive[["loss", "weight_norm"]].reset_coords(drop=True).drop_attrs()
                kept = kept.assign_coords(step=kept["step"] / n_i).rename(step="time")
                parts.append(
                    kept.expand_dims(activation=[activation], inputs=[n_i], source=[source])
                )
    return xr.combine_by_coords(parts, combine_attrs="drop_conflicts")


# %%
def scatter(data: xr.Dataset) -> xr.DataArray:
    """Return the root mean square of the relative distance of runs from theory."""
    norms = data["weight_norm"].isel(time=slice(1, None))
    off = norms.sel(source="simulation") / norms.sel(source="theory") - 1
    return np.sqrt((off**2).mean([dim for dim in off.dims if dim not in ("activation", "inputs")]))


def slopes(data: xr.Dataset) -> dict[str, float]:
    """Return the slope of the scatter in the number of inputs."""
    found = scatter(data)
    return {
        activation: float(
            np.polyfit(
                np.log(INPUTS), np.log(found.sel(activation=activation, inputs=list(INPUTS))), 1
            )[0]
        )
        for activation in ACTIVATIONS
    }


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    found, tilted = scatter(data), slopes(data)
    for activation in ACTIVATIONS:
        values = found.sel(activation=activation, inputs=list(INPUTS)).values
        print(
            f"{activation}: scatter {', '.join(f'{v:.4f}' for v in values)}; "
            f"slope {tilted[activation]:.3f}"
        )
        assert abs(tilted[activation] + 0.5) < 0.1
    loss = data["loss"].isel(time=-1) / data["loss"].isel(time=0)
    assert (loss.sel(source="theory").mean("seed") < 0.9).all(), "it learns"
    both = data["loss"].sel(inputs=1000)
    ratio = (both.sel(source="simulation") / both.sel(source="theory")).mean("seed")
    print(
        "mean loss over theory's at n_i = 1000: "
        f"{float(ratio.min()):.3f} to {float(ratio.max()):.3f}"
    )
    assert (abs(ratio - 1) < 0.1).all()


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw losses of one seed, and the scatter over the number of inputs."""
    found, tilted = scatter(data), slopes(data)
    with style():
        fig, axes = plt.subplots(1, 3, figsize=(12, 3.8))
        for ax, activation, name in zip(axes[:2], ACTIVATIONS, "ab", strict=True):
            for n_i, colour in zip(INPUTS, COLOURS, strict=True):
                one = data["loss"].sel(
                    activation=activation, inputs=n_i, rule="feedback_alignment", seed=0
                )
                simulated, solved = one.sel(source="simulation"), one.sel(source="theory")
                ax.plot(one["time"], simulated, color=colour, label=f"n_i = {n_i}")
                ax.plot(one["time"], solved, "--", color=colour, lw=1)
            ax.set(title=f"{name}  {activation}", yscale="log", xlabel="step / n_i", ylabel="loss")
        axes[0].legend()
        for activation, mark in zip(ACTIVATIONS, "os", strict=True):
            label = f"{activation}, slope {tilted[activation]:.2f}"
            values = found.sel(activation=activation, inputs=list(INPUTS))
            axes[2].loglog(INPUTS, values, mark + "-", mfc="none", label=label)
        axes[2].set(
            title="c  scatter around theory", xlabel="inputs n_i", ylabel="of norms, relative"
        )
        axes[2].legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Order parameters over simulation.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "teacher_and_inputs.zarr", overwrite=True)
    save_figure(figure(data), out / "teacher_and_inputs")
    check(data)


if __name__ == "__main__":
    main()
