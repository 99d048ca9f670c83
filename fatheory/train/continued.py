"""A run that begins where another one ended."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import (
    RunWriter,
    WriterLock,
    attributes,
    check_free,
    is_unfinished,
    largest_unit_axis,
    load,
    publish_folder,
    require_version,
    resolved,
    writing,
)
from fatheory.errors import ArchiveError, ArchiveWriteError
from fatheory.experiment import Experiment, Schedule
from fatheory.experiment.differences import differences
from fatheory.labelled_arrays import units_in_order
from fatheory.networks import Parameters
from fatheory.train.answer import SOURCE, Answer, equations
from fatheory.train.run import Run
from fatheory.train.sinks import Sink
from fatheory.train.state import State
from fatheory.train.stored import measured_otherwise
from fatheory.updates import schedule_factors

_FREE = ("name", "schedule", "record")
_OF_RECORD = ("quantities", "sources", "probe_samples", "receptive_units")
_STAMP = (labels.ATTR_HASH, labels.ATTR_EXPERIMENT, labels.ATTR_CREATED, labels.ATTR_WALL_TIME)
"""What tells one archive of a run from another."""
_SHOWN = 5


@dataclass(frozen=True)
class Past:
    """What was done of a run that goes on.

    Attributes
    ----------
    archive : Dataset
        Its archive, rules and seeds in the order of the run that goes on.
    step : int
        How many updates were done.
    steps : tuple of int
        The steps up to there of which the run that goes on keeps what was recorded.
    """

    archive: xr.Dataset
    step: int
    steps: tuple[int, ...]

    @classmethod
    def of(cls, archive: xr.Dataset, experiment: Experiment) -> "Past":
        """Take an archive for the first part of what is asked.

        Raises
        ------
        ArchiveError
            If what was done would be done otherwise, or it does not hold what is needed to go on;
            the message names everything.
        """
        if labels.ATTR_SWEEP in archive.attrs and labels.ATTR_EXPERIMENT not in archive.attrs:
            raise ArchiveError(
                "a run goes on from a run, and this is a sweep: take one of its cells by "
                "fatheory.sweep.cell"
            )
        if labels.ATTR_SCHEMA in archive.attrs:
            require_version(archive)
        stored = Experiment.from_attributes(archive.attrs)
        if stored is None:
            raise ArchiveError("there is nothing to go on from: no description of an experiment")
        archive = _with_runs(archive)
        reasons = list(_changes(stored, experiment)) or list(_lacking(archive, stored, experiment))
        if reasons:
            lines = "".join(f"\n  {reason}" for reason in reasons)
            raise ArchiveError(
                f"the run cannot go on from an archive of which the past would change:{lines}"
            )
        done = stored.schedule.steps
        kept = tuple(step for step in experiment.snapshot_steps if step <= done)
        own = {labels.RULE: list(experiment.rule_labels), labels.SEED: list(experiment.seeds)}
        return cls(archive.sel(own), done, kept)

    @property
    def diverged_at(self) -> np.ndarray:
        """First steps with a non-finite error, (rule, seed); -1 for none."""
        known = self.archive[labels.DIVERGED_AT].transpose(labels.RULE, labels.SEED)
        return known.values.astype(np.int64)

    def at(self, step: int) -> dict[str, np.ndarray]:
        """Return what was recorded at a step: arrays (rule, seed, ...)."""
        return {
            str(name): values.sel({labels.STEP: step})
            .transpose(labels.RULE, labels.SEED, ...)
            .values
            for name, values in self.archive.data_vars.items()
            if labels.STEP in values.dims
        }

    def require_same(self, other: "Past", path: str | os.PathLike[str]) -> None:
        """Refuse to put this past in the place of another one.

        Raises
        ------
        ArchiveWriteError
            If what they recorded last differs, as it does between two machines.
        """
        if self is other:
            return
        ours, theirs = self.at(self.step), other.at(other.step)
        if self.step != other.step or not all(
            name in ours and np.array_equal(ours[name], values, equal_nan=values.dtype.kind == "f")
            for name, values in theirs.items()
        ):
            raise ArchiveWriteError(
                f"{resolved(path)} holds another run of this experiment than that to continue "
                f"from, and would be replaced: choose another path, or leave continue_from out to "
                f"go on with what is there"
            )

    def hand_over(self, run: Run, sink: Sink) -> None:
        """Bring a run to where this one ended, and its record to a sink."""
        run.restore(self.step, self.state(run.state(), run.experiment), self.diverged_at)
        for place, step in enumerate(self.steps):
            sink.add(place, self.at(step))

    def state(self, fresh: State, experiment: Experiment) -> State:
        """Return the state at the end, of the form of a fresh one.

        Raises
        ------
        ArchiveError
            If a part of it is not in the archive.
        """
        last, known = self.at(self.step), _names(experiment)
        found: State = {}
        for i, rule in enumerate(experiment.rule_labels):
            # The kind that programs hold it in; archives have int64.
            found[rule] = {".diverged_at": self.diverged_at[i].astype(np.int32)}
            for key, array in fresh[rule].items():
                if key in known:
                    found[rule][key] = last[known[key]][i].astype(array.dtype)
                elif key.startswith(".memory") and self.step in experiment.schedule.ends:
                    found[rule][key] = array  # a phase begins without memory
                elif key != ".diverged_at":
                    raise ArchiveError(_not_kept(rule, key))
        return found


def _with_runs(archive: xr.Dataset) -> xr.Dataset:
    """Give an archive the axes back that the selection of one rule or seed took away."""
    for dim in (labels.RULE, labels.SEED):
        if dim not in archive.coords:
            raise ArchiveError(f"there is nothing to go on from: no labels along {dim!r}")
        if dim not in archive.dims:
            archive = archive.expand_dims(dim)
    return _by_label(archive)


def _by_label(archive: xr.Dataset) -> xr.Dataset:
    """Return variables with the axes of archives in their order, units by their numbers."""
    index = archive.indexes.get(labels.STEP)
    if index is not None and not index.is_unique:
        raise ArchiveError("there is nothing to go on from: the archive repeats labels of steps")
    for dim in archive.dims:
        if dim in archive.coords and str(dim).startswith("unit_"):
            numbers = archive[dim].values.tolist()
            units_in_order(str(dim), archive[dim])  # or it says which labels there are
            # Networks go by position, so units are put where their numbers say.
            archive = archive.isel({dim: np.argsort(numbers)}).drop_vars(str(dim))
    last = largest_unit_axis(archive)
    found = {}
    for name, values in archive.data_vars.items():
        declared = labels.describe(str(name))
        own = () if declared is None else labels.output_dims(declared.dims, last)
        found[name] = values.transpose(*own) if set(own) == set(values.dims) else values
    return archive.assign(found)


def _not_kept(rule: str, key: str) -> str:
    if key.startswith(".memory"):
        return (
            "the run cannot go on: updates remember earlier ones (update.momentum or "
            "update.optimizer), which archives do not keep; let a phase of its own follow, which "
            "begins without memory, instead of making the last one longer"
        )
    return (
        f"the run cannot go on: the rule {rule!r} learns its feedback ({key}), which archives do "
        f"not keep"
    )


def _names(experiment: Experiment) -> dict[str, str]:
    """Return the archive's names of what changes while learning, by their names in states."""
    kernels = [len(shape) > 2 for shape in experiment.weight_shapes]
    learned = {
        f".parameters.{field}[{i}]": name for field, i, name in Parameters.archive_names(kernels)
    }
    running = {
        f".moments[{i}].{moment}": name(i + 1)
        for i in range(experiment.layers)
        for moment, name in (("mean", labels.running_mean), ("variance", labels.running_variance))
    }
    return learned | running


