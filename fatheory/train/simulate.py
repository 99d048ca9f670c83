"""Train what an experiment describes, all seeds at once, in segments between snapshots."""

import os

import xarray as xr

from fatheory import labels
from fatheory.archive import (
    DONE,
    RunWriter,
    check_destination,
    finished_run,
    is_unfinished,
    load,
    warn_of_divergence,
)
from fatheory.experiment import Experiment
from fatheory.train.answer import SOURCE, Answer, equations
from fatheory.train.disk import require_disk
from fatheory.train.many import numerics, start_run, train_many
from fatheory.train.memory import require_memory
from fatheory.train.progress import progress_bar
from fatheory.train.run import Run
from fatheory.train.sinks import OnDisk, stop_request
from fatheory.train.stored import as_stored, in_order, take_own_examples


def simulate(
    experiment: Experiment,
    *,
    path: str | os.PathLike[str] | None = None,
    restart: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Train the experiment's networks and return what it asks to record.

    All seeds of a rule, and all rules that differ only in arrays, advance in one compiled program
    on JAX's default device. Every rule sees the same examples in the same order.

    With a path, snapshots go to an archive there while the run goes on, with the state from which
    it can be continued. The same call then continues a run that was stopped or killed, and its
    archive is, on the same device, that of an uninterrupted run bit by bit; a run that is done is
    read and not trained again. A run is the same whatever the order of its rules, and whatever
    version began it. Ctrl-C, or SIGTERM as clusters send it, stops at the end of a segment, once
    everything is stored; a second one stops at once.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    path : path, optional
        The archive to write or continue. Without, the record is held in memory.
    restart : bool
        Whether to start over and replace an archive at `path`.
    progress : bool, optional
        Show a progress bar with the time left; by default on terminals, for long runs.

    Returns
    -------
    xarray.Dataset
        A run archive of source ``"simulation"``: ``loss (rule, seed, step)``, the recorded
        quantities, what was drawn, and coordinates ``time = learning_rate * step``. A run that
        diverges is kept and marked: ``diverged`` and ``diverged_at (rule, seed)``.

    Warns
    -----
    DivergedWarning
        If runs diverged: how many, which, and since when.
    LearningRateWarning
        If updates of Batch Manhattan are larger than the start weights.
    DiskEstimateWarning
        If the archive will take more than half of what is free there.
    ResumeWarning
        If a run is continued with other versions of packages, or on another device.

    Raises
    ------
    MemoryEstimateError
        If the run would not fit into memory.
    DiskEstimateError
        If its archive would not fit where `path` lies.
    DataError
        If the task's images are missing, damaged, or others than those it was described with.
    ArchiveError
        If `path` holds something else than this run, another process writes it, it cannot be
        written to, or is damaged.
    StoppedRun
        If the run was asked to stop; a `KeyboardInterrupt`.
    """
    archive = _carried_out(experiment, path, restart, progress)
    warn_of_divergence(archive)
    return archive


def _carried_out(
    experiment: Experiment,
    path: str | os.PathLike[str] | None,
    restart: bool,
    progress: bool | None,
) -> xr.Dataset:
    """Train, go on with, or read what is done."""
    experiment.task.require_same_examples()
    if path is None:
        ((_, answer),) = train_many([experiment], progress=progress)
        return answer.archive()
    take_own_examples(experiment, path)
    stored, called = experiment, experiment.content_hash
    if not restart:
        stored, called = as_stored(experiment, path)
        done = finished_run(path, SOURCE, called)
        # Before memory and disk are asked for: reading needs neither.
        if done is not None:
            return in_order(done, experiment.rule_labels)
    with numerics(stored):
        require_memory(stored, on_disk=True)
        require_disk(stored, path)
        archive = _to_disk(start_run([stored]), path, restart, progress, called)
    return in_order(archive, experiment.rule_labels)


def _to_disk(
    run: Run, path: str | os.PathLike[str], restart: bool, progress: bool | None, called: str
) -> xr.Dataset:
    """Carry out, or go on with, a run whose record is written while it goes on.

    `called` is the content hash under which its archive was begun, or is to be.
    """
    experiment, steps = run.experiment, run.experiment.schedule.steps
    if restart or not is_unfinished(path):
        check_destination(path, overwrite=restart)
    static = Answer(experiment, run.starts, run.rate_factors).archive()
    static.attrs[labels.ATTR_HASH] = called
    with (
        RunWriter(path, static, equations=equations(experiment), overwrite=restart) as writer,
        stop_request() as stop,
    ):
        if writer.position == DONE:
            assert writer.diverged_at is not None
            writer.finish(writer.diverged_at, writer.wall_time)
            return load(path)
        state = writer.state()
        if state is not None:
            assert writer.diverged_at is not None
            run.restore(writer.position, state, writer.diverged_at)
        sink = OnDisk(writer, stop, steps)
        with progress_bar(progress, "training", steps) as bar:
            bar.advance(writer.position)
            run.go(sink, bar)
        writer.finish(run.diverged_at, sink.wall_time)
    # Read back, so that what is returned is what the archive holds.
    return load(path)
