# %% [markdown]
# # Learning rate and scales for Fig. 3a of Lillicrap et al. 2016
#
# The paper says that the range omega of the start weights and the range beta of B were found by
# manual search, by looking at the test set, at one learning rate for both rules. This script does
# the search on a grid, on a seed that the figure does not use, with 10,000 of the training images
# set aside for validation. The smallest validation error after the last epoch decides: omega and a
# learning rate for backprop, then beta and a learning rate for feedback alignment at that omega,
# so that both rules start from the same weights. Feedback alignment is the variant that transmits
# slopes, B (e o y'). The preset "lillicrap2016/fig3ab" follows the text instead (no slopes, one
# learning rate for all rules) and keeps omega, and beta of the variant, as found here.
#
# The record also has the test errors of all candidates, and what the paper's way would have
# picked from the same grid: omega for backprop and beta for feedback alignment at one learning
# rate, all by test error; and the winners with weight decay read as 1e-6 per step instead of per
# unit of time.
#
#     python analyses/tune_fig3.py [--epochs 10] [--out analyses/results]

# %%
import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.special import expit

import fatheory as fa
from fatheory.reproduction import beside_script, script_arguments

SEED = 1000
OMEGAS = (0.02, 0.05, 0.1)
RATES = {"backprop": (0.03, 0.1, 0.3), "feedback_alignment": (0.01, 0.03, 0.1)}
BETAS = (1.0, 4.0, 8.0)
IMAGES = 50_000


def candidates() -> dict[str, dict[str, float | str]]:
    """List the settings to try at one omega, by label."""
    grid: dict[str, dict[str, float | str]] = {
        f"backprop {rate:g}": {"rule": "backprop", "learning_rate": rate}
        for rate in RATES["backprop"]
    }
    for rate, beta in itertools.product(RATES["feedback_alignment"], BETAS):
        choice = {"rule": "feedback_alignment", "learning_rate": rate, "scale": beta}
        grid[f"feedback_alignment {rate:g} {beta:g}"] = choice
    return grid


def experiment(omega: float, rules: dict, epochs: int) -> fa.Experiment:
    """Return the figure's experiment on the training split, with other rules."""
    preset = fa.presets["lillicrap2016/fig3ab"]
    return preset.replaced(
        name="tuning of lillicrap2016/fig3ab",
        task=fa.ImageTask(dataset="mnist", train="train", evaluation="validation"),
        network=preset.network.replaced(start=fa.Uniform(bound=omega)),
        rules=rules,
        seeds=(SEED,),
        schedule=fa.Schedule(phases=(fa.Phase(steps=epochs * IMAGES),)),
        record=fa.Record(quantities=("classification_error", "weights"), snapshots=2),
    )


def test_error(archive: xr.Dataset, rule: str) -> float:
    """Return the error of the last weights on the test set, in percent."""
    last = archive.sel(rule=rule).isel(step=-1, seed=0)
    images = fa.tasks.load("mnist", "test")
    h = images.flattened()
    for layer in (1, 2):
        h = expit(h @ last[f"weight_{layer}"].values.T + last[f"bias_{layer}"].values)
    return float(100 * np.mean(h.argmax(axis=1) != images.labels))


def errors(asked: fa.Experiment) -> dict[str, dict[str, float]]:
    """Train, and return the errors of every rule after the last step, in percent."""
    archive = fa.simulate(asked)
    validation = archive["classification_error"].isel(step=-1, seed=0)
    return {
        str(rule): {
            "validation_error": round(float(validation.sel(rule=rule)), 4),
            "test_error": round(test_error(archive, str(rule)), 4),
        }
        for rule in archive["rule"].values
    }


# %%
def search(epochs: int) -> list[dict]:
    """Train every candidate and return one row each."""
    rows = []
    for omega in OMEGAS:
        found = errors(experiment(omega, candidates(), epochs))
        for label, choice in candidates().items():
            rows.append({**choice, "omega": omega, **found[label]})
            print(", ".join(f"{key} = {value}" for key, value in rows[-1].items()), flush=True)
    return rows


def best(rows: list[dict], by: str, **fixed: float | str) -> dict:
    """Return the row of smallest error among those with these values."""
    among = [row for row in rows if all(row[key] == value for key, value in fixed.items())]
    return min(among, key=lambda row: row[by])


def papers_way(rows: list[dict]) -> dict:
    """Choose by test error: omega for backprop, then beta at the same rate and omega."""
    shared = sorted(set(RATES["backprop"]) & set(RATES["feedback_alignment"]))
    pairs = []
    for rate in shared:
        of_backprop = best(rows, "test_error", rule="backprop", learning_rate=rate)
        same = {"learning_rate": rate, "omega": of_backprop["omega"]}
        pairs.append((of_backprop, best(rows, "test_error", rule="feedback_alignment", **same)))
    chosen = min(pairs, key=lambda pair: pair[0]["test_error"])
    return dict(zip(("backprop", "feedback_alignment"), chosen, strict=True))


def decay_per_step(winners: dict[str, dict], epochs: int) -> dict[str, dict]:
    """Train the winners with weights that shrink by 1e-6 a step, the other reading of the paper."""
    found = {}
    for rule, row in winners.items():
        choice = {key: row[key] for key in ("rule", "learning_rate", "scale") if key in row}
        asked = experiment(row["omega"], {rule: choice}, epochs)
        per_time = fa.Update(weight_decay=1e-6 / row["learning_rate"])
        found[rule] = errors(asked.replaced(update=per_time))[rule]
    return found


# %%
def main() -> None:
    """Run the search and write what it found."""
    parser = argparse.ArgumentParser(description="Settings for Fig. 3a of Lillicrap et al. 2016.")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=beside_script(globals(), "results"))
    arguments = script_arguments(parser)
    rows = search(arguments.epochs)
    backprop = best(rows, "validation_error", rule="backprop")
    same = {"rule": "feedback_alignment", "omega": backprop["omega"]}
    found = {
        "backprop": backprop,
        "feedback_alignment": best(rows, "validation_error", **same),
    }
    record = {
        "seed": SEED,
        "epochs": arguments.epochs,
        "images": {"train": IMAGES, "validation": 10_000, "test": 10_000},
        "candidates": rows,
        "found": found,
        "papers_way": papers_way(rows),
        "decay_per_step": decay_per_step(found, arguments.epochs),
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    place = arguments.out / "tune_fig3.json"
    place.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for rule, row in found.items():
        print("best:", rule, row)
    print(f"wrote {place}")


if __name__ == "__main__":
    main()
