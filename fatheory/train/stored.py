"""What an archive that stands at a path says of the experiment that it answers."""

import os
from collections.abc import Sequence

import xarray as xr

from fatheory import labels
from fatheory.archive import attributes, is_unfinished, load, resolved
from fatheory.archive.run_writer import ADVICE
from fatheory.errors import ArchiveWriteError
from fatheory.experiment import Experiment, LinearTask
from fatheory.experiment.differences import differences
from fatheory.experiment.migration import read_description
from fatheory.quantities import of_now


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
    ArchiveWriteError
        If a default has changed since, so that equal hashes mean different experiments, or an
        earlier version computed other numbers.
    """
    found = attributes(path)
    text, called = found.get(labels.ATTR_EXPERIMENT), found.get(labels.ATTR_HASH)
    if isinstance(text, str) and isinstance(called, str):
        stored = completed(type(experiment).from_json(text), experiment)
        if stored == experiment:
            _refuse_other_numbers(path, text, stored)
            return stored, called
        if called == experiment.content_hash:
            raise ArchiveWriteError(
                f"{path} holds a run of the same content hash in which a value that is left to its "
                f"default is another: defaults have changed since; describe the run with the "
                f"values that it had, or choose another path, or pass restart=True (on the "
                f"command line --restart) to replace it"
            )
    return experiment, experiment.content_hash


def refuse_another_experiment(
    path: str | os.PathLike[str], source: str, experiment: Experiment
) -> None:
    """Refuse a path at which another experiment is answered, by the keys that differ.

    Raises
    ------
    ArchiveWriteError
        If a run of this source stands there that is of none that is equal.
    """
    found = attributes(path)
    stored = type(experiment).from_attributes(found)
    if labels.ATTR_SWEEP in found or found.get(labels.ATTR_SOURCE) != source or stored is None:
        return
    told = "\n".join(
        f"  {text}"
        for part in type(experiment).model_fields
        if part != "name"  # which experiments that are equal may differ in
        if (text := differences(stored, experiment, part))
    )
    if told:
        what = (
            "is the unfinished archive of another run"
            if is_unfinished(path)
            else ("holds another archive")
        )
        raise ArchiveWriteError(
            f"{resolved(path)} {what}; {ADVICE} to replace it. What differs:\n{told}"
        )


def _refuse_other_numbers(path: str | os.PathLike[str], text: str, experiment: Experiment) -> None:
    """Refuse what an earlier version wrote and would be measured otherwise by this one."""
    if measured_otherwise(text, experiment):
        raise ArchiveWriteError(
            f"{path} is of a version that measured losses of noisy samples by the map that fits "
            f"them best, and this one measures them without noise; choose another path, or pass "
            f"restart=True (on the command line --restart) to replace it"
        )


def measured_otherwise(text: str, experiment: Experiment) -> bool:
    """Whether the version that wrote a description measured its losses in another way."""
    task = experiment.task
    if read_description("Experiment", text)["version"] > 1 or not isinstance(task, LinearTask):
        return False
    return bool(task.samples and task.noise)


def take_own_arrays(experiment: Experiment, path: str | os.PathLike[str]) -> None:
    """Take arrays of one's own from the archive that stands at a path, where it has the same.

    So a run goes on where nothing but its description and its archive is left.

    Raises
    ------
    DataError
        If the archive was changed.
    """
    if experiment.has_arrays:
        return
    stored = type(experiment).from_attributes(attributes(path))
    own = ("task", "root_seed", "initial")
    if stored is not None and all(getattr(stored, k) == getattr(experiment, k) for k in own):
        experiment.take_arrays(load(path))


def completed(stored: Experiment, experiment: Experiment) -> Experiment:
    """Fill in what an earlier version did not write down of the task, such as a digest.

    Digests of own quantities that are of earlier versions become those of now.
    """
    sources, asked = dict(stored.record.sources), dict(experiment.record.sources)
    if sources.keys() == asked.keys() and sources != asked and of_now(sources) == asked:
        record = stored.record.model_dump() | {"sources": asked}
        stored = stored.replaced(record=record)
    task = stored.task.completed_by(experiment.task)
    return stored if task is stored.task else stored.replaced(task=task)


def in_order(archive: xr.Dataset, rules: Sequence[str]) -> xr.Dataset:
    """Return an archive with its rules in the order in which they were asked for."""
    if archive[labels.RULE].values.tolist() == list(rules):
        return archive
    return archive.sel({labels.RULE: list(rules)})
