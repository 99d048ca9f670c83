"""The cells of a table: one experiment for every image set and setting, at its best rates."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from fatheory import labels
from fatheory.claims import Claim
from fatheory.experiment import Experiment, ImageTask, Phase, StepDecay
from fatheory.reproduction.cells import IMAGE_SET, cell, gather, joined_along
from fatheory.reproduction.image_sets import image_sets_at_hand
from fatheory.reproduction.origin import origin
from fatheory.reproduction.rate_search import Choose, at_the_end, search_inside
from fatheory.reproduction.run_cache import RunCache

Cells = Mapping[tuple[str, str], Sequence[Experiment]]
"""From (image set, setting) to what is asked, by experiments of different rules."""


@runtime_checkable
class Simulate(Protocol):
    """`fatheory.simulate`, which keeps a run's archive at a path and goes on with it."""

    def __call__(self, experiment: Experiment, *, path: Path | None) -> xr.Dataset:
        """Train."""


_ALL_SETS = ("mnist", "cifar-10", "fashion-mnist")
_IMAGE_SETS = {"quick": _ALL_SETS[:2], "full": _ALL_SETS, "paper": _ALL_SETS}
_TASK = {"train": "train+validation", "evaluation": "test", "preprocessing": "standardized"}
_OF_UNIT_STEPS = (1e-3, 3e-3, 1e-2)
CANDIDATES = (
    (3e-4, 3e-3, 3e-2),
    (1e-4, 3e-4, 1e-3),
    _OF_UNIT_STEPS,
    _OF_UNIT_STEPS,
)
"""Learning rates to begin with, by setting of Batch Manhattan. In setting 1 momentum adds up ten
signs; in 2 and 3 a weight moves by the learning rate. The grid grows where its end is best."""
_QUICK: dict[str, Any] = {
    "network.blocks": [
        {"channels": 8},
        {"channels": 8, "pool": {"kind": "average"}},
        {"channels": 16, "pool": {"kind": "average"}},
    ],
    "network.hidden": [32],
    "record.probe_samples": 200,
    "record.snapshots": 2,
    "record.quantities": [
        "classification_error",
        "delta_angle",
        "gradient_norm",
        "sign_concordance",
        "update_sign_agreement",
        "weight_angle",
    ],
    "seeds": 3,
}
# Enough that rules part on digits, little enough that a table takes minutes on two cores.
QUICK_STEPS = 300
FULL_EPOCHS = 4
_FULL: dict[str, Any] = {
    "record.probe_samples": 200,
    "record.snapshots": 5,
    "record.quantities": _QUICK["record.quantities"],
    "seeds": 3,
}
"""What hours of two cores reach: the paper's network for a fifteenth of its epochs."""
# Long enough that rates which diverge late or learn slowly are seen; a quarter of the cost for
# each.
SEARCH_SHARE = 1 / 4
"""How much of a run the search for learning rates trains."""


def at_scale(experiment: Experiment, task: ImageTask, scale: str) -> Experiment:
    """Return a table's experiment on an image set, at the paper's size or a smaller one.

    Quick is the same depth with a quarter of the channels, 300 updates from batches of 100, and
    3 seeds; full is the paper's network for 4 epochs, 3 seeds; the paper's size is as described,
    for as many epochs of the image set.
    """
    # Epochs are what the sizes of image sets share; steps are not.
    epochs = experiment.schedule.steps * experiment.schedule.batch_size / experiment.task.samples
    small = experiment.replaced(task=task)
    if scale == "quick":
        return _lasting(small.with_settings(_QUICK), QUICK_STEPS)
    if scale == "full":
        small, epochs = small.with_settings(_FULL), FULL_EPOCHS
    return _lasting(small, round(epochs * task.samples / experiment.schedule.batch_size))


