# %% [markdown]
# # Alignment needs the readout to learn first
#
# Under feedback alignment nothing in the update of the feedback's partner asks for alignment. From
# small weights the input weights of a unit first grow along what its feedback sends back; then the
# readout of that activity learns, and what it learns points along B. So the angle between W and
# B^T falls when the readout has learned as much as it began with. As the hidden activity grows with
# the time t, the readout grows as (eta_2 / eta) t^2, and the time of alignment is proportional to
# (eta_2 / eta)^(-1/2). With a frozen readout the angle stays for ever, hidden weights grow without
# end and nothing is learned; with a frozen hidden layer the readout learns and does not align.
#
# What to see: order parameters (`fatheory.theory.order_parameters`) of three error-function units
# that learn from three, five outputs, small weights. a, the angle between W and B^T: it falls where
# both layers learn, the later the slower the readout. b, the error: it falls after the angle. c,
# the time at which the angle has made half of its way, against the rate of the readout.
#
#     python analyses/readout_first.py [--out DIR]

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
from fatheory.theory import order_parameters

K, OUTPUTS, DRAWS = 3, 5, 4
RATE, END = 0.1, 100.0
START = 1e-3
"""Standard deviation of the readout's first weights."""
RATIOS = (1.0, 0.3, 0.1, 0.03, 0.01)
CASES = {f"both, {ratio:g}": (1.0, ratio) for ratio in RATIOS} | {
    "readout frozen": (1.0, 0.0),
    "hidden layer frozen": (0.0, 1.0),
}
TIMES = np.concatenate([[0.0], np.geomspace(0.003, END, 120)]) / RATE


# %%
def solved(draw: int, hidden: float, ratio: float) -> xr.Dataset:
    """Return the order parameters of one draw of teacher, feedback and start."""
    rng = np.random.default_rng(draw)
    X = 0.01 * rng.normal(size=(K, 400))
    B = rng.normal(size=(K, OUTPUTS))
    A = rng.normal(size=(OUTPUTS, K)) / np.sqrt(K)
    answer = order_parameters(
        X @ X.T / 400,
        X[:, :K] / 20,  # the teacher's vectors are the first directions
        np.eye(K),
        START * rng.normal(size=(OUTPUTS, K)),
        A,
        activation="erf",
        B=B,
        learning_rate=RATE * hidden,
        readout_rate=RATE * ratio,
        times=TIMES,
    )
    size = np.sqrt((answer["W"] ** 2).sum(("output", "student"))).rename("readout")
    hidden_size = xr.zeros_like(size) + np.trace(answer["Q"].values, axis1=1, axis2=2)
    kept = answer[["weight_angle", "generalization_error"]].reset_coords(drop=True)
    return kept.assign(readout=size.drop_vars("time"), hidden_size=hidden_size.drop_vars("time"))


def compute() -> xr.Dataset:
    """Solve all cases."""
    cases = []
    for hidden, ratio in CASES.values():
        draws = [solved(draw, hidden, ratio) for draw in range(DRAWS)]
        cases.append(xr.concat(draws, "draw"))
    data = xr.concat(cases, xr.DataArray(list(CASES), dims="case", name="case"))
    return data.assign_coords(time=("time", RATE * TIMES, {"units": "eta step / n_i"}))


# %%
def half_way(data: xr.Dataset, case: str) -> np.ndarray:
    """Return the time at which the angle of each draw has made half of its way to its least."""
    angle, time = data["weight_angle"].sel(case=case), data["time"].values
    early = angle.where(data["time"] < 3.0)  # the first fall, not what learning does much later
    found = []
    for draw in range(DRAWS):
        values = early.isel(draw=draw).values
        start = values[0]
        least = np.nanmin(values)
        passed = int(np.argmax(values < (start + least) / 2))
        found.append(time[passed])
    return np.array(found)


