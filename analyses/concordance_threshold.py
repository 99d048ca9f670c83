# %% [markdown]
# # The threshold of concordance
#
# Feedback whose signs agree with the forward weights with the probability p makes a wide network
# learn by the kernel K(p) = sum_k ((2 p - 1) sqrt(2 / pi))^k M_k. Learning needs all eigenvalues
# to be positive: below the concordance p_c at which the smallest one vanishes, some error grows.
# The threshold depends on the data, the depth and the activation, and lies below one half:
# discordant feedback can be borne, since the readout learns by itself. The series alternates for
# p < 1/2, so that depth helps.
#
# What to see: the smallest eigenvalue against p, and the rate at which networks of width 1,024
# lose the error along its eigenvector in their first step, on random points (a) and on images of
# MNIST (b); thresholds against the number of points (c).
#
#     python analyses/concordance_threshold.py [--out DIR]

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
from fatheory.tasks.images import load
from fatheory.theory import concordance_threshold, lazy_kernel

LAYERS, WIDTH, DRAWS = (1, 3), 1024, 6
CONCORDANCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
GRID = np.linspace(0, 1, 41)
POINTS = {"random": 8, "mnist": 30}
COUNTS = (5, 10, 20, 40, 80)
COLOURS = {1: "#D55E00", 3: "#0072B2"}


# %%
def points(name: str, count: int) -> np.ndarray:
    """Return inputs of mean square 1."""
    if name == "random":
        return np.random.default_rng(0).normal(size=(count, 10))
    X = load("mnist", "train").flattened()[:count].astype(float)
    return X / np.sqrt(np.mean(X**2))


def rate(X: np.ndarray, e: np.ndarray, L: int, p: float, rng: np.random.Generator) -> float:
    """Return -d ln|e| / dt of one ReLU network with feedback of concordance p at its start."""
    n, D = WIDTH, X.shape[1]
    W = [rng.standard_normal((n, D)), *(rng.standard_normal((n, n)) for _ in range(L - 1))]
    W.append(rng.standard_normal((1, n)))
    V = [np.sign(w) * np.where(rng.random(w.shape) < p, 1, -1) for w in W[1:]]
    scales = [D**-0.5, *[n**-0.5] * L]
    activities, slopes = [X.T], []
    for w, scale in zip(W[:-1], scales, strict=False):
        h = scale * w @ activities[-1]
        activities.append(np.maximum(h, 0))
        slopes.append(h > 0)
    # Outputs move by sum_l (true signal) . (sent signal) (a . a), the first step exactly.
    true, sent = np.ones((1, len(X))), np.ones((1, len(X)))
    K = scales[-1] ** 2 * activities[-1].T @ activities[-1]
    for layer in range(L - 1, -1, -1):
        scale = scales[layer + 1]
        true = slopes[layer] * (scale * W[layer + 1].T @ true)
        sent = slopes[layer] * (scale * V[layer].T @ sent)
        below = scales[layer] ** 2 * activities[layer].T @ activities[layer]
        K = K + (true.T @ sent) * below
    return float(e @ K @ e)


def compute() -> xr.Dataset:
    """Find eigenvalues, rates of networks, and thresholds."""
    sets = list(POINTS)
    smallest = np.empty((len(sets), len(LAYERS), len(GRID)))
    expected = np.empty((len(sets), len(LAYERS), len(CONCORDANCES)))
    measured = np.empty((*expected.shape, DRAWS))
    threshold = np.empty((len(sets), len(LAYERS)))
    of_count = np.empty((len(sets), len(LAYERS), len(COUNTS)))
    for s, name in enumerate(sets):
        X = points(name, POINTS[name])
        for i, L in enumerate(LAYERS):
            common = {"activation": "relu", "hidden_layers": L}
            for g, p in enumerate(GRID):
                K = lazy_kernel(X, rule="usf", concordance=float(p), **common).values
                smallest[s, i, g] = np.linalg.eigvalsh(K)[0]
            threshold[s, i] = concordance_threshold(X, **common)
            for c, p in enumerate(CONCORDANCES):
                K = lazy_kernel(X, rule="usf", concordance=p, **common).values
                values, vectors = np.linalg.eigh(K)
                expected[s, i, c] = values[0]
                for draw in range(DRAWS):
                    rng = np.random.default_rng((s, i, c, draw))
                    measured[s, i, c, draw] = rate(X, vectors[:, 0], L, p, rng)
            for c, count in enumerate(COUNTS):
                of_count[s, i, c] = concordance_threshold(points(name, count), **common)
    dims = ("points", "hidden_layers")
    return xr.Dataset(
        {
            "smallest_eigenvalue": ((*dims, "grid"), smallest, {"units": "1 / (eta step)"}),
            "expected": ((*dims, "concordance"), expected, {"units": "1 / (eta step)"}),
            "rate": ((*dims, "concordance", "draw"), measured, {"units": "1 / (eta step)"}),
            "threshold": (dims, threshold, {"units": "1"}),
            "threshold_of_count": ((*dims, "count"), of_count, {"units": "1"}),
        },
        coords={
            "points": sets,
            "hidden_layers": list(LAYERS),
            "grid": GRID,
            "concordance": list(CONCORDANCES),
            "count": list(COUNTS),
        },
    )


