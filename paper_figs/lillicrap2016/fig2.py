# %% [markdown]
# # Fig. 2 of Lillicrap et al. 2016: feedback alignment learns a linear function
#
# A 30-20-10 linear network learns online from white Gaussian input by four rules. Panel a: the
# loss. Panel b: the angle between the teaching signals of feedback alignment and of backprop. The
# same experiment is trained (`fatheory.simulate`) and solved (`fatheory.solve`), and both are
# drawn: dashed the median at these very learning rates (method "online"), thin the gradient flow,
# which is the limit of small rates. Backprop's rate is so near instability that its dashed line
# ends after some hundred steps, where the closure behind it does; node perturbation has only the
# flow. Panel c, ours: the learning rates of a are chosen for speed, too large for the flow; at
# smaller ones online learning approaches the flow as the square root of the
# learning rate, as fluctuations around it do.
#
#     python paper_figs/lillicrap2016/fig2.py [--scale quick|paper] [--out DIR]
#
# `quick` is 20 seeds and 2,000 steps; `paper` is 100 seeds and 5,000 steps (the paper states no
# number of either). Writes fig2.png, fig2.pdf and fig2.zarr, the data drawn with the table of
# claims, and prints that table. The exit code is 1 if a claim does not hold. `--redraw DATA` draws
# again what an earlier run wrote; see `--help`.

# %%
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.errors import LearningRateWarning
from fatheory.figures import interval_note, learning_curves, rule_colour, rule_legend
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

APPROACH_TIME = 3.0
APPROACH_FACTORS = (4, 16, 64, 256)
SCALES = {"quick": {}, "paper": {"seeds": 100, "schedule.phases": [{"steps": 5000}]}}


