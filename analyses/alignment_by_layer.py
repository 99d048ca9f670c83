# %% [markdown]
# # Layers next to the output align first
#
# In the lazy limit feedback and weights keep their angle: alignment belongs to networks that move
# their features. There, with scaling that keeps the motion of features finite as the width grows,
# a dynamical mean-field theory gives outputs, kernels and angles of feedback alignment
# (Bordelon & Pehlevan 2022; solved here by one causal pass, `fatheory.theory.dmft`).
#
# What to see: angles between the rule's signals and backprop's, layer by layer, of the theory and
# of networks of width 64, 256 and 1,024 with three hidden layers of tanh units (a). The layer next
# to the output aligns first and most. The distance of single networks from the theory shrinks as
# width^-1/2 (b); the richer the learning, the smaller the angles (c).
#
#     python analyses/alignment_by_layer.py [--out DIR]

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
from fatheory.theory import dmft

LAYERS, POINTS, INPUTS, OUTPUTS = 3, 5, 10, 2
ETA, STEPS, RICHNESS = 0.1, 40, 1.0
WIDTHS, SEEDS, SAMPLES = (64, 256, 1024), 12, 12_000
RICHER = (0.25, 0.5, 1.0, 2.0)
COLOURS = {1: "#56B4E9", 2: "#009E73", 3: "#D55E00"}


# %%
def examples() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(POINTS, INPUTS)), rng.normal(size=(POINTS, OUTPUTS))