# %%
def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    for name in POINTS:
        for L in LAYERS:
            own = data.sel(points=name, hidden_layers=L)
            p_c = float(own["threshold"])
            error = own["rate"].std("draw", ddof=1) / np.sqrt(DRAWS)
            z = (own["rate"].mean("draw") - own["expected"]) / error
            size = float(np.abs(own["smallest_eigenvalue"]).max())
            off = np.abs(own["rate"].mean("draw") - own["expected"]).max() / size
            print(
                f"{name}, {L} hidden: p_c = {p_c:.3f}; rates off by {float(off):.3f} of the range"
            )
            assert 0 < p_c < 0.5
            assert float(off) < 0.15
            assert float(np.abs(z).median()) < 2.5
            far = np.abs(own["concordance"] - p_c) > 0.15
            signs = np.sign(own["rate"].mean("draw")).where(far, drop=True)
            assert (signs == np.sign(own["concordance"].where(far, drop=True) - p_c)).all()
        one, three = data["threshold"].sel(points=name)
        assert three < one, "depth helps discordant feedback"


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw eigenvalues with rates, and thresholds."""
    with style():
        fig, panels = plt.subplots(1, 3, figsize=(11.5, 3.7))
        for letter, name, ax in zip("ab", POINTS, panels[:2], strict=True):
            ax.axhline(0, color="0.8", lw=0.8)
            for L in LAYERS:
                own = data.sel(points=name, hidden_layers=L)
                size = float(np.abs(own["smallest_eigenvalue"]).max())
                ax.plot(GRID, own["smallest_eigenvalue"] / size, color=COLOURS[L])
                mean, deviation = own["rate"].mean("draw"), own["rate"].std("draw", ddof=1)
                ax.errorbar(
                    own["concordance"],
                    mean / size,
                    deviation / np.sqrt(DRAWS) / size,
                    fmt="o",
                    mfc="none",
                    color=COLOURS[L],
                    label=f"{L} hidden layer{'s' * (L > 1)}",
                )
                ax.axvline(float(own["threshold"]), color=COLOURS[L], lw=0.8, ls=":")
            title = {"random": "random points", "mnist": "images of MNIST"}[name]
            ax.set(title=f"{letter}  {POINTS[name]} {title}", xlabel="Sign concordance p")
        panels[0].set_ylabel("Rate along the slowest mode (scaled)")
        panels[0].legend()
        ax = panels[2]
        for L in LAYERS:
            for name, line in (("random", "-"), ("mnist", "--")):
                own = data["threshold_of_count"].sel(points=name, hidden_layers=L)
                label = f"{L} hidden, {'MNIST' if name == 'mnist' else name}"
                ax.plot(COUNTS, own, f"o{line}", mfc="none", color=COLOURS[L], label=label)
        ax.set(
            title="c  Thresholds",
            xscale="log",
            xlabel="Points",
            ylabel="Threshold $p_c$",
            ylim=(0, 0.6),
        )
        ax.set_xticks(COUNTS, [str(count) for count in COUNTS])
        ax.minorticks_off()
        ax.legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="The threshold of concordance.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "concordance_threshold.zarr", overwrite=True)
    save_figure(figure(data), out / "concordance_threshold")
    check(data)


if __name__ == "__main__":
    main()
