# %% [markdown]
# # What Fig. 5 of Lillicrap et al. 2016 does not hang on
#
# The paper chose the scales of start weights and of B by hand and does not name them, nor the
# learning rate. Here `fatheory.presets["lillicrap2016/fig5a"]` and `.../fig5c` are trained with
# one of them changed at a time, on seeds that the figure does not use (1000 to 1002). Where the
# learning rate changes, steps change with it, so that learning rate times steps stays the same.
#
# What to see: in every row the median angle over units ends well below 90 degrees, and the phases
# do what the paper says. What does change is the way there: with a learning rate three times as
# large the median angle first rises.
#
#     python analyses/vary_fig5.py [--out analyses/results]

# %%
import argparse
import json
from pathlib import Path

import xarray as xr

import fatheory as fa
from fatheory.reproduction import beside_script, script_arguments

SEEDS = (1000, 1001, 1002)
STARTS = (0.01, 0.3)
RATES = (3e-5, 3e-4)
SCALES = (0.5, 2.0)


def variations() -> list[dict[str, float]]:
    """List the settings to try: those of the preset, and each changed on its own."""
    preset = fa.presets["lillicrap2016/fig5a"]
    (_, choice), *_ = preset.rules
    base = {
        "start": preset.network.start.bound,
        "learning_rate": choice.learning_rate,
        "scale": choice.make().scale,
    }
    changed = {"start": STARTS, "learning_rate": RATES, "scale": SCALES}
    return [base, *(base | {key: value} for key, values in changed.items() for value in values)]


def experiment(name: str, settings: dict[str, float]) -> fa.Experiment:
    """Return a preset with other settings, biases starting like weights."""
    preset = fa.presets[name]
    law = fa.Uniform(bound=settings["start"])
    longer = preset.learning_rates[0] / settings["learning_rate"]
    phases = [phase.replaced(steps=round(longer * phase.steps)) for phase in preset.schedule.phases]
    rule = {"learning_rate": settings["learning_rate"], "scale": settings["scale"]}
    return preset.replaced(
        network=preset.network.replaced(start=law, biases=law),
        rules={"feedback_alignment": rule},
        schedule=fa.Schedule(phases=tuple(phases)),
        record=preset.record.replaced(quantities=("unit_angle", "weight_angle"), snapshots=41),
        seeds=SEEDS,
    )


# %%
def of_units(run: xr.Dataset) -> dict[str, float]:
    """Return the median angle over units at the start, at its largest and at the end."""
    angle = run["unit_angle"].isel(rule=0)
    (unit,) = set(angle.dims) - {"seed", "step"}
    median = angle.median(unit).mean("seed")
    return {
        "angle_start": float(median[0]),
        "angle_largest": float(median.max()),
        "angle_end": float(median[-1]),
        "nse_end": float(nse(run)[-1]),
    }


def of_phases(run: xr.Dataset) -> dict[str, float]:
    """Return what every phase does to the error, and the angle of W after phase 2."""
    ends = fa.Experiment.from_json(run.attrs["experiment"]).schedule.ends
    start, first, second, third = (float(nse(run).sel(step=step)) for step in (0, *ends))
    angle = fa.metrics.angle(run, "weight", layer=2).isel(rule=0).mean("seed")
    return {
        "phase_1_nse_ratio": first / start,
        "phase_2_angle": float(angle.sel(step=ends[1])),
        "phase_3_nse_ratio": third / second,
    }


def nse(run: xr.Dataset) -> xr.DataArray:
    """Return the normalised squared error, the mean over seeds."""
    return fa.metrics.normalized_squared_error(run).isel(rule=0).mean("seed")


# %%
def main() -> None:
    """Train all variations and write what they did."""
    parser = argparse.ArgumentParser(description="Settings of Fig. 5 of Lillicrap et al. 2016.")
    parser.add_argument("--out", type=Path, default=beside_script(globals(), "results"))
    out: Path = script_arguments(parser).out
    rows = []
    for settings in variations():
        whole = fa.simulate(experiment("lillicrap2016/fig5a", settings))
        phases = fa.simulate(experiment("lillicrap2016/fig5c", settings))
        measured = of_units(whole) | of_phases(phases)
        rows.append(settings | {key: float(f"{value:.4g}") for key, value in measured.items()})
        print(", ".join(f"{key} = {value:g}" for key, value in rows[-1].items()), flush=True)
    out.mkdir(parents=True, exist_ok=True)
    record = {"seeds": SEEDS, "rows": rows}
    (out / "vary_fig5.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
