# %% [markdown]
# # Frozen first layer: a control of Lillicrap et al. 2016 (Supplementary Fig. 6)
#
# Does feedback alignment teach the layer farthest from the output? The networks of Fig. 3d learn
# the same targets twice: as there, and with the weights and biases of layer 1 frozen. If freezing
# costs performance, then learning in layer 1, which receives its errors through B_2 and B_1, was
# worth something. Shallow learning is laid beside both: there no hidden layer learns, and with
# layer 1 frozen all that it lacks is learning in hidden layer 2, through B_2.
#
#     python paper_figs/lillicrap2016/supp_frozen.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 5 seeds and 100,000 steps; `paper` is 20 seeds and 400,000 steps, as in Fig. 3d.
# The learning rate is that of Fig. 3d; the same networks are also trained at a quarter of it.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, learning_curves, rule_colour, rule_name
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin, protocol_note

DEPTHS = (4, 3)
RULES = ("backprop", "feedback_alignment", "shallow")
LAYER_1 = ("learns", "frozen", "frozen, slow")
SLOWER = 4
SCALES: dict[str, dict] = {
    "quick": {"seeds": 5, "record.snapshots": 21},
    "paper": {"seeds": 20, "record.snapshots": 41},
}
STEPS = {"quick": 100_000, "paper": 400_000}
LINES = {"learns": "-", "frozen": (0, (5, 2)), "frozen, slow": (0, (1, 1))}


# %%
def experiment(scale: str, depth: int, layer_1: str) -> fa.Experiment:
    """Return Fig. 3d's experiment with shallow learning beside it, and layer 1 as named."""
    preset = fa.presets[f"lillicrap2016/fig3d/{depth}-layer"]
    rules = dict(preset.rules)
    rules["shallow"] = rules["backprop"].replaced(rule="shallow")
    rate = SLOWER if layer_1 == "frozen, slow" else 1
    return preset.replaced(
        rules={
            label: choice.replaced(learning_rate=choice.learning_rate / rate)
            for label, choice in rules.items()
        },
        schedule=fa.Schedule(
            phases=(fa.Phase(steps=STEPS[scale], frozen=() if layer_1 == "learns" else (1,)),)
        ),
        record=fa.Record(quantities=(), probe_samples=preset.record.probe_samples),
    ).with_settings(SCALES[scale])


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train all networks; return curves, last errors, tests, and the claims."""
    asked = {at: experiment(scale, *at) for at in itertools.product(DEPTHS, LAYER_1)}
    runs = {at: fa.simulate(one, path=cache(one)) for at, one in asked.items()}
    error = xr.concat(
        [
            xr.concat([nse(runs[depth, one]) for one in LAYER_1], along("layer_1", LAYER_1))
            for depth in DEPTHS
        ],
        along("depth", DEPTHS),
    )
    data = fa.metrics.spread(error).expand_dims(source=["simulation"])
    last = data["last_nse"] = error.isel(step=-1, drop=True)
    means = fa.metrics.mean_interval(last)
    data = data.merge(means.rename({name: f"mean_{name}" for name in means.data_vars}))
    cost = fa.metrics.t_test(
        last.sel(layer_1=["frozen", "frozen, slow"]),
        last.sel(layer_1="learns", drop=True),
        paired=True,
    )
    # Learning networks have no cost of freezing.
    cost = cost.rename({name: f"cost_{name}" for name in cost.data_vars})
    data = data.merge(cost.reindex(layer_1=data["layer_1"]))
    attrs = origin({f"{depth} layers, {one}": run for (depth, one), run in runs.items()})
    return data.assign_attrs(attrs), check(data)


def along(dim: str, values: tuple) -> xr.DataArray:
    """Return a coordinate to concatenate along."""
    return xr.DataArray(list(values), dims=dim, name=dim)


def nse(run: xr.Dataset) -> xr.DataArray:
    """Return the normalised squared error, without coordinates that differ between networks."""
    return fa.metrics.normalized_squared_error(run).reset_coords(drop=True)


# %%
def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    cost = data["cost_difference_interval"].sel(ci_bound="lower").min("layer_1")
    claims = []
    for depth, rule in itertools.product(DEPTHS, RULES[:2]):
        one = data.sel(depth=depth, rule=rule, layer_1="frozen")
        t = f"t({float(one['cost_degrees_of_freedom']):.0f}) = {float(one['cost_t']):.1f}"
        name = f"{rule_name(rule)}, {depth} layers"
        claims += [
            Claim.at_least(
                f"{name}: frozen minus learning, lower end of the paired 95 % interval",
                cost.sel(depth=depth, rule=rule),
                0.05,
                "NSE",
            ),
            Claim.at_most(f"{name}: P, paired, {t}", one["cost_p_value"], 0.001),
        ]
    last = data["last_nse"].sel(depth=4)
    frozen = last.sel(layer_1="frozen")
    second = fa.metrics.t_test(
        frozen.sel(rule="shallow", drop=True),
        frozen.sel(rule="feedback_alignment", drop=True),
        paired=True,
    )
    unfrozen = data["last_nse"].sel(layer_1="learns", rule="feedback_alignment", drop=True)
    third = fa.metrics.t_test(
        frozen.sel(rule="feedback_alignment", drop=True),
        unfrozen.sel(depth=3, drop=True),
        paired=True,
    )
    return [
        *claims,
        Claim.at_least(
            "frozen 4 layers, shallow minus feedback alignment: lower end of the 95 % interval",
            second["difference_interval"].sel(ci_bound="lower"),
            0.05,
            "NSE",
        ),
        Claim.at_least(
            "feedback alignment, frozen 4 layers minus learning 3: lower end of the 95 % interval",
            third["difference_interval"].sel(ci_bound="lower"),
            0.05,
            "NSE",
        ),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw learning curves of both depths and the last errors of every seed."""
    figure, panels = plt.subplots(1, 3, figsize=(13, 4.8), width_ratios=(1, 1, 1.1))
    for axes, letter, depth in zip(panels[:2], "ab", DEPTHS, strict=True):
        for layer_1 in LAYER_1[:2]:
            one = data.sel(depth=depth, layer_1=layer_1)
            learning_curves(one, "normalized_squared_error", axes, linestyle=LINES[layer_1])
        axes.set(title=f"{letter}  {depth} layers", ylabel="normalised squared error (NSE)")
        axes.set(ylim=(0, 1.05), xlim=(0, float(data["step"][-1])))
        axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    draw_lasts(data.sel(depth=4), panels[2])
    rules = [Line2D([], [], color=rule_colour(rule), label=rule_name(rule)) for rule in RULES]
    lines = [
        Line2D([], [], color="0.4", linestyle=LINES[one], label=f"layer 1 {one}")
        for one in LAYER_1[:2]
    ]
    figure.legend(handles=[*rules, *lines], loc="outside lower center", ncols=5)
    bands = interval_note(data["normalized_squared_error_interval"])
    bars = interval_note(data["mean_normalized_squared_error_interval"])
    notes = [f"Bands: {bands}. Bars in c: {bars}", protocol_note(data)]
    figure.suptitle(". ".join(filter(None, notes)), fontsize=9)
    return figure


