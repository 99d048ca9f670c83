# %% [markdown]
# # Where feedback alignment leads backprop (Lillicrap et al. 2016, Fig. 3 and Methods)
#
# The paper gives one learning rate and one scale of B for each experiment. Which of both rules is
# ahead depends on both, and on when one looks. Here the networks of Fig. 3a (MNIST, 784-1000-10)
# and of Fig. 3d (30-20-10-10, functions) learn at several learning rates eta, which both rules
# share, and several half-widths beta of B. Panel a: test error on MNIST against beta, at every eta.
# Panel b: the same of the error of Fig. 3d. Panels below: which rule is ahead, over iterations and
# beta, at every eta.
#
#     python paper_figs/lillicrap2016/supp_lead.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is one learning rate, 2 seeds, and 2 epochs of MNIST or 100,000 steps; `paper` is the 15
# epochs and 400,000 steps of the figures, and 3 seeds on MNIST, 5 on functions. It needs MNIST:
# `fatheory data fetch mnist`.

# %%
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim, working_range
from fatheory.figures import rule_colour, shades
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

EPOCH = 60_000
WITHIN = 0.3
"""Points of test error: what parts the paper's two rules in Fig. 3a."""


@dataclass(frozen=True)
class Map:
    """One experiment over learning rates and scales of B."""

    preset: str
    rates: Mapping[str, Sequence[float]]
    scales: Sequence[float]
    settings: Mapping[str, Mapping[str, object]]


_EARLY = (1000, 5000, 20_000)
MAPS = {
    "digits": Map(
        preset="lillicrap2016/fig3ab",
        rates={"quick": (0.05,), "paper": (0.0125, 0.025, 0.05, 0.1, 0.2)},
        scales=(0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0),
        settings={
            "quick": {
                "seeds": 2,
                "schedule.phases": [{"steps": 2 * EPOCH}],
                "record.steps": [*_EARLY, EPOCH],
                "record.quantities": ["classification_error"],
            },
            "paper": {
                "seeds": 3,
                "record.steps": [*_EARLY, *range(EPOCH, 15 * EPOCH, EPOCH)],
                "record.quantities": ["classification_error"],
            },
        },
    ),
    "functions": Map(
        preset="lillicrap2016/fig3d/4-layer",
        rates={"quick": (0.0025,), "paper": (0.00125, 0.0025, 0.005)},
        scales=(0.25, 0.5, 1.0, 2.0),
        settings={
            "quick": {
                "seeds": 2,
                "schedule.phases": [{"steps": 100_000}],
                "record.snapshots": 21,
                "record.quantities": [],
            },
            "paper": {"seeds": 5, "record.snapshots": 41, "record.quantities": []},
        },
    ),
}


# %%
def experiment(place: str, scale: str, rate: float) -> fa.Experiment:
    """Return backprop and feedback alignment at every scale of B, at one learning rate."""
    asked = MAPS[place]
    preset = fa.presets[asked.preset].with_settings(asked.settings[scale])
    alignment = dict(preset.rules)["feedback_alignment"]
    rules = {
        f"beta {beta:g}": alignment.replaced(parameters=(("scale", beta),), learning_rate=rate)
        for beta in asked.scales
    }
    backprop = dict(preset.rules)["backprop"].replaced(learning_rate=rate)
    return preset.replaced(rules={"backprop": backprop, **rules})


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train everything; return the errors of all seeds, and the claims."""
    parts, runs = [], {}
    for place, asked in MAPS.items():
        answers = []
        for rate in asked.rates[scale]:
            print(f"{place} at learning rate {rate:g}", flush=True)
            one = experiment(place, scale, rate)
            run = runs[f"{place}, {rate:g}"] = fa.simulate(one, path=cache(one))
            answers.append(by_scale(place, run))
        rates = xr.DataArray(list(asked.rates[scale]), dims="rate", name="rate")
        whole = xr.concat(answers, rates, coords="minimal", compat="override")
        parts.append(whole.rename({dim: f"{place}_{dim}" for dim in whole.dims}))
    data = xr.merge(parts)
    return data.assign_attrs(origin(runs)), check(data)


def by_scale(place: str, run: xr.Dataset) -> xr.Dataset:
    """Return the errors of both rules, feedback alignment's by the scale of its B."""
    if place == "digits":
        error = run["classification_error"]
    else:
        error = fa.metrics.normalized_squared_error(run)
    error = error.reset_coords(drop=True)
    scales = [str(rule) for rule in error["rule"].values if rule != "backprop"]
    betas = np.array([float(label.removeprefix("beta ")) for label in scales])
    aligned = error.sel(rule=scales).rename(rule="scale").assign_coords(scale=betas)
    return xr.Dataset(
        {
            f"{place}_feedback_alignment": aligned,
            f"{place}_backprop": error.sel(rule="backprop", drop=True),
        }
    )


