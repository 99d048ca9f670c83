# %% [markdown]
# # The angle is the learning theory
#
# A wide network that hardly moves learns by its kernel, and the kernel of a layered rule is
# K = sum_k r^k M_k, where r is the correlation of a feedback weight with the forward weight that it
# stands in for: the cosine of the angle between the two matrices. M_k does not know the rule. So
# feedback alignment with partly correlated feedback, and sign-concordant feedback of uniform or
# random sizes at any concordance, learn alike fast if their angles are alike. Liao, Leibo & Poggio
# 2016 found that signs matter more than sizes: usf stands at 37 degrees, frsf at 46.
#
# What to see: the rate at which the error begins to fall, -d ln|e| / dt, measured by one small step
# of networks of width 768, against the angle measured in the same networks. All rules fall on the
# one curve of the theory, for three activations; beyond 90 degrees the error may grow.
#
#     python analyses/lazy_angle.py [--out DIR]

# %%
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import save
from fatheory.figures import save_figure, style
from fatheory.geometry import angle
from fatheory.reproduction import script_arguments
from fatheory.rules import find_rule
from fatheory.theory import lazy_kernel
from fatheory.theory.wide.unit_function import UnitFunction, unit_function

ACTIVATIONS, HIDDEN_LAYERS = ("relu", "tanh", "erf"), 3
POINTS, INPUTS, WIDTH, DRAWS = 12, 10, 768, 4
STEP = 1e-4
SETTINGS = {
    "feedback_alignment": (-0.8, -0.4, 0.0, 0.4, 0.8),
    "usf": (0.0, 0.25, 0.5, 0.75, 1.0),
    "frsf": (0.0, 0.25, 0.5, 0.75, 1.0),
}
NAMES = {
    "feedback_alignment": "feedback alignment, correlated",
    "usf": "uniform signs (usf)",
    "frsf": "random sizes (frsf)",
}


