# %% [markdown]
# # Fig. 3d of Lillicrap et al. 2016: feedback alignment takes advantage of depth
#
# A 30-20-10-10 target network of tanh units is learned online by networks of four layers
# (30-20-10-10) and of three (30-20-10), by backprop and by feedback alignment. Panel a: normalised
# squared error (NSE) on a probe. Panel b: the NSE of every seed after the last step, with the
# t-tests of four layers against three. Panel c, ours: angle between the teaching signals of
# feedback alignment and those of backprop in the hidden layers.
#
#     python paper_figs/lillicrap2016/fig3d.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 5 seeds and 200,000 steps; `paper` is the paper's 20 seeds, and 400,000 steps. There is
# one learning rate, and feedback alignment sends no slopes, as in the text. A seed has the same
# target, examples and probe at both depths and under both rules. So all comparisons can be made in
# pairs; depths are also compared as if they were independent, as the paper probably did.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, learning_curves, rule_colour, rule_name
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin, protocol_note

DEPTHS = (3, 4)
RULES = ("backprop", "feedback_alignment")
SCALES: dict[str, dict] = {
    "quick": {"seeds": 5, "schedule.phases": [{"steps": 200_000}], "record.snapshots": 41},
    "paper": {},
}
LINES = {4: "-", 3: (0, (5, 2))}
LEARNED = 0.05
SIGNIFICANT = 0.001


# %%
def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train both depths; return curves, last errors, tests, and the claims."""
    asked = {
        depth: fa.presets[f"lillicrap2016/fig3d/{depth}-layer"].with_settings(SCALES[scale])
        for depth in DEPTHS
    }
    runs = {depth: fa.simulate(one, path=cache(one)) for depth, one in asked.items()}
    depth = xr.DataArray(list(runs), dims="depth", name="depth", attrs={"units": "layers"})
    error = xr.concat([nse(run) for run in runs.values()], depth)
    angle = fa.metrics.angle(runs[4], "delta").reset_coords(drop=True)
    data = fa.metrics.spread(error).merge(fa.metrics.spread(angle))
    data = data.expand_dims(source=["simulation"])
    data["nse_of_seeds"] = error
    data["last_nse"] = error.isel(step=-1, drop=True)
    means = fa.metrics.mean_interval(data["last_nse"])
    data = data.merge(means.rename({name: f"mean_{name}" for name in means.data_vars}))
    data = data.merge(tests(data["last_nse"])).merge(ratios(runs, data["last_nse"]))
    attrs = origin({f"{depth} layers": run for depth, run in runs.items()})
    return data.assign_attrs(attrs), check(data)


def nse(run: xr.Dataset) -> xr.DataArray:
    """Return the normalised squared error, without coordinates that differ between depths."""
    return fa.metrics.normalized_squared_error(run).reset_coords(drop=True)


def tests(last: xr.DataArray) -> xr.Dataset:
    """Test four layers against three for every rule, and rules against each other in pairs."""
    deep, flat = (last.sel(depth=depth, drop=True) for depth in (4, 3))
    by_rule = {rule: last.sel(rule=rule, drop=True) for rule in RULES}
    made = {
        "depth_unpaired": fa.metrics.t_test(deep, flat, paired=False),
        "depth_paired": fa.metrics.t_test(deep, flat, paired=True),
        "rules_paired": fa.metrics.t_test(
            by_rule["feedback_alignment"], by_rule["backprop"], paired=True
        ),
    }
    return xr.merge(
        [
            test.rename({name: f"{prefix}_{name}" for name in test.data_vars})
            for prefix, test in made.items()
        ]
    )


def ratios(runs: dict[int, xr.Dataset], last: xr.DataArray) -> xr.Dataset:
    """Compare rules by ratios: of last errors (their logarithm), and of steps to learn."""
    by_rule = (last.sel(rule=rule, drop=True) for rule in ("feedback_alignment", "backprop"))
    ratio = np.log10(next(by_rule) / next(by_rule)).rename("log10_ratio")
    ratio.attrs = {"units": "1", "long_name": "log10 of NSE, feedback alignment / backprop"}
    steps = fa.metrics.steps_to(runs[4], LEARNED).reset_coords(drop=True)
    return fa.metrics.mean_interval(ratio).assign(steps_to_learn=steps)


# %%
def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    deep = data.sel(depth=4)
    ratio = 10 ** data["log10_ratio"]
    upper = 10 ** data["log10_ratio_interval"].sel(ci_bound="upper")
    steps = data["steps_to_learn"].median("seed")
    return [
        *(claim for rule in RULES for claim in depth_claims(data.sel(rule=rule), rule_name(rule))),
        Claim.at_most(
            "feedback alignment, 4 layers: mean NSE",
            deep["mean_last_nse"].sel(rule="feedback_alignment"),
            0.02,
        ),
        Claim.at_most(
            "feedback alignment minus backprop, 4 layers: upper end of the paired 95 % interval",
            deep["rules_paired_difference_interval"].sel(ci_bound="upper"),
            0.02,
            "NSE",
        ),
        Claim.at_most(
            "feedback alignment / backprop, 3 layers: NSE, geometric mean",
            ratio.sel(depth=3),
            1.5,
        ),
        Claim.at_most(
            "feedback alignment / backprop, 4 layers: NSE, geometric mean", ratio.sel(depth=4), 1.1
        ),
        Claim.at_most(
            "feedback alignment / backprop, 4 layers: upper end of its 95 % interval",
            upper.sel(depth=4),
            1.1,
        ),
        Claim.at_most(
            f"feedback alignment / backprop, 4 layers: median steps to {LEARNED:.0%} of the loss",
            steps.sel(rule="feedback_alignment") / steps.sel(rule="backprop"),
            1.1,
        ),
    ]


def depth_claims(data: xr.Dataset, name: str) -> list[Claim]:
    """Measure whether four layers beat three, for one rule."""
    paired, unpaired = (
        f"t({float(data[f'{kind}_degrees_of_freedom']):.0f}) = {float(data[f'{kind}_t']):.1f}, "
        f"d = {float(data[f'{kind}_effect_size']):.1f}"
        for kind in ("depth_paired", "depth_unpaired")
    )
    gain = data["depth_paired_difference_interval"].sel(ci_bound="upper")
    return [
        Claim.at_most(
            f"{name}: 4 layers minus 3, upper end of the paired 95 % interval", gain, -0.01, "NSE"
        ),
        Claim.at_most(
            f"{name}: P, unpaired, {unpaired}", data["depth_unpaired_p_value"], SIGNIFICANT
        ),
        Claim.at_most(f"{name}: P, paired, {paired}", data["depth_paired_p_value"], SIGNIFICANT),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw errors, last errors of every seed, and angles."""
    figure, (errors, lasts, angles) = plt.subplots(
        1, 3, figsize=(13, 4.6), width_ratios=(2, 1.5, 1.7)
    )
    for depth in DEPTHS:
        one = data.sel(depth=depth)
        learning_curves(one, "normalized_squared_error", errors, linestyle=LINES[depth])
    errors.set(title="a  learning curves", ylabel="normalised squared error (NSE)")
    lowest = float(data["normalized_squared_error_interval"].min())
    # Down to where the lowest curve ends: an error that is cut off looks like none.
    errors.set(yscale="log", ylim=(max(0.3 * lowest, 1e-16), 2), xlim=(0, None))
    draw_lasts(data, lasts)
    for layer, line in ((1, "-"), (2, (0, (1, 1)))):
        (curve,) = learning_curves(
            data.sel(layer=layer, rule=["feedback_alignment"]),
            "delta_angle",
            angles,
            linestyle=line,
        ).values()
        curve.set_label(f"hidden layer {layer}")
    angles.set(title=r"c  $\angle(\delta_{FA}, \delta_{BP})$, 4 layers", ylim=(0, 100))
    angles.set(ylabel="angle of teaching signals (degrees)", yticks=range(0, 91, 15))
    angles.legend(loc="lower right")
    for axes in (errors, angles):
        axes.set_xlim(0, float(data["step"][-1]))
        axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    legend(figure)
    note = interval_note(data["normalized_squared_error_interval"])
    bars = interval_note(data["mean_last_nse_interval"])
    notes = [f"Bands: {note}. Bars in b: {bars}", protocol_note(data)]
    figure.suptitle(". ".join(filter(None, notes)), fontsize=9)
    return figure


