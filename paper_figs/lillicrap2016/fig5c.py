# %% [markdown]
# # Fig. 5c of Lillicrap et al. 2016: how B comes to act like the transpose of W
#
# The network of Fig. 5a learns in three phases. In phase 1 only W0 learns, dW0 ~ B e x^T: B is
# written into W0, to no use. In phase 2 only W learns, dW ~ e h^T, with h made by W0: B passes from
# W0 into W. In phase 3 only W0 learns again, by the rule of phase 1, and now the error falls, for
# errors that come through B tell what W0 must do. A control, ours, leaves phase 1 out: W0 then
# holds no B that could pass into W.
#
#     python paper_figs/lillicrap2016/fig5c.py [--scale quick|paper] [--out DIR] [--redraw]
#
# `quick` is 3 seeds and phases of half the length, `paper` 20 seeds (the paper states neither).
# `analyses/vary_fig5.py` varies what the paper leaves open.

# %%
import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import fatheory as fa
from fatheory.claims import Claim
from fatheory.figures import interval_note, learning_curves
from fatheory.reproduction import PaperFigure, RunCache, beside_script, leave, origin

WHOLE, CONTROL = "three phases", "without phase 1"
SCALES: dict[str, dict] = {"quick": {"seeds": 3}, "paper": {}}
SHORTER = {"quick": 2, "paper": 1}
GRID = 1000
MOMENTS = ("start", "phase 1", "phase 2", "phase 3")
"""Where errors and angles are compared: at the start and at the ends of the phases."""
LINES = {WHOLE: "-", CONTROL: (0, (1, 1))}
LEARNING, FROZEN, FEEDBACK = "#D55E00", "0.45", "#009E73"


