# %% [markdown]
# # Towards the pseudoinverse (Lillicrap et al. 2014, arXiv; 2016, Supplementary Notes 13-15)
#
# Where weights start small, the teaching signals of feedback alignment come closer to those of
# pseudobackprop (W^+ e in the place of W^T e) than to those of backprop, and the output weights
# closer to the pseudoinverse of B than to its transpose. Two experiments: the linear one of
# Fig. 2, with theory beside the simulation, and MNIST. With 1,000 hidden units and B of independent
# entries the pseudoinverse of B is almost a multiple of its transpose, so on MNIST the question is
# asked once more where it can be decided: the columns of B are scaled from 1 to 0.1, and hidden
# layers have 20 to 1,000 units.
#
#     python paper_figs/lillicrap2016/supp_pseudoinverse.py [--scale quick|paper] [--out DIR]
#
# `quick` is 5 seeds, and 10,000 images of MNIST; `paper` is 20 seeds of both and 2 epochs (10 seeds
# where columns are scaled). Both need MNIST: `fatheory data fetch mnist`. `--redraw` draws the
# stored result again.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin, protocol_note

SCALES: dict[str, dict[str, dict]] = {
    "quick": {
        "linear": {"seeds": 5},
        "MNIST": {"seeds": 3, "schedule.phases": [{"steps": 10_000}]},
        "scaled": {"seeds": 3, "schedule.phases": [{"steps": 10_000}]},
    },
    "paper": {"linear": {}, "MNIST": {"seeds": 20}, "scaled": {"seeds": 10}},
}
WIDTHS = (20, 100, 300, 1000)
SMALLEST = 0.1
"""Of the factors of B's columns; the largest is 1."""
START = 1e-3
"""Half-width of the start weights of the linear networks; a tenth of Fig. 2's."""
ANGLES = {
    "delta_angle": ("δ FA to δ backprop", "#000000"),
    "pseudobackprop_angle": ("δ FA to δ pseudobackprop", "#009E73"),
    "backprop_to_pseudobackprop_angle": ("δ backprop to δ pseudobackprop", "#CC79A7"),
    "weight_angle": ("W to the transpose of B", "#0072B2"),
    "pseudoinverse_alignment": ("W to the pseudoinverse of B", "#D55E00"),
}
SIGNALS, WEIGHTS = tuple(ANGLES)[:3], tuple(ANGLES)[3:]


# %%
def experiments(scale: str) -> dict[str, fa.Experiment]:
    """Return the two experiments, of feedback alignment alone."""
    linear = fa.presets["lillicrap2016/fig2"].replaced(
        name="lillicrap2016/pseudo, linear",
        rules={"feedback_alignment": 0.002},
        network=fa.DenseNetwork(hidden=(20,), start=fa.Uniform(bound=START)),
        schedule=fa.Schedule(phases=(fa.Phase(steps=4000),)),
        record=fa.Record(quantities=("weights",), snapshots=81),
    )
    asked = {"linear": linear, "MNIST": fa.presets["lillicrap2016/pseudo"]}
    return {name: one.with_settings(SCALES[scale][name]) for name, one in asked.items()}


