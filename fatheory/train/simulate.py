"""Train what an experiment describes, all seeds at once, in segments between snapshots."""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import assemble, provenance
from fatheory.experiment import Experiment, SpikingNetwork
from fatheory.initial import Start, block_steps, coordinates, draw_start, drawn_variables
from fatheory.train.group import Group
from fatheory.train.loader import Loader
from fatheory.train.memory import require_memory
from fatheory.train.progress import Progress, progress_bar
from fatheory.train.recorder import Recorder
from fatheory.train.spiking import SpikingGroup
from fatheory.train.step_size import warn_of_step_size
from fatheory.updates import rate_factors

SOURCE = "simulation"
LONGEST_SEGMENT = 4096
"""Steps after which progress is shown at the latest."""


def simulate(experiment: Experiment, *, progress: bool | None = None) -> xr.Dataset:
    """Train the experiment's networks and return what it asks to record.

    All seeds of a rule, and all rules that differ only in arrays, advance in one compiled program
    on JAX's default device. Every rule sees the same examples in the same order.

    Parameters
    ----------
    experiment : Experiment
        What to run.
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

    Raises
    ------
    MemoryEstimateError
        If the run would not fit into memory.
    DataError
        If the task's images are missing or damaged.
    """
    began = time.perf_counter()
    with (
        jax.enable_x64(experiment.precision == "float64"),
        jax.default_matmul_precision("float32"),
    ):
        require_memory(experiment)
        starts = [draw_start(experiment, seed) for seed in experiment.seeds]
        warn_of_step_size(experiment, starts)
        recorder = Recorder(experiment, starts)
        decay, steps = experiment.schedule.decay, experiment.schedule.steps
        factors = None if decay is None else rate_factors(decay, steps)
        with progress_bar(progress, "training", steps) as bar:
            _run(experiment, starts, recorder, factors, bar)
        device = jax.devices()[0]
    variables = drawn_variables(experiment, starts) | recorder.variables()
    archive = assemble(
        {name: _in_precision(values, experiment) for name, values in variables.items()},
        coordinates(experiment, factors),
        provenance(
            source=SOURCE,
            experiment_json=experiment.to_json(),
            experiment_hash=experiment.content_hash,
            precision=experiment.precision,
            device=f"{device.platform}: {device.device_kind}",
            wall_time_s=time.perf_counter() - began,
        ),
    )
    if experiment.network.output == "softmax":
        for name in (labels.LOSS, labels.TRAINING_LOSS):
            if name in archive:
                archive[name].attrs["equation"] = "L = -<sum y* log y>"
    return archive


@dataclass(frozen=True)
class Segment:
    """A stretch of steps within one phase, one block of examples, and between two snapshots."""

    first: int
    stop: int
    phase: int


def segments(experiment: Experiment) -> Iterator[Segment]:
    """Cut a run into segments, in order."""
    steps = experiment.schedule.steps
    blocks = range(0, steps, block_steps(experiment))
    reports = range(0, steps, LONGEST_SEGMENT)
    cuts = sorted({*experiment.snapshot_steps, *blocks, *reports, *experiment.schedule.ends})
    phase = 0
    for first, stop in itertools.pairwise(cuts):
        if first == experiment.schedule.ends[phase]:
            phase += 1
        yield Segment(first, stop, phase)


def _run(
    experiment: Experiment,
    starts: Sequence[Start],
    recorder: Recorder,
    factors: np.ndarray | None,
    bar: Progress,
) -> None:
    spiking = isinstance(experiment.network, SpikingNetwork)
    groups = (SpikingGroup if spiking else Group).all_of(experiment, starts)
    by_step = None if factors is None else jnp.asarray(factors, experiment.precision)
    loader = Loader(experiment, starts)
    recorder.take(0, groups)
    phase = 0
    for segment in segments(experiment):
        if segment.phase != phase:
            phase = segment.phase
            for group in groups:
                group.forget()
        # The next examples are drawn while the device still works, and no further ahead.
        batches, offset = loader.block(segment.first)
        for group in groups:
            group.wait()
        for group in groups:
            group.advance(batches, segment.phase, segment.first, offset, segment.stop, by_step)
        recorder.take(segment.stop, groups)
        bar.advance(segment.stop - segment.first)


def _in_precision(values: np.ndarray, experiment: Experiment) -> np.ndarray:
    """Store floating-point variables in the precision of the run."""
    return values.astype(experiment.precision) if values.dtype.kind == "f" else values
