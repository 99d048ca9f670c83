"""What an archive that stands at a path says of the experiment that it answers."""

import os
from collections.abc import Sequence

import xarray as xr

from fatheory import labels
from fatheory.archive import attributes
from fatheory.experiment import Experiment


def as_stored(experiment: Experiment, path: str | os.PathLike[str]) -> tuple[Experiment, str]:
    """Return the experiment as the archive at a path has it, and the content hash it has there.

    Descriptions are compared as this version reads them, and not by their hashes: those of an
    earlier version are others, and rules stand in the order in which they were stored.

    Parameters
    ----------
    experiment : Experiment
        What is asked.
    path : path
        Where its archive may stand, finished or not.

    Returns
    -------
    Experiment, str
        The stored one where it is equal; else what is asked, with its own hash.

    Raises
    ------
    InvalidExperimentError
        If what stands there was described by a newer version, or with parts of packages that are
        not here.
    """
    found = attributes(path)
    text, called = found.get(labels.ATTR_EXPERIMENT), found.get(labels.ATTR_HASH)
    if isinstance(text, str) and isinstance(called, str):
        stored = type(experiment).from_json(text)
        if stored == experiment:
            return stored, called
    return experiment, experiment.content_hash


def in_order(archive: xr.Dataset, rules: Sequence[str]) -> xr.Dataset:
    """Return an archive with its rules in the order in which they were asked for."""
    if archive[labels.RULE].values.tolist() == list(rules):
        return archive
    return archive.sel({labels.RULE: list(rules)})
