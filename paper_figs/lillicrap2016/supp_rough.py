# %% [markdown]
# # Rough derivatives (Lillicrap et al. 2016, Methods)
#
# Neurons may know the slope of their activation only roughly. The networks of Fig. 3a (MNIST,
# 784-1000-10 sigmoid units) learn by feedback alignment of the text with other functions in the
# place of the sigmoid's derivative: 1, a step and a triangle. Backprop, which sends its slopes,
# stands beside it with the same. Panel a: test error against images. Panel b: test error of every
# seed after the last image. Panel c: angle between teaching signals and backprop's.
#
#     python paper_figs/lillicrap2016/supp_rough.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 2 seeds and 2 epochs; `paper` is 5 seeds, and the 15 epochs of Fig. 3a. It needs MNIST:
# `fatheory data fetch mnist`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import draw_course, interval_note, rule_colour, rule_name
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

EPOCH = 60_000
SCALES: dict[str, dict] = {
    "quick": {
        "seeds": 2,
        "schedule.phases": [{"steps": 2 * EPOCH}],
        "record.steps": [500, 1000, 2000, 5000, 10_000, 20_000, 40_000, EPOCH],
        "record.quantities": ["classification_error", "delta_angle"],
    },
    "paper": {"seeds": 5, "record.quantities": ["classification_error", "delta_angle"]},
}
RULES = ("backprop", "feedback_alignment")
DERIVATIVES = {
    "exact": ("-", "exact"),
    "one": (":", "1"),
    "step": ((0, (5, 2)), "step"),
    "triangle": ((0, (4, 1.5, 1, 1.5)), "triangle"),
}
ROUGH = [name for name in DERIVATIVES if name != "exact"]
NEARLY = 0.3
"""Points of test error: what parts the paper's two rules in Fig. 3a."""


# %%
def experiment(scale: str, derivative: str) -> fa.Experiment:
    """Return Fig. 3a's two rules of the text with something in the place of the derivative."""
    preset = fa.presets["lillicrap2016/fig3ab"].with_settings(SCALES[scale])
    rules = dict(preset.rules)
    return preset.replaced(
        rules={rule: rules[rule].replaced(derivative=derivative) for rule in RULES}
    )


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train with every derivative; return errors and angles with intervals, and the claims."""
    runs = {}
    for derivative in DERIVATIVES:
        print(f"derivative: {derivative}", flush=True)
        asked = experiment(scale, derivative)
        runs[derivative] = fa.simulate(asked, path=cache(asked))
    names = xr.DataArray(list(runs), dims="derivative", name="derivative")
    every = xr.concat(
        [
            run[["classification_error", "delta_angle"]].reset_coords(drop=True)
            for run in runs.values()
        ],
        names,
    )
    data = xr.merge([fa.metrics.mean_interval(every[name]) for name in every.data_vars])
    error = every["classification_error"]
    data["error_of_seeds"] = error.assign_attrs(long_name="test error of every seed")
    attrs = origin({f"derivative {name}": run for name, run in runs.items()})
    return data.assign_attrs(attrs), check(data)


def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    last = data["error_of_seeds"].isel(step=-1, drop=True)
    claims = []
    for rule in reversed(RULES):
        of_rule = last.sel(rule=rule, drop=True)
        for derivative in ROUGH:
            test = fa.metrics.t_test(
                of_rule.sel(derivative=derivative, drop=True),
                of_rule.sel(derivative="exact", drop=True),
                paired=True,
            )
            claims.append(
                Claim.at_most(
                    f"{rule_name(rule)}, {DERIVATIVES[derivative][1]} minus exact: mean of pairs",
                    test["difference"],
                    NEARLY,
                    "points",
                )
            )
    return claims


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw errors, last errors of every seed, and angles."""
    figure, (errors, lasts, angles) = plt.subplots(
        1, 3, figsize=(13, 4.4), width_ratios=(2, 1.3, 1.6)
    )
    # On a logarithmic axis the step before learning has no place.
    seen = data.isel(step=slice(1, None))
    for rule in RULES:
        for derivative, (line, _) in DERIVATIVES.items():
            one = seen.sel(rule=rule, derivative=derivative)
            draw_course(one, "classification_error", errors, rule_colour(rule), line)
            if rule != "backprop" or derivative != "exact":  # backprop's angle to itself is 0
                draw_course(one.sel(layer=1), "delta_angle", angles, rule_colour(rule), line)
    errors.set(title="a  MNIST", xscale="log", yscale="log", xlabel="images seen")
    errors.set_ylabel("test error (%)")
    draw_lasts(data, lasts)
    angles.set(title=r"c  angle of $\delta$ to backprop's", xscale="log", ylim=(0, 100))
    angles.set(yticks=range(0, 91, 15), xlabel="images seen")
    angles.set_ylabel("angle of teaching signals (degrees)")
    handles = [Line2D([], [], color=rule_colour(rule), label=rule_name(rule)) for rule in RULES]
    handles += [
        Line2D([], [], color="0.3", linestyle=line, label=f"derivative: {name}")
        for line, name in DERIVATIVES.values()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    note = interval_note(data["classification_error_interval"])
    figure.suptitle(f"Bands and bars: {note}", fontsize=9)
    return figure


def draw_lasts(data: xr.Dataset, axes: Axes) -> None:
    """Draw the last test error of every seed, with the mean and its interval."""
    last = data.isel(step=-1)
    for i, derivative in enumerate(DERIVATIVES):
        for j, rule in enumerate(RULES):
            one, place = last.sel(rule=rule, derivative=derivative), i + 0.4 * (j - 0.5)
            colour, mean = rule_colour(rule), one["classification_error"]
            seeds = one["error_of_seeds"]
            axes.plot([place] * seeds.sizes["seed"], seeds, "o", color=colour, alpha=0.35)
            bounds = abs(one["classification_error_interval"].transpose("ci_bound") - mean)
            axes.errorbar(
                place + 0.13, mean, bounds.values[:, None], fmt="_", color=colour, capsize=3
            )
    axes.set_xticks(range(len(DERIVATIVES)), [name for _, name in DERIVATIVES.values()])
    axes.set(title="b  after the last image", xlabel="derivative", ylabel="test error (%)")
    axes.grid(visible=False, axis="x")


# %%
FIGURE = PaperFigure(
    name="supp_rough",
    title="MNIST with rough derivatives (Lillicrap et al. 2016, Methods).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