def check(data: xr.Dataset) -> None:
    """Assert what the figure shows."""
    times = {ratio: half_way(data, f"both, {ratio:g}") for ratio in RATIOS}
    logs = np.array([np.log(times[ratio]).mean() for ratio in RATIOS])
    slope = float(np.polyfit(np.log(RATIOS), logs, 1)[0])
    print("half of the way: " + ", ".join(f"{r:g}: t = {t.mean():.3f}" for r, t in times.items()))
    print(f"slope in the readout's rate {slope:.3f}")
    assert abs(slope + 0.5) < 0.1
    error, angle = data["generalization_error"], data["weight_angle"]
    first, last = error.isel(time=0), error.isel(time=-1)
    for ratio in RATIOS:
        case = f"both, {ratio:g}"
        for draw in range(DRAWS):
            at = error.sel(case=case).isel(draw=draw).sel(time=times[ratio][draw], method="nearest")
            assert at > 0.9 * first.sel(case=case).isel(draw=draw), "alignment comes first"
    learned = (last / first).sel(case=[f"both, {ratio:g}" for ratio in RATIOS[:3]])
    frozen = (last / first).sel(case="readout frozen")
    print(f"last over first error: both at most {float(learned.max()):.3f}", end=", ")
    print(f"readout frozen at least {float(frozen.min()):.3f}", end=", ")
    only = (last / first).sel(case="hidden layer frozen")
    print(f"hidden layer frozen at least {float(only.min()):.3f}")
    assert (learned < 0.2).all()
    assert (frozen > 0.9).all()
    assert (only > 0.9).all()
    still = angle.sel(case="readout frozen")
    assert (abs(still - still.isel(time=0)) < 1e-6).all()
    sizes = data["hidden_size"].sel(case="readout frozen")
    assert (sizes.isel(time=-1) > 10).all(), "hidden weights grow without end"
    assert (angle.sel(case="both, 1").min("time") < 70).all()
    assert angle.sel(case="hidden layer frozen").isel(time=-1).mean() > 70


# %%
def figure(data: xr.Dataset) -> Figure:
    """Draw angles, errors, and the times of alignment."""
    colours = [*plt.get_cmap("viridis")(np.linspace(0, 0.85, len(RATIOS))), "#D55E00", "0.5"]
    with style():
        fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.8))
        for case, colour in zip(CASES, colours, strict=True):
            one = data.sel(case=case).isel(time=slice(1, None))
            for axes, name in ((left, "weight_angle"), (middle, "generalization_error")):
                lines = axes.plot(one["time"], one[name].transpose("time", "draw"), color=colour)
                for line in lines:
                    line.set_linewidth(0.8)
                lines[0].set_label(case)
        left.set(title="a  angle of W and Bᵀ (degrees)", xscale="log", ylim=(0, 130))
        middle.set(title="b  generalization error", xscale="log", yscale="log")
        left.legend(loc="lower left", fontsize=7, title="what learns, η₂/η", title_fontsize=7)
        for axes in (left, middle):
            axes.set(xlabel=r"Time $\eta \times$ step $/ n_i$")
        times = np.array([half_way(data, f"both, {ratio:g}") for ratio in RATIOS])
        right.loglog(RATIOS, times, "o", mfc="none", color="0.3")
        guide = times.mean(axis=1)[0] * np.array(RATIOS) ** -0.5
        right.loglog(RATIOS, guide, ":", color="0.5", label="slope -1/2")
        right.set(title="c  time of alignment", xlabel="rate of the readout, η₂ / η")
        right.legend(loc="lower left")
    return fig


# %%
def main() -> None:
    """Compute, check, draw and save."""
    parser = argparse.ArgumentParser(description="Alignment needs the readout to learn first.")
    parser.add_argument("--out", type=Path, default=Path("out/analyses"))
    out: Path = script_arguments(parser).out
    data = compute()
    save(data, out / "readout_first.zarr", overwrite=True)
    save_figure(figure(data), out / "readout_first")
    check(data)


if __name__ == "__main__":
    main()