# %%
def experiment(scale: str, course: str) -> fa.Experiment:
    """Return the experiment of the figure, or its control."""
    preset = fa.presets["lillicrap2016/fig5c"].with_settings(SCALES[scale])
    phases = [
        phase.replaced(steps=phase.steps // SHORTER[scale]) for phase in preset.schedule.phases
    ]
    schedule = fa.Schedule(phases=tuple(phases if course == WHOLE else phases[1:]))
    return preset.replaced(
        schedule=schedule,
        record=preset.record.replaced(
            quantities=("weight_angle",), steps=tuple(range(0, schedule.steps, GRID))
        ),
    )


def compute(scale: str, cache: RunCache) -> tuple[xr.Dataset, list[Claim]]:
    """Train with all phases and without the first; return errors, angles, and the claims."""
    asked = {course: experiment(scale, course) for course in (WHOLE, CONTROL)}
    runs = {course: fa.simulate(one, path=cache(one)) for course, one in asked.items()}
    ends = asked[WHOLE].schedule.ends
    late = runs[CONTROL].assign_coords(step=runs[CONTROL]["step"] + ends[0])
    courses = [measured(runs[WHOLE]), measured(late).reindex(step=runs[WHOLE]["step"])]
    both = xr.concat(courses, xr.DataArray([WHOLE, CONTROL], dims="course", name="course"))
    spreads = [fa.metrics.spread(both[name]) for name in both.data_vars]
    data = xr.merge(spreads).expand_dims(source=["simulation"]).assign(phase_end=("phase", [*ends]))
    moments = both.isel(rule=0, drop=True).sel(step=[0, *ends]).rename(step="moment")
    moments = moments.assign_coords(moment=list(MOMENTS))
    data = data.merge(moments.rename({name: f"{name}_of_seeds" for name in both.data_vars}))
    return data.assign_attrs(origin(runs)), check(moments)


def measured(run: xr.Dataset) -> xr.Dataset:
    """Return the error, and the angle between W and the transpose of B."""
    error = fa.metrics.normalized_squared_error(run)
    angle = fa.metrics.angle(run, "weight", layer=2)
    return xr.Dataset({"error": error, "angle": angle}).reset_coords(drop=True)


def of_seeds(data: xr.Dataset) -> xr.Dataset:
    """Return errors and angles of every seed from stored data, as `check` takes them."""
    return data[["error_of_seeds", "angle_of_seeds"]].rename(
        error_of_seeds="error", angle_of_seeds="angle"
    )


# %%
def check(moments: xr.Dataset) -> list[Claim]:
    """Measure what the figure must show, from values of every seed."""
    whole, control = (moments.sel(course=course, drop=True) for course in (WHOLE, CONTROL))
    error = {moment: whole["error"].sel(moment=moment, drop=True) for moment in MOMENTS}
    angle = {moment: whole["angle"].sel(moment=moment, drop=True) for moment in MOMENTS}
    fall = fa.metrics.t_test(error["phase 3"], error["phase 2"], paired=True)
    test = f"t({float(fall['degrees_of_freedom']):.0f}) = {float(fall['t']):.1f}"
    without = {moment: control.sel(moment=moment, drop=True) for moment in MOMENTS[2:]}
    return [
        Claim.at_least(
            "phase 1: error, end / start, smallest of any seed",
            (error["phase 1"] / error["start"]).min(),
            0.98,
        ),
        Claim.between("phase 1: angle at its end, median", angle["phase 1"].median(), 85, 95, "°"),
        Claim.at_most("phase 2: angle at its end, median", angle["phase 2"].median(), 70, "°"),
        Claim.at_most("phase 2: the same, largest of any seed", angle["phase 2"].max(), 70, "°"),
        Claim.at_most(
            "phase 3: error, end / start, median",
            (error["phase 3"] / error["phase 2"]).median(),
            0.9,
        ),
        Claim.at_most(
            "phase 3: change of the error, upper end of the paired 95 % interval",
            fall["difference_interval"].sel(ci_bound="upper"),
            -0.01,
            "NSE",
        ),
        Claim.at_most(f"phase 3: P, paired, {test}", fall["p_value"], 0.001),
        Claim.between(
            "without phase 1: angle at the end of phase 2, median",
            without["phase 2"]["angle"].median(),
            85,
            95,
            "°",
        ),
        Claim.at_least(
            "without phase 1: error in phase 3, end / start, smallest of any seed",
            (without["phase 3"]["error"] / without["phase 2"]["error"]).min(),
            0.98,
        ),
    ]


# %%
def draw(data: xr.Dataset) -> Figure:
    """Draw what flows where, the error and the angle, one below the other."""
    figure, panels = plt.subplots(
        3, 1, figsize=(8.5, 8.6), sharex=True, height_ratios=(1, 1.5, 1.5)
    )
    flow, errors, angles = panels
    ends = [0, *data["phase_end"].values.tolist()]
    draw_flow(flow, ends)
    for course, line in LINES.items():
        one = data.sel(course=course)
        (curve,) = learning_curves(one, "error", errors, linestyle=line).values()
        curve.set_label(course)
        learning_curves(one, "angle", angles, linestyle=line)
    for axes in (errors, angles):
        for i, (first, last) in enumerate(itertools.pairwise(ends)):
            axes.axvspan(first, last, color="0.5", alpha=0.1 * (i % 2), linewidth=0)
    errors.set(ylabel="normalised squared error", ylim=(0, None), xlabel="")
    errors.legend(loc="lower left")
    angles.axhline(90, color="0.3", linestyle=":", linewidth=1.2)
    angles.set(ylabel=r"$\angle(W, B^\mathsf{T})$ (degrees)", ylim=(0, 100))
    angles.set(yticks=range(0, 91, 15), xlim=(0, ends[-1]))
    angles.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    figure.suptitle(f"Bands: {interval_note(data['error_interval'])}", fontsize=9)
    return figure


def draw_flow(axes: Axes, ends: list[int]) -> None:
    """Draw the network once per phase: what learns, and where information about B flows."""
    axes.set(ylim=(-0.75, 0.95), title="c  phases of learning")
    axes.axis("off")
    reach = 0.36 * min(last - first for first, last in itertools.pairwise(ends))
    stories = ("$B$ shapes $W_0$", "$W_0$ shapes $W$", "$B$ teaches $W_0$")
    for i, story in enumerate(stories):
        middle = (ends[i] + ends[i + 1]) / 2
        draw_network(axes, middle, reach, first_learns=i != 1)
        axes.text(middle, 0.78, f"{i + 1}", ha="center", weight="bold", fontsize=11)
        axes.text(middle, -0.72, story, ha="center", fontsize=9)


def draw_network(axes: Axes, middle: float, reach: float, first_learns: bool) -> None:
    """Draw x -> h -> y with the feedback of the error, and what learns in colour."""
    places = {"x": middle - reach, "h": middle, "y": middle + reach}
    arrow = {"arrowstyle": "-|>", "shrinkA": 9, "shrinkB": 9}
    for below, above, name, learns in (
        ("x", "h", "$W_0$", first_learns),
        ("h", "y", "$W$", not first_learns),
    ):
        look = {"color": LEARNING, "linewidth": 2.6} if learns else {"color": FROZEN}
        axes.annotate("", (places[above], 0), (places[below], 0), arrowprops=arrow | look)
        text = name if learns else f"{name} frozen"
        axes.text(
            (places[below] + places[above]) / 2,
            -0.38,
            text,
            ha="center",
            color=look["color"],
            fontsize=9,
        )
    axes.annotate(
        "",
        (places["h"], 0),
        (places["y"], 0),
        arrowprops=arrow
        | {
            "color": FEEDBACK if first_learns else FROZEN,
            "connectionstyle": "arc3,rad=0.7",
            "linestyle": "-" if first_learns else ":",
        },
    )
    axes.text(
        middle + reach / 2,
        0.42,
        "$B e$",
        ha="center",
        fontsize=9,
        color=FEEDBACK if first_learns else FROZEN,
    )
    for name, place in places.items():
        axes.text(place, 0, f"${name}$", ha="center", va="center", fontsize=11)


# %%
FIGURE = PaperFigure(
    name="fig5c",
    title="Fig. 5c of Lillicrap et al. 2016: how B comes to act like the transpose of W.",
    compute=compute,
    draw=draw,
    folder=Path("out/lillicrap2016"),
    results=beside_script(globals(), "results"),
    check=lambda data: check(of_seeds(data)),
)

if __name__ == "__main__":
    leave(FIGURE.main())
