"""Runs that diverged, announced: how many, which, since when, and what to do about it."""

import inspect
import itertools
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.errors import DivergedWarning
from fatheory.stable_rates import predicted_rates

_ADVICE = (
    "Their values are NaN from there on, and xarray's means leave NaN out without a word. Lower "
    "the learning rate: fatheory.choose_learning_rates finds one by training, and "
    "fatheory.theory.largest_stable_learning_rate predicts the largest of a linear network"
)
_LISTED = 8
"""More rules, or seeds of a rule, are counted and not listed."""
_LONGEST_LABEL = 60


def warn_of_divergence(*archives: xr.Dataset) -> None:
    """Warn if runs of archives have diverged; archives that do not say are taken for whole.

    Parameters
    ----------
    *archives : Dataset
        Run archives, selections from some, or archives of sweeps.

    Warns
    -----
    DivergedWarning
        Once for all of them, with what `describe_divergence` says of each. It names the line that
        called fatheory.
    """
    found = [(i, text) for i, a in enumerate(archives) if (text := describe_divergence(a))]
    if not found:
        return
    several = len(archives) > 1
    told = "; ".join(f"archive {i}: {text}" if several else text for i, text in found)
    advice = _ADVICE + _predicted(archives)
    warnings.warn(
        f"{told}. {advice}", DivergedWarning, stacklevel=level_of_user(inspect.currentframe())
    )


def _predicted(archives: Sequence[xr.Dataset]) -> str:
    """Say which rates theory predicts for the first run of each rule that diverged."""
    said = []
    for number, archive in enumerate(archives):
        runs = dict(itertools.islice(_lost_runs(archive), _LISTED))
        rates = predicted_rates(archive, tuple(runs.items())) if runs else {}
        where = f"archive {number}, " if len(archives) > 1 else ""
        said += [
            f"{rate:.3g} per step for {rule[:_LONGEST_LABEL]} ({where}seed {runs[rule]})"
            for rule, rate in rates.items()
        ]
    if not said:
        return ""
    return f": {', '.join(said[:_LISTED])}, at the weights where its gradient flow ends"


def _lost_runs(archive: xr.Dataset) -> Iterator[tuple[str, int]]:
    """List (rule, seed) of the first runs that diverged, of archives that have both axes."""
    told = archive.get(labels.DIVERGED)
    if told is None or set(told.dims) != {labels.RULE, labels.SEED}:
        return
    rules, seeds = archive[labels.RULE].values, archive[labels.SEED].values
    for rule, lost in zip(rules, told.transpose(labels.RULE, labels.SEED).values, strict=True):
        # Sweeps have floats here, with NaN where there is no run.
        if lost.dtype == bool and lost.any():
            yield str(rule), int(seeds[lost.argmax()])


def level_of_user(frame: FrameType | None) -> int:
    """Return the ``stacklevel`` with which a warning names the line that called fatheory.

    Python shows a warning once for a line, so it is to be the user's. Checks of types, shapes and
    descriptions, where they are turned on, put frames of their own between ours.

    Parameters
    ----------
    frame : frame
        Of the function that gives the warning, from `inspect.currentframe`.
    """
    level = 1
    while frame is not None and frame.f_back is not None and _is_inside(frame):
        level, frame = level + 1, frame.f_back
    return level


def _is_inside(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in ("fatheory", "jaxtyping", "beartype", "pydantic")


def describe_divergence(archive: xr.Dataset) -> str:
    """Say how many runs of an archive diverged, of which rules and seeds, and since which step.

    Returns
    -------
    str
        Empty if none did, or if the archive does not say.
    """
    if labels.DIVERGED not in archive:
        return ""
    told = archive[labels.DIVERGED]
    # Most archives have none, and labels cost milliseconds: a small run takes some fifty.
    if told.dtype == bool and not told.values.any():
        return ""
    # NaN, where a sweep has no run, would be True as a boolean.
    lost = told.fillna(0).astype(bool)
    if not lost.any():
        return ""
    parts = list(_of_rules(archive, lost))
    if len(parts) > _LISTED:
        parts = [*parts[:_LISTED], f"and of {len(parts) - _LISTED} more rules"]
    return f"{int(lost.sum())} of {int(told.count())} runs diverged: {', '.join(parts)}"


def _of_rules(archive: xr.Dataset, lost: xr.DataArray) -> Iterator[str]:
    """Speak of one rule after another."""
    if labels.RULE not in lost.dims:
        yield _told(archive, lost, str(archive.coords.get(labels.RULE, xr.DataArray("")).item()))
        return
    for place in range(lost.sizes[labels.RULE]):
        own = lost.isel({labels.RULE: place})
        if own.any():
            rule = str(own[labels.RULE].item()) if labels.RULE in own.coords else f"rule {place}"
            yield _told(archive.isel({labels.RULE: place}), own, rule)


def _told(archive: xr.Dataset, lost: xr.DataArray, rule: str) -> str:
    shown = rule if len(rule) <= _LONGEST_LABEL else f"{rule[:_LONGEST_LABEL]}…"
    known = [f"{int(lost.sum())} run{'s' if lost.sum() > 1 else ''}"]
    if labels.SEED in lost.coords and lost.dims in ((), (labels.SEED,)):
        seeds = np.atleast_1d(lost[labels.SEED].values)[np.atleast_1d(lost.values)].tolist()
        listed = ", ".join(map(str, seeds[:_LISTED])) + (", …" if len(seeds) > _LISTED else "")
        known = [f"seed{'s' if len(seeds) > 1 else ''} {listed}"]
    if labels.DIVERGED_AT in archive:
        since = archive[labels.DIVERGED_AT].where(lost).min().item()
        known.append(f"{'since' if lost.sum() == 1 else 'the first since'} step {int(since):,}")
    return f"{shown} ({', '.join(known)})" if shown else ", ".join(known)