def _changes(stored: Experiment, experiment: Experiment) -> Iterator[str]:
    """Say what was done otherwise than it is asked for now."""
    for key in type(experiment).model_fields:
        if key not in _FREE and _part(stored, key) != _part(experiment, key):
            yield f"{key} is another: {differences(stored, experiment, key)}"
    yield from _of_schedule(stored.schedule, experiment.schedule)
    for key in _OF_RECORD:
        was, now = getattr(stored.record, key), getattr(experiment.record, key)
        if was != now:
            yield f"record.{key} was {was}, and is {now}"


def _part(experiment: Experiment, key: str) -> object:
    value = getattr(experiment, key)
    return dict(value) if key == "rules" else value


def _of_schedule(was: Schedule, now: Schedule) -> Iterator[str]:
    done = was.steps
    if now.steps <= done:
        yield f"schedule: {done} steps are done, and {now.steps} are asked for"
        return
    if was.batch_size != now.batch_size:
        yield f"schedule.batch_size was {was.batch_size}, and is {now.batch_size}"
    if _stretches(was, done) != _stretches(now, done):
        yield f"schedule.phases are others within the first {done} steps"
    before, after = schedule_factors(was), schedule_factors(now)
    if (before is None) != (after is None) or (
        before is not None and after is not None and not np.array_equal(before, after[:done])
    ):
        yield f"schedule.decay gives other learning rates within the first {done} steps"


def _stretches(schedule: Schedule, done: int) -> list[tuple[int, tuple[int, ...]]]:
    """Return where phases end, and what is frozen in them, within so many steps."""
    first, found = 0, []
    for phase, end in zip(schedule.phases, schedule.ends, strict=True):
        if first < done:
            found.append((min(end, done), tuple(sorted(set(phase.frozen)))))
        first = end
    return found