def with_scaled_columns(scale: str, width: int) -> fa.Experiment:
    """Return MNIST at a width, with columns of B scaled so that its pseudoinverse is no B^T."""
    preset = fa.presets["lillicrap2016/pseudo"].with_settings(SCALES[scale]["scaled"])
    asked = preset.replaced(
        name=f"lillicrap2016/pseudo, {width} units, scaled columns",
        network=preset.network.replaced(hidden=(width,)),
    )
    bound = dict(dict(asked.rules)["feedback_alignment"].parameters)["scale"]
    factors = np.geomspace(1, SMALLEST, asked.task.outputs)
    feedback = {}
    for seed in asked.seeds:
        generator = np.random.default_rng([width, seed])
        feedback[seed] = factors * generator.uniform(-bound, bound, (width, asked.task.outputs))
    return asked.replaced(initial=fa.OwnStart({"feedback_2": feedback}))


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train both and solve the linear one; return angles and claims."""
    asked = experiments(scale)
    asked |= {f"{width} units": with_scaled_columns(scale, width) for width in WIDTHS}
    runs = {name: fa.simulate(one, path=cache(one)) for name, one in asked.items()}
    solved = fa.solve(asked["linear"])
    data = xr.merge(
        [
            summary(linear_angles(runs["linear"]), "linear"),
            summary(linear_angles(solved), "theory"),
            summary(runs["MNIST"][list(ANGLES)], "mnist"),
            by_width({width: runs[f"{width} units"] for width in WIDTHS}),
        ]
    )
    of_training = {name: runs[name] for name in asked}
    return data.assign_attrs(origin(of_training | {"linear, theory": solved})), check(data)


def linear_angles(archive: xr.Dataset) -> xr.Dataset:
    """Compute all angles of a linear network from its weights."""
    signals = fa.metrics.pseudobackprop_angles(archive)
    names = dict(zip(("rule_to_backprop", "rule_to_pseudobackprop"), SIGNALS, strict=False))
    signals = signals.rename(names | {"backprop_to_pseudobackprop": SIGNALS[2]})
    signals["weight_angle"] = fa.metrics.angle(archive, "weight")
    signals["pseudoinverse_alignment"] = fa.metrics.pseudoinverse_alignment(archive)
    return signals


def summary(angles: xr.Dataset, where: str) -> xr.Dataset:
    """Summarise over seeds: signals at the hidden layer, weights at the output."""
    parts = []
    for name in ANGLES:
        layer = 1 if name in SIGNALS else 2
        one = angles[name].isel(rule=0).sel(layer=layer).reset_coords(drop=True)
        parts.append(fa.metrics.mean_interval(one))
    every = xr.merge(parts)
    names = {str(name): f"{where}_{name}" for name in every.data_vars}
    return every.rename(names).rename(step=f"{where}_step")


def by_width(runs: dict[int, xr.Dataset]) -> xr.Dataset:
    """Return both angles of the output weights, of every width and seed, where columns differ."""
    parts = []
    for run in runs.values():
        one = run[list(WEIGHTS)].isel(rule=0).sel(layer=2)
        parts.append(one.reset_coords(drop=True))
    widths = xr.DataArray(list(runs), dims="width", name="width", attrs={"units": "units"})
    whole = xr.concat(parts, widths)
    names = {name: f"scaled_{name}" for name in WEIGHTS}
    return whole.rename(names).rename(step="scaled_step", seed="scaled_seed")


# %%
def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    claims = []
    if "scaled_weight_angle" in data:  # older results have no scaled columns
        ends = data.isel(scaled_step=-1)
        apart = ends["scaled_pseudoinverse_alignment"] - ends["scaled_weight_angle"]
        claims += [
            Claim.at_most(
                f"MNIST, {width} units, scaled columns: W to pseudoinverse of B, minus to its "
                "transpose",
                apart.sel(width=width).mean("scaled_seed", skipna=False),
                0,
                "°",
            )
            for width in data["width"].values
        ]
    for where in ("linear", "mnist"):
        last = data.isel({f"{where}_step": -1})
        to_backprop, to_pseudo = (last[f"{where}_{name}"] for name in SIGNALS[:2])
        claims += [
            Claim.at_most(
                f"{where}: δ FA to δ pseudobackprop, minus to δ backprop",
                to_pseudo - to_backprop,
                0,
                "°",
            ),
            Claim.at_most(
                f"{where}: W to pseudoinverse of B, minus to its transpose",
                last[f"{where}_pseudoinverse_alignment"] - last[f"{where}_weight_angle"],
                0,
                "°",
            ),
        ]
    last = data.isel(linear_step=-1, theory_step=-1)
    apart = abs(last["theory_pseudobackprop_angle"] - last["linear_pseudobackprop_angle"])
    return [
        *claims,
        Claim.at_most("linear: theory against simulation, δ FA to δ pseudobackprop", apart, 3, "°"),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw angles of teaching signals above and of weights below, linear and MNIST."""
    scaled = "scaled_weight_angle" in data
    figure, axes = plt.subplots(2, 2 + scaled, figsize=(10.5 + 4.5 * scaled, 7.4), sharey=True)
    for column, where, title in ((0, "linear", "linear, 30-20-10"), (1, "mnist", "MNIST")):
        draw_angles(data, where, SIGNALS, axes[0, column])
        draw_angles(data, where, WEIGHTS, axes[1, column])
        axes[0, column].set_title(title)
        axes[1, column].set_xlabel("update steps (examples)")
        if where == "mnist":
            for panel in axes[:, column]:
                panel.set(xscale="log", xlim=(10, None))
    for panel in axes[:, 0]:
        panel.set(ylabel="angle (degrees)", ylim=(0, 95), yticks=range(0, 91, 15))
        panel.legend(loc="upper right")
        panel.plot([], [], "--", color="0.4")
    if scaled:
        draw_scaled(data, axes[0, 2], axes[1, 2])
    note = interval_note(data["linear_delta_angle_interval"])
    seeds = data["mnist_delta_angle_interval"].attrs["n_seeds"]
    bands = f"Solid: simulation, dashed: theory. Bands: {note}"
    figure.suptitle(
        ". ".join(filter(None, [f"{bands} (MNIST: {seeds})", protocol_note(data)])), fontsize=9
    )
    return figure