# %%
def experiment(scale: str) -> fa.Experiment:
    """Return the preset at a scale."""
    return fa.presets["lillicrap2016/fig2"].with_settings(SCALES[scale])


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train, solve and compare; return the data to draw and the claims."""
    asked = experiment(scale)
    answers = {
        "simulation": fa.simulate(asked, path=cache(asked)),
        "theory": at_finite_rates(asked),
        "small-rate limit": fa.solve(asked),
    }
    data = xr.concat(
        [_curves(archive) for archive in answers.values()],
        xr.DataArray(list(answers), dims="source", name="source"),
        join="outer",
        combine_attrs="override",
    ).sel(rule=answers["simulation"]["rule"])
    approach = approach_to_flow(asked)
    claims = check(answers["simulation"], answers["theory"], approach)
    data["steps_to_one_percent"] = fa.metrics.steps_to(answers["simulation"], 0.01)
    angle = fa.metrics.angle(answers["simulation"], "delta", layer=1)
    above = (relative_loss(answers["simulation"]) > 1e-16).sel(rule="feedback_alignment")
    data["smallest_angle"] = angle.sel(rule="feedback_alignment").where(above).min()
    data = data.reset_coords(drop=True)
    return data.merge(approach).assign_attrs(origin(answers["simulation"])), claims


def at_finite_rates(asked: fa.Experiment) -> xr.Dataset:
    """Solve for the median of online learning, under the rules of which it is known."""
    rules = {label: choice for label, choice in asked.rules if label != "node_perturbation"}
    with warnings.catch_warnings():
        # Backprop's line ends early; the figure says so.
        warnings.simplefilter("ignore", LearningRateWarning)
        return fa.solve(asked.replaced(rules=rules), "online")


def _curves(archive: xr.Dataset) -> xr.Dataset:
    """Summarise loss and angle over seeds, the loss relative to its start."""
    loss = relative_loss(archive)
    # Below this the errors, and so the angles between them, are rounding.
    angle = fa.metrics.angle(archive, "delta", layer=1).where(loss > 1e-16)
    return fa.metrics.spread(loss).merge(fa.metrics.spread(angle)).reset_coords(drop=True)


def relative_loss(archive: xr.Dataset) -> xr.DataArray:
    """Return the loss relative to its start."""
    loss = (archive["loss"] / archive["loss"].isel(step=0)).rename("relative_loss")
    return loss.assign_attrs(units="1", long_name="loss / initial loss")


def approach_to_flow(asked: fa.Experiment) -> xr.Dataset:
    """Measure how the flow is approached: up to a fixed time, at smaller and smaller rates."""
    rules = {"backprop": 0.01, "feedback_alignment": 0.01}
    base = asked.replaced(rules=rules, record=fa.Record(quantities=("weights",), snapshots=11))
    runs = [
        base.with_settings(
            {f"rules.{rule}.learning_rate": rate / factor for rule, rate in rules.items()}
            | {"schedule.phases": [{"steps": round(APPROACH_TIME / 0.01 * factor)}]}
        )
        for factor in APPROACH_FACTORS
    ]
    both = fa.compare([fa.solve(run) for run in runs], [fa.simulate(run) for run in runs])
    error = both["relative_error"].sel(variable="weight_2", drop=True).rename("approach_error")
    error = error.rename(run="approach", rule="approach_rule")
    rate = both["rate"].sel(variable="weight_2", drop=True).rename(rule="approach_rule")
    used = both["learning_rate"].rename(run="approach", rule="approach_rule")
    return fa.metrics.spread(error).assign(approach_rate=rate, approach_learning_rate=used)


# %%
def check(simulation: xr.Dataset, theory: xr.Dataset, approach: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show."""
    final = relative_loss(simulation).isel(step=-1).median("seed")
    steps = fa.metrics.steps_to(simulation, 0.01)
    speed = (steps / steps.sel(rule="backprop")).median("seed")
    angle = fa.metrics.angle(simulation, "delta", layer=1).sel(rule="feedback_alignment")
    predicted = fa.metrics.angle(theory, "delta", layer=1).sel(rule="feedback_alignment")
    apart = np.abs(angle - predicted).where(relative_loss(simulation) > 1e-16)
    learned = relative_loss(simulation).sel(rule="feedback_alignment")
    median = relative_loss(theory).sel(rule="feedback_alignment").median("seed")
    low, high = (learned.quantile(q, "seed", skipna=False) for q in (0.05, 0.95))
    inside = ((median >= low) & (median <= high)).isel(step=slice(1, None)).mean()
    decades = np.abs(np.log10(median / learned.median("seed")))
    rates = approach["approach_rate"].sel(approach_rule="feedback_alignment")
    return [
        Claim.at_least("shallow: final / initial loss", final.sel(rule="shallow"), 0.9),
        Claim.at_least(
            "reinforcement: steps to 1 %, relative to backprop",
            speed.sel(rule="node_perturbation"),
            2,
        ),
        Claim.at_most("backprop: final / initial loss", final.sel(rule="backprop"), 1e-6),
        Claim.at_most(
            "feedback alignment: final / initial loss", final.sel(rule="feedback_alignment"), 1e-6
        ),
        Claim.at_most(
            "feedback alignment: steps to 1 %, relative to backprop",
            speed.sel(rule="feedback_alignment"),
            1.1,
        ),
        Claim.between("angle of teaching signals at the start", angle[:, 0].median(), 80, 100, "°"),
        Claim.at_most(
            "angle at half of the run", angle.isel(step=angle.sizes["step"] // 2).median(), 45, "°"
        ),
        Claim.at_least("smallest angle of any seed at any step", angle.min(), 1, "°"),
        Claim.at_most(
            "angle, theory against simulation, median difference",
            apart.sel(rule="feedback_alignment").isel(step=slice(1, None)).median(),
            5,
            "°",
        ),
        Claim.at_least(
            "feedback alignment: steps at which theory's median lies in the central 90 % of seeds",
            inside,
            0.95,
        ),
        Claim.at_most(
            "feedback alignment: largest distance of the medians of theory and simulation",
            decades.max(),
            0.4,
            "decades",
        ),
        Claim.between("approach to the flow: exponent of the learning rate", rates, 0.4, 0.75),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw the four panels: loss (linear and logarithmic), angle, approach to the flow."""
    figure, ((linear, logarithmic), (angles, approach)) = plt.subplots(2, 2, figsize=(10.5, 8))
    first = int(data.sizes["step"] * 0.4)
    learning_curves(data.isel(step=slice(0, first + 1)), "relative_loss", linear)
    linear.set(title="a  loss", ylabel="loss / initial loss", ylim=(0, 1.05))
    learning_curves(data, "relative_loss", logarithmic)
    logarithmic.set(title="a  the same, logarithmic", ylabel="loss / initial loss")
    logarithmic.set(yscale="log", ylim=(1e-12, 3))
    learning_curves(data.sel(rule=["feedback_alignment"]), "delta_angle", angles)
    angles.set(title=r"b  $\angle(\delta_{FA}, \delta_{BP})$", ylim=(0, 100))
    angles.set(ylabel="angle of teaching signals (degrees)", yticks=range(0, 91, 15))
    for axes in (linear, logarithmic, angles):
        axes.set_xlim(left=0)
    draw_approach(data, approach)
    rule_legend(data, figure, loc="outside lower center", ncols=3)
    linear.text(
        0.97,
        0.62,
        "Dotted: the gradient flow, of\ninfinitely small learning rates. At the\nrates of "
        "a the noise of single examples\nslows learning down: see panel c.",
        transform=linear.transAxes,
        ha="right",
        fontsize=8,
        color="0.3",
    )
    figure.suptitle(
        f"Bands: {interval_note(data['relative_loss_interval'])}. Dashed: theory at these learning "
        "rates (backprop's ends where it no longer holds); dotted: the small-rate limit, the flow",
        fontsize=9,
    )
    return figure


def draw_approach(data: xr.Dataset, axes: Axes) -> None:
    """Draw the distance between simulation and flow against the learning rate."""
    for rule in data["approach_rule"].values:
        one = data.sel(approach_rule=rule)
        rate, error = one["approach_learning_rate"], one["approach_error"]
        bounds = one["approach_error_interval"].transpose("ci_bound", "approach")
        axes.errorbar(
            rate, error, abs(bounds - error), fmt="o-", color=rule_colour(str(rule)), capsize=3
        )
    guide = 0.5 * error[0] * (rate / rate[0]) ** 0.5
    axes.plot(rate, guide, ":", color="0.4")
    axes.annotate("slope ½", (rate[1], guide[1]), (6, -14), textcoords="offset points")
    axes.set(xscale="log", yscale="log", title="c  approach of simulation to theory")
    axes.set(xlabel="learning rate", ylabel=f"relative error of W up to t = {APPROACH_TIME:g}")


# %%
FIGURE = PaperFigure(
    name="fig2",
    title="Fig. 2 of Lillicrap et al. 2016: feedback alignment learns a linear function.",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    scales=tuple(SCALES),
)

if __name__ == "__main__":
    leave(FIGURE.main())