# %%
def check(data: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    claims = []
    last = data.isel(digits_step=-1)
    error = last["digits_feedback_alignment"].mean("digits_seed", skipna=False)
    backprop = last["digits_backprop"].mean("digits_seed", skipna=False)
    for rate in data["digits_rate"].values:
        one = error.sel(digits_rate=rate)
        claims += [
            Claim.at_least(
                f"MNIST, eta {rate:g}: range of beta within {WITHIN} points of the best, "
                "largest / smallest",
                working_range(one, WITHIN),
                4,
            ),
            Claim.at_most(
                f"MNIST, eta {rate:g}: best beta minus backprop, after the last image",
                one.min("digits_scale") - backprop.sel(digits_rate=rate),
                0,
                "points",
            ),
        ]
    lead = ahead(data, "functions").sel(functions_step=slice(1, None))
    for rate in data["functions_rate"].values:
        best = lead.sel(functions_rate=rate).min("functions_scale")
        claims.append(
            Claim.at_most(
                f"functions, eta {rate:g}: least of log10(NSE of feedback alignment / backprop)",
                best.min(),
                0,
            )
        )
    return claims


def ahead(data: xr.Dataset, place: str) -> xr.DataArray:
    """Return how far feedback alignment is behind: points of error, or log10 of the ratio."""
    mine, other = data[f"{place}_feedback_alignment"], data[f"{place}_backprop"]
    seed = f"{place}_seed"
    if place == "digits":
        return (mine - other).mean(seed, skipna=False)
    # Errors of seeds differ by factors: the mean of their logarithms is of none alone.
    return np.log10(mine / other).mean(seed, skipna=False)


# %%
LIMITS = {"digits": 1.5, "functions": 1.0}
NAMES = {"digits": "MNIST (Fig. 3a)", "functions": "functions (Fig. 3d)"}
WORDS = {
    "digits": "feedback alignment\nminus backprop (points)",
    "functions": "log10 of NSE, feedback\nalignment / backprop",
}


def draw(data: xr.Dataset) -> Figure:
    """Draw errors against the scale of B above, and maps of the lead below."""
    columns = max(data.sizes["digits_rate"], data.sizes["functions_rate"])
    figure = plt.figure(figsize=(max(9.0, 2.6 * columns + 1), 9.6))
    top, *rows = figure.subfigures(3, 1, height_ratios=(1.35, 1, 1))
    for axes, place, letter in zip(top.subplots(1, 2), MAPS, "ab", strict=True):
        draw_errors(data, place, axes)
        axes.set_title(f"{letter}  {NAMES[place]}, after the last step")
    for part, place, letter in zip(rows, MAPS, "cd", strict=True):
        panels = part.subplots(1, data.sizes[f"{place}_rate"], squeeze=False, sharey=True)[0]
        for axes, rate in zip(panels, data[f"{place}_rate"].values, strict=True):
            mesh = draw_map(data, place, rate, axes)
            axes.set_title(rf"$\eta$ = {rate:g}", fontsize=9)
        panels[0].set_title(rf"{letter}  $\eta$ = {data[f'{place}_rate'].values[0]:g}", fontsize=9)
        panels[0].set_ylabel(r"$\beta$ (half-width of B)")
        part.colorbar(mesh, ax=list(panels), label=WORDS[place], extend="both")
    seeds = ", ".join(f"{data.sizes[f'{place}_seed']} seeds of {NAMES[place]}" for place in MAPS)
    figure.suptitle(
        f"Lines: means, with the range of the seeds ({seeds}). Blue: feedback alignment is ahead; "
        "grey: a run diverged",
        fontsize=9,
    )
    return figure


def draw_errors(data: xr.Dataset, place: str, axes: Axes) -> None:
    """Draw the last error against the scale of B, at every learning rate; backprop's as lines."""
    seed, step = f"{place}_seed", f"{place}_step"
    last = data.isel({step: -1})
    rates = last[f"{place}_rate"].values
    pairs = zip(
        rates,
        shades(rule_colour("feedback_alignment"), len(rates)),
        shades(rule_colour("backprop"), len(rates)),
        strict=True,
    )
    for rate, colour, other in pairs:
        one = last.sel({f"{place}_rate": rate})
        error = one[f"{place}_feedback_alignment"]
        mean = error.mean(seed, skipna=False)
        spread = [mean - error.min(seed, skipna=False), error.max(seed, skipna=False) - mean]
        axes.errorbar(
            mean[f"{place}_scale"], mean, spread, fmt="o-", color=colour, capsize=2, markersize=4
        )
        axes.axhline(
            float(one[f"{place}_backprop"].mean(seed, skipna=False)), color=other, linestyle="--"
        )
        axes.plot([], [], "s", color=colour, label=rf"$\eta$ = {rate:g}")
    axes.plot([], [], "o-", color="0.3", label="feedback alignment")
    axes.plot([], [], "--", color="0.3", label="backprop")
    axes.legend(fontsize=7, ncols=2)
    axes.set(xscale="log", yscale="log", xlabel=r"$\beta$ (half-width of B)")
    axes.set_ylabel("test error (%)" if place == "digits" else "normalised squared error (NSE)")


def draw_map(data: xr.Dataset, place: str, rate: float, axes: Axes) -> QuadMesh:
    """Draw which rule is ahead over iterations and the scale of B, at one learning rate."""
    lead = ahead(data, place).sel({f"{place}_rate": rate})
    lead = lead.isel({f"{place}_step": slice(1, None)})  # nothing is learned at step 0
    lead = lead.transpose(f"{place}_scale", f"{place}_step")
    axes.set_facecolor("0.8")
    mesh = axes.pcolormesh(
        lead[f"{place}_step"],
        lead[f"{place}_scale"],
        lead.values,
        shading="nearest",
        cmap="RdBu_r",
        vmin=-LIMITS[place],
        vmax=LIMITS[place],
        rasterized=True,
    )
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("images seen" if place == "digits" else "update steps")
    return mesh


# %%
FIGURE = PaperFigure(
    name="supp_lead",
    title="Where feedback alignment leads backprop (Lillicrap et al. 2016, Fig. 3 and Methods).",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=check,
)

if __name__ == "__main__":
    leave(FIGURE.main())
