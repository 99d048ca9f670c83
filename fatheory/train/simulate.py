"""Train what an experiment describes, all seeds at once, in segments between snapshots."""

import os
import time
from collections.abc import Sequence

import jax
import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import (
    DONE,
    RunWriter,
    assemble,
    check_destination,
    finished_run,
    is_unfinished,
    labelled_run,
    load,
    provenance,
)
from fatheory.experiment import Experiment
from fatheory.initial import Start, coordinates, draw_start, drawn_variables
from fatheory.train.memory import require_memory
from fatheory.train.progress import progress_bar
from fatheory.train.run import Run
from fatheory.train.sinks import InMemory, OnDisk, stop_request
from fatheory.train.step_size import warn_of_step_size
from fatheory.updates import rate_factors

SOURCE = "simulation"


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
    read and not trained again. Ctrl-C, or SIGTERM as clusters send it, stops at the end of a
    segment, once everything is stored; a second one stops at once.

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
    LearningRateWarning
        If updates of Batch Manhattan are larger than the start weights.
    ResumeWarning
        If a run is continued with other versions of packages, or on another device.

    Raises
    ------
    MemoryEstimateError
        If the run would not fit into memory.
    DataError
        If the task's images are missing or damaged.
    ArchiveError
        If `path` holds something else than this run, another process writes it, it cannot be
        written to, or is damaged.
    StoppedRun
        If the run was asked to stop; a `KeyboardInterrupt`.
    """
    if path is not None and not restart:
        done = finished_run(path, SOURCE, experiment.content_hash)
        if done is not None:
            return done
    with (
        jax.enable_x64(experiment.precision == "float64"),
        jax.default_matmul_precision("float32"),
    ):
        require_memory(experiment, on_disk=path is not None)
        began = time.perf_counter()
        starts = [draw_start(experiment, seed) for seed in experiment.seeds]
        warn_of_step_size(experiment, starts)
        decay, steps = experiment.schedule.decay, experiment.schedule.steps
        factors = None if decay is None else rate_factors(decay, steps)
        run = Run(experiment, starts, factors)
        static = _static(experiment, starts, factors)
        if path is not None:
            return _to_disk(run, static, path, restart, progress)
        memory = InMemory(len(experiment.snapshot_steps))
        with progress_bar(progress, "training", steps) as bar:
            run.go(memory, bar)
        recorded = {labels.DIVERGED_AT: run.diverged_at, labels.DIVERGED: run.diverged_at >= 0}
        archive = labelled_run(static, memory.variables | recorded, _equations(experiment))
        archive.attrs[labels.ATTR_WALL_TIME] = time.perf_counter() - began
        return archive


def _to_disk(
    run: Run,
    static: xr.Dataset,
    path: str | os.PathLike[str],
    restart: bool,
    progress: bool | None,
) -> xr.Dataset:
    """Carry out, or go on with, a run whose record is written while it goes on."""
    equations = _equations(run.experiment)
    steps = run.experiment.schedule.steps
    if restart or not is_unfinished(path):
        check_destination(path, overwrite=restart)
    with (
        RunWriter(path, static, equations=equations, overwrite=restart) as writer,
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
    return load(path)


def _static(
    experiment: Experiment, starts: Sequence[Start], factors: np.ndarray | None
) -> xr.Dataset:
    """Return what is known of a run's archive before its first update."""
    device = jax.devices()[0]
    drawn = drawn_variables(experiment, starts)
    return assemble(
        {name: _in_precision(values, experiment) for name, values in drawn.items()},
        coordinates(experiment, factors),
        provenance(
            source=SOURCE,
            experiment_json=experiment.to_json(),
            experiment_hash=experiment.content_hash,
            precision=experiment.precision,
            device=f"{device.platform}: {device.device_kind}",
            wall_time_s=0.0,
        ),
        n_layers=experiment.layers,
    )


def _equations(experiment: Experiment) -> dict[str, str]:
    """Return the equations of recorded quantities that are not the usual ones."""
    if experiment.network.output != "softmax":
        return {}
    return dict.fromkeys((labels.LOSS, labels.TRAINING_LOSS), "L = -<sum y* log y>")


def _in_precision(values: np.ndarray, experiment: Experiment) -> np.ndarray:
    """Store floating-point variables in the precision of the run."""
    return values.astype(experiment.precision) if values.dtype.kind == "f" else values