def network(X: np.ndarray, Y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Train one network by feedback alignment; return outputs and cosines, step by step."""
    rng, gamma = np.random.default_rng((n, seed)), RICHNESS
    W = [rng.normal(size=(n, INPUTS)), *(rng.normal(size=(n, n)) for _ in range(LAYERS - 1))]
    W.append(rng.normal(size=(OUTPUTS, n)))
    B = [rng.normal(size=w.shape) for w in W]
    outputs, cosines = [], []
    for _ in range(STEPS + 1):
        h = [W[0] @ X.T / np.sqrt(INPUTS)]
        for w in W[1:-1]:
            h.append(w @ np.tanh(h[-1]) / np.sqrt(n))
        phi = [np.tanh(a) for a in h]
        y = (W[-1] @ phi[-1] / (gamma * n)).T
        e = Y - y
        outputs.append(y)
        sent, true, row = [np.empty(0)] * LAYERS, np.empty(0), [0.0] * LAYERS
        for layer in range(LAYERS - 1, -1, -1):
            slope, last = 1 - phi[layer] ** 2, layer == LAYERS - 1
            scale = 1.0 if last else n**-0.5
            from_above, truly = (e.T, e.T) if last else (sent[layer + 1], true)
            sent[layer] = slope * (scale * B[layer + 1].T @ from_above)
            true = slope * (scale * W[layer + 1].T @ truly)
            size = np.linalg.norm(sent[layer]) * np.linalg.norm(true)
            row[layer] = float(np.sum(sent[layer] * true) / size)
        cosines.append(row)
        W[0] = W[0] + ETA * gamma / np.sqrt(INPUTS) * sent[0] @ X
        for layer in range(1, LAYERS):
            W[layer] = W[layer] + ETA * gamma / np.sqrt(n) * sent[layer] @ phi[layer - 1].T
        W[-1] = W[-1] + ETA * gamma * e.T @ phi[-1].T
    return np.array(outputs), np.array(cosines)


def compute() -> xr.Dataset:
    """Follow the mean field, and train the networks."""
    X, Y = examples()
    common = {
        "activation": "tanh",
        "hidden_layers": LAYERS,
        "learning_rate": ETA,
        "steps": STEPS,
    }
    theory = dmft(X, Y, richness=RICHNESS, samples=SAMPLES, **common)
    richer = [
        dmft(X, Y, richness=g, samples=4000, **common)["delta_angle"].isel(step=-1).values
        for g in RICHER
    ]
    runs = [[network(X, Y, n, seed) for seed in range(SEEDS)] for n in WIDTHS]
    outputs = np.array([[run[0] for run in row] for row in runs])
    cosines = np.array([[run[1] for run in row] for row in runs])
    return xr.Dataset(
        {
            "theory_output": theory["output"],
            "theory_angle": theory["delta_angle"],
            "output_error": theory["output_error"],
            "output": (("width", "seed", "step", "point", "unit"), outputs, {"units": "1"}),
            "cosine": (("width", "seed", "step", "layer"), cosines, {"units": "1"}),
            "angle_of_richness": (("richness", "layer"), np.array(richer), {"units": "degree"}),
        },
        coords={"width": list(WIDTHS), "richness": list(RICHER)},
    )


# %%
def distance(data: xr.Dataset) -> xr.DataArray:
    """Return the rms distance of single networks' outputs from the theory's, by width."""
    off = (data["output"] - data["theory_output"]) ** 2
    return np.sqrt(off.mean(("seed", "step", "point", "unit")))


def angles(data: xr.Dataset) -> xr.DataArray:
    """Return the angle of the mean cosine over networks, in degrees."""
    return np.rad2deg(np.arccos(data["cosine"].mean("seed")))


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    final = data["theory_angle"].isel(step=-1).values
    print("angles at the end, layer by layer: " + ", ".join(f"{a:.1f}" for a in final))
    assert final[0] > final[1] > final[2]
    half = (90 + final[2]) / 2
    reached = int(np.argmax(data["theory_angle"].sel(layer=3).values < half))
    assert (data["theory_angle"].isel(step=reached).values[:2] > half).all()
    off = distance(data)
    slope = float(np.polyfit(np.log(WIDTHS), np.log(off), 1)[0])
    print(f"rms distance of outputs {off.values.round(4)}, slope {slope:.3f} in the width")
    assert abs(slope + 0.5) < 0.12
    apart = np.abs(angles(data).sel(width=1024) - data["theory_angle"]).isel(step=slice(1, None))
    print(f"angles of width 1024 off by at most {float(apart.max()):.2f} degrees")
    assert float(apart.max()) < 2.5
    falling = data["angle_of_richness"].sel(layer=3)
    assert (falling.diff("richness") < 0).all()


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw angles along time, distances against width, and angles against richness."""
    with style():
        fig, (a, b, c) = plt.subplots(1, 3, figsize=(11.5, 3.7))
        steps = data["step"]
        for layer, colour in COLOURS.items():
            a.plot(
                steps, data["theory_angle"].sel(layer=layer), color=colour, label=f"layer {layer}"
            )
            for width, marker in ((64, "x"), (1024, "o")):
                found = angles(data).sel(width=width, layer=layer)
                a.plot(steps[::5], found[::5], marker, mfc="none", ms=4, color=colour)
            c.plot(
                RICHER, data["angle_of_richness"].sel(layer=layer), "o-", mfc="none", color=colour,
                label=f"layer {layer}",
            )  # fmt: skip
        a.plot([], [], "kx", ms=4, label="networks, n = 64")
        a.plot([], [], "ko", ms=4, mfc="none", label="networks, n = 1,024")
        a.set(
            title="a  Alignment, layer by layer",
            xlabel="Step",
            ylabel="Angle to backprop's signals (degrees)",
        )
        a.legend()
        off = distance(data)
        b.loglog(WIDTHS, off, "ko", mfc="none", label="networks")
        b.loglog(
            WIDTHS,
            float(off[0]) * (np.array(WIDTHS) / WIDTHS[0]) ** -0.5,
            color="0.6",
            label="$n^{-1/2}$",
        )
        b.set(
            title="b  Distance from the theory",
            xlabel="Width n",
            ylabel="rms of outputs",
            xticks=WIDTHS,
        )
        b.set_xticks(WIDTHS, [f"{n:,}" for n in WIDTHS])
        b.set_yticks([0.02, 0.04, 0.08], ["0.02", "0.04", "0.08"])
        b.minorticks_off()
        b.legend()
        c.set(
            title="c  Richer learning aligns more",
            xscale="log",
            xlabel=r"Richness $\gamma$",
            ylabel="Angle at the end (degrees)",
        )
        c.set_xticks(RICHER, [f"{g:g}" for g in RICHER])
        c.minorticks_off()
        c.legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Layers next to the output align first.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "alignment_by_layer.zarr", overwrite=True)
    save_figure(figure(data), out / "alignment_by_layer")
    check(data)


if __name__ == "__main__":
    main()
