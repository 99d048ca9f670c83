"""The learning rate of every rule, chosen on examples that no result is measured on."""

from collections.abc import Sequence

import xarray as xr

from fatheory import labels
from fatheory.errors import ArrayError
from fatheory.experiment import Experiment, Record
from fatheory.train.many import train_many

VALIDATION_IMAGES = 2000
"""Enough to tell learning rates apart, at a small part of what learning costs."""


def choose_learning_rates(
    experiment: Experiment,
    candidates: Sequence[float],
    *,
    seed: int = 1000,
    progress: bool | None = None,
) -> tuple[dict[str, float], xr.DataArray]:
    """Train every rule at every candidate, and find the learning rate that ends best for each.

    Images are learned from without their validation part, and the classification error on its
    first 2,000 images decides; for other tasks the loss does. All candidates of rules that share a
    program train in it together. Ties go to the smaller rate.

    Parameters
    ----------
    experiment : Experiment
        Whose rules. Its own learning rates play no part.
    candidates : sequence of float
        Learning rates to try with every rule.
    seed : int
        The one seed of the search, which should not be one of the experiment's.
    progress : bool, optional
        As of `fatheory.simulate`.

    Returns
    -------
    chosen : dict
        The best learning rate of every rule, for `Experiment.with_learning_rates`; the smallest
        one for a rule whose runs all diverged.
    tried : DataArray
        What decided, ``(rule, candidate)``, in percent or as a loss; infinite where a run
        diverged.

    Raises
    ------
    ArrayError
        If there are no candidates.
    """
    # Ascending: `idxmin` takes the first of equals, which is to be the smallest rate.
    rates = sorted({float(rate) for rate in candidates})
    if not rates:
        raise ArrayError("choose_learning_rates needs at least one candidate; got none")
    # Not by `simulate`: that a candidate diverges is what is asked here, and no news.
    ((_, answer),) = train_many([_trial(experiment, rates, seed)], progress=progress)
    run = answer.archive()
    of_classes = experiment.task.of_classes
    measure = run["classification_error" if of_classes else labels.LOSS]
    # A diverged rate is the worst of all; `idxmin` would pass over NaN.
    last = measure.isel({labels.STEP: -1, labels.SEED: 0}).fillna(float("inf"))
    rules = experiment.rule_labels
    ends = [[float(last.sel(rule=_named(label, i))) for i in range(len(rates))] for label in rules]
    tried = xr.DataArray(
        ends,
        {labels.RULE: list(rules), "candidate": rates},
        name="tried",
        attrs={"units": measure.attrs["units"], "long_name": "what decided the learning rate"},
    )
    best = tried.idxmin("candidate")
    return {str(rule): float(best.sel(rule=rule)) for rule in tried[labels.RULE].values}, tried


def _trial(experiment: Experiment, rates: Sequence[float], seed: int) -> Experiment:
    task = experiment.task.for_choosing(VALIDATION_IMAGES)
    quantities = ("classification_error",) if task.of_classes else ()
    record = Record(quantities=quantities, snapshots=2)
    rules = {
        _named(label, i): choice.replaced(learning_rate=rate)
        for label, choice in experiment.rules
        for i, rate in enumerate(rates)
    }
    return experiment.replaced(task=task, rules=rules, record=record, seeds=(seed,))


def _named(label: str, candidate: int) -> str:
    """Return the label of a rule at a candidate, by number: rates may agree in all digits shown."""
    return f"{candidate}: {label}"