def draw_lasts(data: xr.Dataset, axes: Axes) -> None:
    """Draw the last error of every seed of four layers, with the mean and its interval."""
    for (i, layer_1), (j, rule) in itertools.product(enumerate(LAYER_1), enumerate(RULES)):
        one, place = data.sel(layer_1=layer_1, rule=rule), 4 * i + j
        seeds, colour = one["last_nse"], rule_colour(rule)
        spread = (seeds["seed"] - seeds["seed"].mean()) / (3 * seeds.sizes["seed"])
        axes.plot(place + spread, seeds, "o", color=colour, alpha=0.35, markersize=4)
        mean = one["mean_normalized_squared_error"]
        bounds = abs(one["mean_normalized_squared_error_interval"].transpose("ci_bound") - mean)
        axes.errorbar(place + 0.34, mean, bounds.values[:, None], fmt="_", color=colour, capsize=3)
    labels = ["learns", "frozen", f"frozen,\nrates / {SLOWER}"]
    axes.set_xticks([4 * i + 1 for i in range(len(LAYER_1))], labels)
    axes.set(title="c  4 layers, after the last step", xlabel="layer 1", ylabel="NSE")
    axes.set(ylim=(-0.02, 1.05))
    axes.grid(visible=False, axis="x")


# %%
FIGURE = PaperFigure(
    name="supp_frozen",
    title="Frozen first layer, a control of Lillicrap et al. 2016 (Supplementary Fig. 6).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
