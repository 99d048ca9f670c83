# %% [markdown]
# # Fig. 3d at three learning rates (Lillicrap et al. 2016)
#
# Whether depth helps, and whether layer 1 learns, must not hang on one learning rate. The networks
# of Fig. 3d learn at half, once and twice its rate, which both rules share: those of four layers,
# those of three, and those of four with layer 1 frozen. Panel a: normalised squared error (NSE) of
# feedback alignment at the middle rate. Panel b: by how much four layers are better than either
# control, as the ratio of errors, seed by seed, at every step. Panel c: P of paired t-tests of
# these ratios' logarithms.
#
#     python paper_figs/lillicrap2016/supp_rates.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 5 seeds and 100,000 steps; `paper` is the paper's 20 seeds, and 400,000 steps.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import draw_course, interval_note, rule_colour, rule_name
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

RATES = (0.00125, 0.0025, 0.005)
RULES = ("backprop", "feedback_alignment")
NETWORKS = {
    "4 layers": ("lillicrap2016/fig3d/4-layer", ()),
    "3 layers": ("lillicrap2016/fig3d/3-layer", ()),
    "layer 1 frozen": ("lillicrap2016/fig3d/4-layer", (1,)),
}
CONTROLS = ("3 layers", "layer 1 frozen")
LINES = {"4 layers": "-", "3 layers": (0, (5, 2)), "layer 1 frozen": (0, (1, 1))}
RATE_LINES = dict(zip(RATES, (":", "-", (0, (5, 2))), strict=True))
SCALES: dict[str, dict] = {
    "quick": {"seeds": 5, "record.snapshots": 21},
    "paper": {"seeds": 20, "record.snapshots": 41},
}
STEPS = {"quick": 100_000, "paper": 400_000}
SIGNIFICANT = 0.001


# %%
def experiment(scale: str, network: str, rate: float) -> fa.Experiment:
    """Return Fig. 3d's experiment at another shared learning rate, perhaps with layer 1 frozen."""
    preset, frozen = NETWORKS[network]
    asked = fa.presets[preset].with_settings(SCALES[scale])
    rules = {name: choice.replaced(learning_rate=rate) for name, choice in asked.rules}
    phase = fa.Phase(steps=STEPS[scale], frozen=frozen)
    record = asked.record.replaced(quantities=())
    return asked.replaced(rules=rules, schedule=fa.Schedule(phases=(phase,)), record=record)


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train all networks; return errors, ratios with intervals, tests, and the claims."""
    asked = {at: experiment(scale, *at) for at in itertools.product(NETWORKS, RATES)}
    runs = {at: fa.simulate(one, path=cache(one)) for at, one in asked.items()}
    error = along(
        "network",
        {name: along("rate", {rate: nse(runs[name, rate]) for rate in RATES}) for name in NETWORKS},
    )
    data = fa.metrics.spread(error)
    others = error.sel(network=list(CONTROLS)).rename(network="control")
    logs = np.log10(others / error.sel(network="4 layers", drop=True)).rename("log10_ratio")
    logs.attrs = {"units": "1", "long_name": "log10 of NSE, control / four layers"}
    test = fa.metrics.t_test(logs, xr.zeros_like(logs), paired=True)
    data = data.merge(fa.metrics.mean_interval(logs)).assign(p_value=test["p_value"])
    attrs = origin({f"{name}, eta = {rate}": run for (name, rate), run in runs.items()})
    return data.assign_attrs(attrs), check(data)


def along(dim: str, parts: dict) -> xr.DataArray:
    """Lay parts beside each other along a new dimension, labelled by their keys."""
    return xr.concat(list(parts.values()), xr.DataArray(list(parts), dims=dim, name=dim))


def nse(run: xr.Dataset) -> xr.DataArray:
    """Return the normalised squared error, without coordinates that differ between networks."""
    return fa.metrics.normalized_squared_error(run).reset_coords(drop=True)


def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show: at every rate, for every rule, against both controls."""
    last = data.isel(step=-1)
    claims = []
    for rule, control in itertools.product(RULES, CONTROLS):
        one = last.sel(rule=rule, control=control)
        name = f"{rule_name(rule)}, {control} / 4 layers, over all rates"
        lower = 10 ** one["log10_ratio_interval"].sel(ci_bound="lower")
        claims += [
            Claim.at_least(
                f"{name}: NSE, lower end of the 95 % interval, least", lower.min("rate"), 1.0
            ),
            Claim.at_most(f"{name}: P, largest", one["p_value"].max("rate"), SIGNIFICANT),
        ]
    return claims


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw errors at the middle rate, ratios of errors, and P."""
    figure, (errors, ratios, tests) = plt.subplots(1, 3, figsize=(13, 4.6))
    middle = data.sel(rate=RATES[1], rule="feedback_alignment")
    for name, line in LINES.items():
        one = middle.sel(network=name)
        draw_course(one, "normalized_squared_error", errors, rule_colour(RULES[1]), line, name)
    errors.set(title=f"a  feedback alignment, η = {RATES[1]}", yscale="log")
    errors.set_ylabel("normalised squared error (NSE)")
    errors.legend()
    learned = data.isel(step=slice(1, None))  # at the start the ratio is of starts alone
    for rule, rate in itertools.product(RULES, RATES):
        one, style = learned.sel(rule=rule, rate=rate), (rule_colour(rule), RATE_LINES[rate])
        draw_course(one.sel(control="3 layers"), "log10_ratio", ratios, *style)
        tests.plot(one["step"], one["p_value"].sel(control="3 layers"), color=style[0],
                   linestyle=style[1])  # fmt: skip
    ratios.set(title="b  three layers / four", ylabel="log10 of the ratio of NSE")
    ratios.axhline(0, color="0.6", linewidth=0.8)
    tests.set(title="c  three layers against four", ylabel="P of paired t-tests", yscale="log")
    tests.axhline(SIGNIFICANT, color="0.6", linewidth=0.8)
    for axes in (errors, ratios, tests):
        axes.set_xlabel("step")
        axes.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    handles = [Line2D([], [], color=rule_colour(rule), label=rule_name(rule)) for rule in RULES]
    handles += [
        Line2D([], [], color="0.4", linestyle=line, label=f"η = {rate}")
        for rate, line in RATE_LINES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    of_errors, of_ratios = (
        interval_note(data[f"{name}_interval"])
        for name in ("normalized_squared_error", "log10_ratio")
    )
    figure.suptitle(f"Bands in a: {of_errors}. In b: {of_ratios}", fontsize=9)
    return figure


# %%
FIGURE = PaperFigure(
    name="supp_rates",
    title="Fig. 3d of Lillicrap et al. 2016 at three shared learning rates.",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