def _lacking(archive: xr.Dataset, stored: Experiment, experiment: Experiment) -> Iterator[str]:
    """Say what the archive does not hold that going on needs."""
    if archive.attrs.get(labels.ATTR_SOURCE) != SOURCE:
        yield f"it is of the source {archive.attrs.get(labels.ATTR_SOURCE)!r}, no simulation"
    if labels.ATTR_UNFINISHED in archive.attrs:
        yield f"it is not done ({archive.attrs[labels.ATTR_UNFINISHED]}): let it end first"
    if measured_otherwise(archive.attrs[labels.ATTR_EXPERIMENT], stored):
        yield "it is of a version that measured losses of noisy samples otherwise"
    if "weights" not in stored.record.quantities:
        yield "it holds no weights to go on with: record 'weights'"
    for dim, wanted in ((labels.RULE, experiment.rule_labels), (labels.SEED, experiment.seeds)):
        there = archive[dim].values.tolist()
        missing = [label for label in wanted if label not in there]
        if missing:
            yield f"it lacks the {dim} {', '.join(map(repr, missing))}"
    done, recorded = stored.schedule.steps, set(np.atleast_1d(archive[labels.STEP].values).tolist())
    missing_steps = [
        s for s in (*experiment.snapshot_steps, done) if s <= done and s not in recorded
    ]
    unkept = sorted(
        {s for s in experiment.weight_steps if s <= done and s in recorded}
        - set(stored.weight_steps)
    )
    if unkept:
        yield (
            f"weights of {len(unkept)} past steps are asked for and were not kept "
            f"({', '.join(map(str, unkept[:_SHOWN]))}): leave record.keep_weights as it was"
        )
    if missing_steps:
        some = ", ".join(map(str, missing_steps[:_SHOWN]))
        more = " ..." if len(missing_steps) > _SHOWN else ""
        yield (
            f"{len(missing_steps)} of the steps asked for are past and were not recorded ({some}"
            f"{more}): ask for the recorded ones by record.steps, as Experiment.lengthened does"
        )


def past_at(path: str | os.PathLike[str], experiment: Experiment) -> Past | None:
    """Return what a finished run at a path did of what is asked; None if it is none of it.

    Raises
    ------
    ArchiveWriteError
        If it is a run of the same experiment for fewer steps, of which the past would change, or
        recorded steps would be lost.
    """
    stored = None if is_unfinished(path) else Experiment.from_attributes(_of_run(path))
    if stored is None or any(
        _part(stored, key) != _part(experiment, key)
        for key in type(experiment).model_fields
        if key not in _FREE
    ):
        return None
    try:
        past = Past.of(load(path), experiment)
        _require_all_kept(stored, past)
    except ArchiveError as error:
        raise ArchiveWriteError(
            f"{resolved(path)} holds a run of this experiment, and {error}\nchoose another path, "
            f"or pass restart=True (on the command line --restart) to replace it"
        ) from None
    return past


def _require_all_kept(stored: Experiment, past: Past) -> None:
    """Refuse to put in the place of a run one that has fewer of its recorded steps."""
    lost = sorted(set(stored.snapshot_steps) - set(past.steps))
    if lost:
        some = ", ".join(map(str, lost[:_SHOWN])) + (" ..." if len(lost) > _SHOWN else "")
        raise ArchiveError(
            f"{len(lost)} of its recorded steps are not asked for, and would be lost ({some}): ask "
            f"for them by record.steps, as Experiment.lengthened does"
        )


def _of_run(path: str | os.PathLike[str]) -> Mapping[str, object]:
    attrs = attributes(path)
    return attrs if labels.ATTR_SCHEMA in attrs else {}


def begin_from(
    past: Past, run: Run, path: str | os.PathLike[str], called: str, *, there: Past | None
) -> None:
    """Put an unfinished archive to a path that holds the past of a run, whole or not at all.

    Parameters
    ----------
    past : Past
        What was done.
    run : Run
        What goes on.
    path : path
        Where to.
    called : str
        The content hash of the archive.
    there : Past, optional
        What `past_at` found at the path, which is replaced.

    Raises
    ------
    ArchiveWriteError
        If something else stands there by now, another process writes there, or it cannot be
        written.
    """
    target = resolved(path)
    static = Answer(run.experiment, run.starts, run.rate_factors).archive()
    static.attrs[labels.ATTR_HASH] = called
    with WriterLock(target), writing(target) as temporary:
        check_free(target, there is not None)
        _require_still(there, path)
        _write_past(past, run, temporary, static)
        # What stood there is all in it, and is replaced in one step.
        publish_folder(temporary, target)


def _require_still(there: Past | None, path: str | os.PathLike[str]) -> None:
    """Refuse to replace what came to a path since it was looked at, before it was locked.

    Another process may have gone on with the same run meanwhile, further than this one will.
    """
    if there is None:
        return
    now = _of_run(path)
    if is_unfinished(path) or any(now.get(key) != there.archive.attrs.get(key) for key in _STAMP):
        raise ArchiveWriteError(
            f"another process has gone on with the run at {resolved(path)} since it was read: "
            f"look at it, and call again to go on from there"
        )


def _write_past(past: Past, run: Run, folder: Path, static: xr.Dataset) -> None:
    with RunWriter(folder, static, equations=equations(run.experiment)) as writer:
        for place, step in enumerate(past.steps):
            writer.record(place, past.at(step))
        state = past.state(run.state(), run.experiment)
        wall_time = float(past.archive.attrs.get(labels.ATTR_WALL_TIME, 0.0))
        writer.commit(past.step, past.diverged_at, wall_time, state)