def compute_table(
    base: Experiment,
    scale: str,
    settings: Callable[[Experiment], Mapping[str, Sequence[Experiment]]],
    simulate: Simulate,
    choose: Choose,
    cache: RunCache,
    *,
    image_sets: Sequence[str] = (),
) -> xr.Dataset:
    """Compute the cells of every image set at hand.

    Parameters
    ----------
    base : Experiment
        The table's experiment, at the paper's size.
    scale : str
        ``"quick"``, ``"full"`` or ``"paper"``, as of `at_scale`.
    settings : callable
        From the experiment on an image set to what each of the table's settings asks.
    simulate, choose, cache
        As of `compute_cells`.
    image_sets : sequence of str
        Names; left out, those that tables have at the scale.
    """
    tasks = image_sets_at_hand(*(image_sets or _IMAGE_SETS[scale]), **_TASK)
    cells = {
        (title, setting): experiments
        for title, task in tasks.items()
        for setting, experiments in settings(at_scale(base, task, scale)).items()
    }
    return compute_cells(cells, simulate, choose, cache)


def claims_by_image_set(
    data: xr.Dataset, check: Callable[[xr.Dataset, str], list[Claim]]
) -> list[Claim]:
    """Return what a table claims of every image set, by its title."""
    return [claim for title in data[IMAGE_SET].values for claim in check(data, str(title))]


def compute_cells(cells: Cells, simulate: Simulate, choose: Choose, cache: RunCache) -> xr.Dataset:
    """Choose learning rates for every cell, train it, say so, and gather the summaries.

    Parameters
    ----------
    cells : mapping
        What is asked. Rules may differ between settings, and must between experiments of one.
    simulate, choose : callable
        `fatheory.simulate`, and how learning rates are found on a shorter run.
    cache : callable
        Where a run is kept while it goes on, as `PaperFigure.compute` gets it.

    Returns
    -------
    Dataset
        As of `gather`, with ``tried (image_set, setting, rule, candidate)``, the validation
        errors that decided, ``rate_at_end (image_set, setting, rule)``, whether the best of them
        has no worse one beyond, and the attributes of `origin`.
    """
    summaries: dict[tuple[str, str], xr.Dataset] = {}
    runs: dict[str, xr.Dataset] = {}
    for place, experiments in cells.items():
        answers = [_cell(experiment, simulate, choose, cache) for experiment in experiments]
        summaries[place] = joined_along(labels.RULE, [summary for _, summary in answers])
        runs |= {f"{' '.join(place)} {i}": run for i, (run, _) in enumerate(answers)}
        print(f"{', '.join(place)}: {_said(summaries[place])}", flush=True)
    data = gather(summaries)
    return data.assign(rate_at_end=at_the_end(data["tried"])).assign_attrs(origin(runs))


def _cell(
    experiment: Experiment, simulate: Simulate, choose: Choose, cache: RunCache
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return a run at its best learning rates, and its summary with what they were chosen by."""
    short = _lasting(experiment, round(SEARCH_SHARE * experiment.schedule.steps))
    kept = cache(short)
    kept_search = None if kept is None else kept.with_name(f"{kept.stem}-search.zarr")
    rates, tried = search_inside(
        short, CANDIDATES[experiment.update.manhattan], choose, kept_search
    )
    chosen = experiment.with_learning_rates(rates)
    run = simulate(chosen, path=cache(chosen))
    # Of the run itself nothing is kept but where it comes from.
    return run[[labels.LOSS]], cell(run, experiment.task.outputs).assign(tried=tried)


def _lasting(experiment: Experiment, steps: int) -> Experiment:
    """Return the experiment with another number of steps, falling rates and all."""
    schedule, old = experiment.schedule, experiment.schedule.steps
    # Tables have one phase: with several nobody could say which of them to shorten.
    (phase,) = schedule.phases
    decay = schedule.decay
    if isinstance(decay, StepDecay):
        # Falls stay at the same share of the run; at step 0 there would be no rate before the fall.
        decay = decay.replaced(at=tuple(max(1, round(at * steps / old)) for at in decay.at))
    phases = (Phase(steps=steps, frozen=phase.frozen),)
    return experiment.replaced(schedule=schedule.replaced(phases=phases, decay=decay))


def _said(summary: xr.Dataset) -> str:
    means = summary["error"].mean(labels.SEED)
    return ", ".join(f"{rule} {float(means.sel(rule=rule)):.2f} %" for rule in means["rule"].values)
