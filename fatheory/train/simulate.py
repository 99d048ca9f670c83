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
from fatheory.checks import require_kind
from fatheory.errors import ArchiveError
from fatheory.experiment import Experiment
from fatheory.train.answer import SOURCE, Answer, equations
from fatheory.train.continued import Past, begin_from, past_at
from fatheory.train.disk import require_disk
from fatheory.train.many import numerics, start_run, train_many
from fatheory.train.memory import require_memory
from fatheory.train.progress import progress_bar
from fatheory.train.run import Run
from fatheory.train.sinks import OnDisk, stop_request
from fatheory.train.stored import (
    as_stored,
    in_order,
    refuse_another_experiment,
    take_own_arrays,
)


def simulate(
    experiment: Experiment,
    *,
    path: str | os.PathLike[str] | None = None,
    restart: bool = False,
    continue_from: str | os.PathLike[str] | xr.Dataset | None = None,
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
    continue_from : path or Dataset, optional
        The archive of a run that did the first part of what is asked, and recorded its weights:
        the same experiment for fewer steps. Its past is taken over, and the run goes on from its
        end. A finished run of the same experiment for fewer steps at `path` is continued without a
        word. `Experiment.lengthened` describes such a run.
    progress : bool, optional
        Show a progress bar with the time left; by default on terminals and in notebooks, for long
        runs.

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

    Examples
    --------
    >>> import fatheory as fa
    >>> asked = fa.presets["lillicrap2016/fig2"].with_settings({"seeds": 2})
    >>> run = fa.simulate(asked)
    >>> longer = fa.simulate(asked.lengthened(500), continue_from=run)
    >>> int(longer["step"][-1]) - int(run["step"][-1])
    500
    """
    require_kind(
        "experiment",
        experiment,
        Experiment,
        "read one by Experiment.from_json, or take one of fatheory.presets",
    )
    if continue_from is not None and restart:
        raise ArchiveError("a run goes on from another or starts over, not both: leave restart out")
    archive = _carried_out(experiment, path, restart, continue_from, progress)
    warn_of_divergence(archive)
    return archive


def _carried_out(
    experiment: Experiment,
    path: str | os.PathLike[str] | None,
    restart: bool,
    continue_from: str | os.PathLike[str] | xr.Dataset | None,
    progress: bool | None,
) -> xr.Dataset:
    """Train, go on with, or read what is done."""
    source = continue_from
    if source is not None and not isinstance(source, xr.Dataset):
        source = load(source)
    experiment.task.require_same_examples()
    if path is None:
        past = None if source is None else Past.of(source, experiment)
        try:
            ((_, answer),) = train_many([experiment], progress=progress, past=past)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(
                "the run was in memory and is lost; one with a path, as in simulate(experiment, "
                "path='run.zarr'), stops with all that is done, and the same call goes on"
            )
            raise
        return answer.archive()
    take_own_arrays(experiment, path)
    stored, called = experiment, experiment.content_hash
    there = past = None
    if not restart:
        stored, called = as_stored(experiment, path)
        if stored is experiment:
            there = past_at(path, experiment)
            past = there if source is None else Past.of(source, experiment)
            if there is not None and past is not None:
                past.require_same(there, path)
            if there is None:
                refuse_another_experiment(path, SOURCE, experiment)
        done = None if there is not None else finished_run(path, SOURCE, called)
        # Before memory and disk are asked for: reading needs neither.
        if done is not None:
            return in_order(done, experiment.rule_labels)
    with numerics(stored):
        require_memory(stored, on_disk=True)
        require_disk(stored, path)
        run = start_run([stored])
        if past is not None:
            begin_from(past, run, path, called, there=there)
        archive = _to_disk(run, path, restart, progress, called)
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
