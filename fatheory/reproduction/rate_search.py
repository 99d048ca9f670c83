"""Learning rates from a grid that is not exhausted: its best value lies inside."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import load, save
from fatheory.experiment import Experiment

Choose = Callable[[Experiment, Sequence[float]], tuple[dict[str, float], xr.DataArray]]
"""Finds the learning rates of all rules among candidates, and what they were chosen by."""
CANDIDATE = "candidate"
MOST_EXTENSIONS = 4
"""To either side: two decades of a grid by half decades."""


def search_inside(
    experiment: Experiment, candidates: Sequence[float], choose: Choose, path: Path | None = None
) -> tuple[dict[str, float], xr.DataArray]:
    """Choose every rule's learning rate, and widen the grid for rules that are best at its end.

    A rate that is best because no larger one was offered says little about a rule, and two rules
    that differ in how far their rates are from their best cannot be compared. The grid grows by
    its own ratio, one value at a time, until the best value has worse ones on both sides, or
    `MOST_EXTENSIONS` times.

    Parameters
    ----------
    experiment : Experiment
        What is trained at each candidate.
    candidates : sequence of float
        The first grid, geometric, two values or more.
    choose : callable
        As `fatheory.choose_learning_rates`.
    path : path, optional
        Where what was tried is kept, so that an interrupted table need not search again.

    Returns
    -------
    chosen : dict
        The best learning rate of every rule.
    tried : DataArray
        What decided, ``(rule, candidate)``; NaN where a candidate was not tried.
    """
    # A search costs a good part of a table, so one that was interrupted later is not repeated.
    if path is not None and path.exists():
        tried = load(path)["tried"]
    else:
        _, tried = choose(experiment, candidates)
        # Grids are geometric, so that one ratio is that of all neighbours.
        rates = np.sort(np.asarray(candidates, dtype=float))
        ratio = float(rates[1] / rates[0])
        for _ in range(MOST_EXTENSIONS):
            for at, factor in ((0, 1 / ratio), (-1, ratio)):
                tried = _widened(experiment, tried, at, factor, choose)
        if path is not None:
            save(tried.to_dataset(name="tried"), path)
    return _best(tried), tried


def at_the_end(tried: xr.DataArray) -> xr.DataArray:
    """Return which rules are best at the smallest or the largest candidate tried with them.

    Parameters
    ----------
    tried : DataArray
        ``(..., rule, candidate)``, NaN where a candidate was not tried.

    Returns
    -------
    DataArray
        ``(..., rule)``, bool; True also where every candidate diverged.
    """
    known = tried.notnull()
    candidate = tried[CANDIDATE]
    first, last = (getattr(candidate.where(known), end)(CANDIDATE) for end in ("min", "max"))
    # A rate at which a rule diverged, or that was never tried with it, is no best one.
    best = tried.fillna(np.inf).idxmin(CANDIDATE)
    return ((best == first) | (best == last)).rename("rate_at_end")


def _widened(
    experiment: Experiment, tried: xr.DataArray, at: int, factor: float, choose: Choose
) -> xr.DataArray:
    """Try one more rate beyond an end, with the rules that are best there."""
    best = _best(tried)
    beyond: dict[float, list[str]] = {}
    for rule, rate in best.items():
        # Its own end: other rules may have been tried further out.
        of_rule = tried.sel({labels.RULE: rule}).dropna(CANDIDATE)
        if rate == float(of_rule[CANDIDATE].values[at]):
            # Rules that go on to the same rate are trained together: they share one compiled
            # program.
            beyond.setdefault(rate * factor, []).append(rule)
    for rate, rules in sorted(beyond.items()):
        alone = experiment.replaced(rules={label: dict(experiment.rules)[label] for label in rules})
        _, more = choose(alone, [rate])
        tried = tried.combine_first(more).sortby(CANDIDATE)
    order = [label for label, _ in experiment.rules]
    return tried.sel({labels.RULE: order})


def _best(tried: xr.DataArray) -> dict[str, float]:
    """Return the best candidate of every rule; of equals the smallest."""
    best = tried.fillna(np.inf).idxmin(CANDIDATE)
    return {str(rule): float(best.sel({labels.RULE: rule})) for rule in tried[labels.RULE].values}
