# %% [markdown]
# # Learning rates for Fig. 3d of Lillicrap et al. 2016
#
# The paper fixes one learning rate per algorithm, chosen by hand. This script searches a grid of
# learning rates, and of scales of feedback alignment's B, for learners of four and of three layers
# alike, on seeds that the figure does not use (1000 to 1009), and records everything it tried.
# Slopes are transmitted and biases start at zero here; the presets "lillicrap2016/fig3d/4-layer"
# and ".../3-layer" follow the text instead (no slopes, random biases, one learning rate).
#
# The winner has the smallest normalised squared error on the probe, averaged over seeds and over
# the last quarter of the run, for single points of online learning at a fixed rate fluctuate. A
# seed that diverges counts as 1, the error of the best constant.
#
# A second search takes the winners to other scales of the start weights, and reads all errors at a
# quarter of the steps too: which claims of the figure hang on such choices?
#
#     python analyses/tune_fig3d.py [--out analyses/results]

# %%
import argparse
import itertools
import json
from pathlib import Path

import xarray as xr

import fatheory as fa
from fatheory.reproduction import beside_script, script_arguments

SEEDS = tuple(range(1000, 1010))
RATES = (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04)
SCALES = (0.25, 0.5, 1.0, 1.5, 2.0)
STARTS = (0.02, 0.05, 0.1, 0.2, 0.5)
DEPTHS = (4, 3)


def candidates() -> dict[str, dict[str, float | str]]:
    """List the rules to try, by label."""
    grid: dict[str, dict[str, float | str]] = {}
    for rate in RATES:
        grid[f"backprop {rate}"] = {"rule": "backprop", "learning_rate": rate}
    for rate, scale in itertools.product(RATES, SCALES):
        choice = {"rule": "feedback_alignment", "learning_rate": rate, "scale": scale}
        grid[f"feedback_alignment {rate} {scale}"] = choice
    return grid


def train(depth: int, rules: dict, start: float | None = None) -> list[dict]:
    """Train learners of a depth by these rules; return a row of errors for each."""
    preset = fa.presets[f"lillicrap2016/fig3d/{depth}-layer"]
    network = preset.network.replaced(biases=fa.Uniform(bound=0.0))
    if start is not None:
        network = network.replaced(start=fa.Uniform(bound=start))
    archive = fa.simulate(
        preset.replaced(
            name="tuning of lillicrap2016/fig3d",
            network=network,
            rules=rules,
            seeds=SEEDS,
            record=preset.record.replaced(quantities=(), snapshots=41),
        )
    )
    shared = {"depth": depth, "start": network.start.bound}
    rows = [{**shared, **choice, **errors(archive, label)} for label, choice in rules.items()]
    for row in rows:
        print(", ".join(f"{key} = {value}" for key, value in row.items()), flush=True)
    return rows


def errors(archive: xr.Dataset, label: str) -> dict[str, float]:
    """Return mean errors over seeds: over the last quarter of a run, and up to a quarter of it."""
    error = fa.metrics.normalized_squared_error(archive).sel(rule=label).fillna(1.0)
    steps = int(error["step"][-1])
    late = error.where(error["step"] >= 0.75 * steps, drop=True)
    early = error.where(abs(error["step"] / steps - 0.25) <= 0.05, drop=True)
    return {
        "nse": float(f"{float(late.mean()):.4g}"),
        "nse_at_a_quarter": float(f"{float(early.mean()):.4g}"),
        "diverged": int(archive["diverged"].sel(rule=label).sum()),
    }


# %%
def best(rows: list[dict]) -> dict[str, dict[str, dict]]:
    """Return the winner of each depth and rule."""
    found: dict[str, dict[str, dict]] = {}
    for depth, rule in itertools.product(DEPTHS, ("backprop", "feedback_alignment")):
        among = [row for row in rows if (row["depth"], row["rule"]) == (depth, rule)]
        found.setdefault(str(depth), {})[rule] = min(among, key=lambda row: row["nse"])
    return found


def other_starts(found: dict[str, dict[str, dict]]) -> list[dict]:
    """Train the winners from start weights of other scales."""
    rows = []
    for depth, start in itertools.product(DEPTHS, STARTS):
        keys = ("rule", "learning_rate", "scale")
        rules = {
            rule: {key: row[key] for key in keys if key in row}
            for rule, row in found[str(depth)].items()
        }
        rows += train(depth, rules, start)
    return rows


# %%
def main() -> None:
    """Run the searches and write what they found."""
    parser = argparse.ArgumentParser(description="Settings for Fig. 3d of Lillicrap et al. 2016.")
    parser.add_argument("--out", type=Path, default=beside_script(globals(), "results"))
    out: Path = script_arguments(parser).out
    rows = [row for depth in DEPTHS for row in train(depth, candidates())]
    found = best(rows)
    record = {
        "seeds": SEEDS,
        "steps": fa.presets["lillicrap2016/fig3d/4-layer"].schedule.steps,
        "candidates": rows,
        "found": found,
        "other_starts": other_starts(found),
    }
    out.mkdir(parents=True, exist_ok=True)
    place = out / "tune_fig3d.json"
    place.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for depth, rule in itertools.product(DEPTHS, ("backprop", "feedback_alignment")):
        print("best:", found[str(depth)][rule])
    print(f"wrote {place}")


if __name__ == "__main__":
    main()
