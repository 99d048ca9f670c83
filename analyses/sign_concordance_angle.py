# %% [markdown]
# # Sign concordance against angle along feedback alignment
#
# Liao, Leibo & Poggio 2016 ask for feedback that shares the signs of W; Lillicrap et al. 2016
# show that W turns towards fixed feedback B. If W and B^T were jointly Gaussian, an angle theta
# between them would mean a sign concordance of 1 - theta / pi
# (`fatheory.theory.signs.concordance_from_angle`), so that the two papers measure the same thing.
# Along learning this is a prediction. It is tested on the gradient flow of a linear 30-20-10
# network with uniform and with normal feedback, and on a 30-50-10 network of tanh units that
# learns a random network of its own kind by SGD in batches of 50.
#
# What to see: the runs start at 90 degrees and one half and follow the line to within a few
# hundredths. They leave it in a way that the spread over seeds does not explain: below 45 degrees
# uniform feedback shares up to 0.05 more of the signs than the line says, normal feedback up to
# 0.02 more, and on the way there both share 0.02 to 0.03 fewer, for W is then close to a matrix
# of low rank and not Gaussian. Feedback alignment ends with three quarters or more of the signs
# shared.
#
#     python analyses/sign_concordance_angle.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.geometry import angle, sign_concordance
from fatheory.reproduction import script_arguments
from fatheory.theory.flow import flow
from fatheory.theory.signs import concordance_from_angle

N_I, N_O, LINEAR_HIDDEN, TANH_HIDDEN = 30, 10, 20, 50
SEEDS = range(20)
START = 0.01
POINTS = 30
TIMES = np.concatenate([[0.0], np.geomspace(0.02, 8.0, POINTS - 1)])
STEPS = np.unique(np.geomspace(1, 10_000, POINTS).astype(int))
BATCH, LEARNING_RATE = 50, 0.02
MATRIX = (-2, -1)
CASES = {
    "uniform": ("linear, B uniform", "#0072B2", "o"),
    "normal": ("linear, B normal", "#D55E00", "^"),
    "tanh": ("tanh, B uniform", "#009E73", "s"),
}


# %%
def compute() -> xr.Dataset:
    """Measure angle and concordance of W and B^T along the runs of all cases."""
    data = {}
    for case in CASES:
        runs = [tanh_run(seed) if case == "tanh" else linear_run(seed, case) for seed in SEEDS]
        angles, shares = np.swapaxes(np.array(runs), 0, 1)
        dims = ("seed", f"{case}_point")
        data[f"{case}_angle"] = (dims, angles, {"units": "degree"})
        data[f"{case}_concordance"] = (dims, shares, {"units": "1"})
    return xr.Dataset(data, coords={"seed": list(SEEDS)})


def measure(W: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return angle and concordance of W, along its first axis, and B^T."""
    return angle(W, B.T, axis=MATRIX), sign_concordance(W, B.T, axis=MATRIX)


def linear_run(seed: int, law: str) -> tuple[np.ndarray, np.ndarray]:
    """Integrate the gradient flow from small weights."""
    rng = np.random.default_rng(seed)
    T = rng.uniform(-1, 1, (N_O, N_I))
    shape = (LINEAR_HIDDEN, N_O)
    B = rng.uniform(-0.5, 0.5, shape) if law == "uniform" else rng.normal(0, 12**-0.5, shape)
    W0 = START * rng.uniform(-1, 1, (LINEAR_HIDDEN, N_I))
    W = START * rng.uniform(-1, 1, (N_O, LINEAR_HIDDEN))
    return measure(flow(W0, W, B, T, times=TIMES)["weight_2"].values, B)


def tanh_run(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Train h = tanh(W0 x), y = W h by feedback alignment towards a network of the same kind."""
    rng = np.random.default_rng(seed)
    teacher = (
        rng.normal(0, N_I**-0.5, (TANH_HIDDEN, N_I)),
        rng.uniform(-0.5, 0.5, (N_O, TANH_HIDDEN)),
    )
    B = rng.uniform(-0.5, 0.5, (TANH_HIDDEN, N_O))
    W0 = START * rng.uniform(-1, 1, (TANH_HIDDEN, N_I))
    W = START * rng.uniform(-1, 1, (N_O, TANH_HIDDEN))
    recorded = []
    for step in range(1, STEPS[-1] + 1):
        x = rng.normal(size=(BATCH, N_I))
        h = np.tanh(x @ W0.T)
        e = np.tanh(x @ teacher[0].T) @ teacher[1].T - h @ W.T
        delta = (e @ B.T) * (1 - h**2)
        W0 += LEARNING_RATE / BATCH * delta.T @ x
        W += LEARNING_RATE / BATCH * e.T @ h
        if step in STEPS:
            recorded.append(W.copy())
    return measure(np.array(recorded), B)


# %%
def check(data: xr.Dataset) -> None:
    """Print and assert how far the runs leave the line."""
    for case in CASES:
        theta, share = data[f"{case}_angle"].values, data[f"{case}_concordance"].values
        gap = share - prediction(theta)
        mean, spread = np.abs(gap.mean(axis=0)).max(), gap.std(axis=0).max()
        print(
            f"{case:8s} ends at {np.median(theta[:, -1]):5.1f} deg and a concordance of "
            f"{np.median(share[:, -1]):.3f}; from the line: mean over seeds up to {mean:.3f}, "
            f"spread up to {spread:.3f}"
        )
        assert mean < 0.07, case
        assert np.median(share[:, -1]) > 0.7, case


def prediction(theta: np.ndarray) -> np.ndarray:
    """Return the concordance of jointly Gaussian matrices at these angles."""
    return np.vectorize(concordance_from_angle)(theta)


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw concordance against angle, and the distance from the line."""
    with style():
        fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9))
        theta = np.linspace(0, 110, 111)
        line = prediction(theta)
        entries = LINEAR_HIDDEN * N_O
        error = 2 * np.sqrt(line * (1 - line) / entries)
        left.plot(theta, line, color="#000000", label="1 − θ/π, jointly Gaussian")
        right.axhline(0, color="#000000")
        for ax, middle in ((left, line), (right, 0 * line)):
            label = f"± 2 s.e., {entries} entries (linear)"
            ax.fill_between(theta, middle - error, middle + error, color="0.85", label=label)
        for case, (label, colour, marker) in CASES.items():
            x, y = data[f"{case}_angle"].values, data[f"{case}_concordance"].values
            look = {"color": colour, "marker": marker, "linestyle": "none", "alpha": 0.45}
            left.plot(x.ravel(), y.ravel(), markersize=2.5, label=label, **look)
            right.plot(x.ravel(), (y - prediction(x)).ravel(), markersize=2.5, **look)
        left.set(
            title="a  Along learning", ylabel="Sign concordance of W and Bᵀ", ylim=(0.25, 1.02)
        )
        right.set(title="b  Distance from the line", ylabel="Concordance − (1 − θ/π)")
        for ax in (left, right):
            ax.set(xlabel="Angle θ between W and Bᵀ (degrees)", xlim=(0, 105))
            ax.set_xticks(range(0, 106, 15))
        left.legend(loc="lower left", markerscale=2)
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Sign concordance against angle.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "sign_concordance_angle.zarr", overwrite=True)
    save_figure(figure(data), out / "sign_concordance_angle")
    check(data)


if __name__ == "__main__":
    main()