def draw_lasts(data: xr.Dataset, axes: Axes) -> None:
    """Draw the last error of every seed, the mean with its interval, and P of depth."""
    places = {
        (depth, rule): 3 * i + j for i, rule in enumerate(RULES) for j, depth in enumerate(DEPTHS)
    }
    for (depth, rule), place in places.items():
        one = data.sel(depth=depth, rule=rule)
        seeds, colour = one["last_nse"], rule_colour(rule)
        spread = (seeds["seed"] - seeds["seed"].mean()) / (2.5 * seeds.sizes["seed"])
        axes.plot(place + spread, seeds, "o", color=colour, alpha=0.4, markersize=4)
        mean = one["mean_last_nse"]
        bounds = abs(one["mean_last_nse_interval"].transpose("ci_bound") - mean)
        axes.errorbar(place + 0.38, mean, bounds.values[:, None], fmt="_", color=colour, capsize=4)
    top = float(max(data["last_nse"].max(), data["mean_last_nse_interval"].max()))
    for rule in RULES:
        middle = (places[3, rule] + places[4, rule]) / 2
        text = "\n".join(
            f"P = {power_of_ten(data[f'depth_{kind}_p_value'].sel(rule=rule))} ({kind})"
            for kind in ("unpaired", "paired")
        )
        axes.text(middle, 1.08 * top, text, ha="center", fontsize=8, color=rule_colour(rule))
    axes.set_xticks(list(places.values()), [f"{depth}" for depth, _ in places])
    axes.set(title="b  after the last step", xlabel="layers", ylabel="NSE")
    bottom = min(-0.02 * top, 1.2 * float(data["mean_last_nse_interval"].min()))
    axes.set(ylim=(bottom, 1.3 * top), xlim=(-0.8, 4.8))


def power_of_ten(value: xr.DataArray) -> str:
    """Write a small number as 9·10⁻¹³ is written."""
    mantissa, exponent = f"{float(value):.0e}".split("e")
    return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$"


def legend(figure: Figure) -> None:
    """Explain colours by rule and lines by depth."""
    rules = [Line2D([], [], color=rule_colour(rule), label=rule_name(rule)) for rule in RULES]
    depths = [
        Line2D([], [], color="0.4", linestyle=LINES[depth], label=f"{depth} layers")
        for depth in reversed(DEPTHS)
    ]
    figure.legend(handles=[*rules, *depths], loc="outside lower center", ncols=4)


# %%
FIGURE = PaperFigure(
    name="fig3d",
    title="Fig. 3d of Lillicrap et al. 2016: feedback alignment takes advantage of depth.",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