# %%
def feedback(rule: str, value: float, W: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return V of the size of W, whose entries are standard normal."""
    if rule == "feedback_alignment":
        return value * W + np.sqrt(1 - value**2) * rng.normal(size=W.shape)
    signs = np.sign(W) * np.where(rng.random(W.shape) < value, 1, -1)
    return signs if rule == "usf" else np.sqrt(3) * rng.uniform(size=W.shape) * signs


def first_step(
    X: np.ndarray,
    e: np.ndarray,
    function: UnitFunction,
    rule: str,
    value: float,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return the mean angle of feedback and weights, and -d ln|e| / dt, of one network."""
    D, n, L = X.shape[1], WIDTH, HIDDEN_LAYERS
    W = [rng.normal(size=(n, D)), *(rng.normal(size=(n, n)) for _ in range(L - 1))]
    W.append(rng.normal(size=(1, n)))
    scales = [D**-0.5, *[n**-0.5] * L]
    V = [None, *(feedback(rule, value, w, rng) for w in W[1:])]

    def forward(W: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        sums, activities = [], [X.T]
        for w, scale in zip(W, scales, strict=True):
            sums.append(scale * w @ activities[-1])
            activities.append(function.value(sums[-1]))
        return sums, activities

    sums, activities = forward(W)
    delta, moved = e[None, :], [W[-1] + STEP * scales[-1] * e[None, :] @ activities[-2].T]
    for layer in range(L - 1, -1, -1):
        delta = function.slope(sums[layer]) * (scales[layer + 1] * V[layer + 1].T @ delta)
        moved.insert(0, W[layer] + STEP * scales[layer] * delta @ activities[layer].T)
    change = (forward(moved)[0][-1] - sums[-1])[0] / STEP
    angles = [float(angle(w, v, axis=(-2, -1))) for w, v in zip(W[1:-1], V[1:-1], strict=True)]
    return float(np.mean(angles)), float(e @ change / (e @ e))


def compute() -> xr.Dataset:
    """Measure all networks, and the theory's rate at the angle of each."""
    rng = np.random.default_rng(0)
    X, e = rng.normal(size=(POINTS, INPUTS)), rng.normal(size=POINTS)
    shape = (len(ACTIVATIONS), len(SETTINGS), len(SETTINGS["usf"]), DRAWS)
    angles, rates = np.empty(shape), np.empty(shape)
    grid = np.linspace(0, 180, 91)
    curve = np.empty((len(ACTIVATIONS), len(grid)))
    for a, activation in enumerate(ACTIVATIONS):
        function = unit_function(activation)
        for g, theta in enumerate(grid):
            K = lazy_kernel(
                X, activation=activation, hidden_layers=HIDDEN_LAYERS, rule="feedback_alignment",
                correlation=float(np.cos(np.deg2rad(theta))),
            ).values  # fmt: skip
            curve[a, g] = e @ K @ e / (e @ e)
        for r, (rule, values) in enumerate(SETTINGS.items()):
            for v, value in enumerate(values):
                for draw in range(DRAWS):
                    source = np.random.default_rng((a, r, v, draw))
                    found = first_step(X, e, function, rule, value, source)
                    angles[a, r, v, draw], rates[a, r, v, draw] = found
    dims = ("activation", "rule", "setting", "draw")
    return xr.Dataset(
        {
            "angle": (dims, angles, {"units": "degree"}),
            "rate": (dims, rates, {"units": "1 / (eta step)"}),
            "theory": (("activation", "theta"), curve, {"units": "1 / (eta step)"}),
        },
        coords={
            "activation": list(ACTIVATIONS),
            "rule": list(SETTINGS),
            "theta": ("theta", grid, {"units": "degree"}),
        },
    )


# %%
def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    for activation in ACTIVATIONS:
        own = data.sel(activation=activation)
        expected = np.interp(own["angle"], own["theta"], own["theory"])
        scale = float(own["theory"].max())
        off = (own["rate"] - expected).mean("draw") / scale
        print(f"{activation}: rates off the curve by {float(np.abs(off).max()):.3f} of backprop's")
        assert float(np.abs(off).max()) < 0.1
        assert float(np.sqrt((off**2).mean())) < 0.04
        spread = own["rate"].std("draw").mean() / scale
        assert float(spread) < 0.15
    usf = data["angle"].sel(rule="usf").isel(setting=-1)
    frsf = data["angle"].sel(rule="frsf").isel(setting=-1)
    print(f"angles: usf {float(usf.mean()):.2f}, frsf {float(frsf.mean()):.2f} degrees")
    assert abs(float(usf.mean()) - np.rad2deg(np.arccos(np.sqrt(2 / np.pi)))) < 0.3
    assert abs(float(frsf.mean()) - np.rad2deg(np.arccos(np.sqrt(3 / (2 * np.pi))))) < 0.3


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw rates against angles, a panel for each activation."""
    with style():
        fig, panels = plt.subplots(1, len(ACTIVATIONS), figsize=(11, 3.6), sharey=True)
        for letter, activation, ax in zip("abc", ACTIVATIONS, panels, strict=True):
            own = data.sel(activation=activation)
            scale = float(own["theory"].max())
            ax.axhline(0, color="0.8", lw=0.8)
            ax.plot(own["theta"], own["theory"] / scale, color="0.4", label="theory")
            for rule in SETTINGS:
                ax.plot(
                    own["angle"].sel(rule=rule).mean("draw"),
                    own["rate"].sel(rule=rule).mean("draw") / scale,
                    {"feedback_alignment": "o", "usf": "s", "frsf": "^"}[rule],
                    color=find_rule(rule).colour,
                    mfc="none",
                    label=NAMES[rule],
                )
            ax.set(
                title=f"{letter}  {activation}",
                xlabel="Angle of feedback and weights (degrees)",
                xticks=(0, 45, 90, 135, 180),
            )
        panels[0].set_ylabel("Rate of learning / backprop's")
        panels[0].legend()
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="The angle is the learning theory.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "lazy_angle.zarr", overwrite=True)
    save_figure(figure(data), out / "lazy_angle")
    check(data)


if __name__ == "__main__":
    main()