def draw_angles(data: xr.Dataset, where: str, names: tuple[str, ...], axes: Axes) -> None:
    """Draw angles with their intervals, and theory where there is one."""
    for name in names:
        label, colour = ANGLES[name]
        step = data[f"{where}_step"]
        axes.plot(step, data[f"{where}_{name}"], color=colour, label=label)
        low, high = (data[f"{where}_{name}_interval"].sel(ci_bound=b) for b in ("lower", "upper"))
        axes.fill_between(step, low, high, color=colour, alpha=0.18, linewidth=0)
        if where == "linear":
            axes.plot(data["theory_step"], data[f"theory_{name}"], "--", color=colour)


def draw_scaled(data: xr.Dataset, courses: Axes, ends: Axes) -> None:
    """Draw the weights' angles where columns of B are scaled: over steps, and against width."""
    widest = data.sel(width=data["width"].max())
    for name in WEIGHTS:
        (label, colour), values = ANGLES[name], widest[f"scaled_{name}"]
        courses.plot(
            data["scaled_step"], values.mean("scaled_seed", skipna=False), color=colour, label=label
        )
        last = fa.metrics.mean_interval(
            data[f"scaled_{name}"].isel(scaled_step=-1).rename(scaled_seed="seed")
        )
        mean = last[f"scaled_{name}"]
        bounds = abs(last[f"scaled_{name}_interval"].transpose("ci_bound", "width") - mean)
        ends.errorbar(data["width"], mean, bounds, fmt="o-", color=colour, capsize=3)
    courses.set(
        title=f"MNIST, columns of B scaled 1 to {SMALLEST:g}", xscale="log", xlim=(10, None)
    )
    courses.set_xlabel(f"update steps (examples), {int(data['width'].max())} hidden units")
    courses.legend(loc="lower left")
    seeds = data.sizes["scaled_seed"]
    ends.set(xscale="log", xlabel=f"hidden units, after the last step ({seeds} seeds, 95 %)")
    ends.set_xticks(data["width"], [str(width) for width in data["width"].values])
    ends.minorticks_off()


# %%
FIGURE = PaperFigure(
    name="supp_pseudoinverse",
    title="Feedback alignment and the pseudoinverse (Lillicrap et al. 2014 and 2016).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
