"""Training many experiments, those that can share a compiled program together."""

import math
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import jax
import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import warn_of_divergence
from fatheory.experiment import Experiment
from fatheory.initial import draw_initial_state
from fatheory.train.answer import Answer
from fatheory.train.compilation_cache import compiled_once
from fatheory.train.continued import Past
from fatheory.train.device import architecture_of
from fatheory.train.learner import Learner
from fatheory.train.memory import require_memory
from fatheory.train.progress import progress_bar
from fatheory.train.run import Run
from fatheory.train.sinks import InMemory, StopRequest
from fatheory.train.step_size import warn_of_step_size
from fatheory.updates import schedule_factors

MOST_REPLICAS = 256
"""Seeds of all experiments of a batch."""
MOST_BYTES = 2**26
"""Weights of all runs of a batch."""


def simulate_many(
    experiments: Sequence[Experiment], *, progress: bool | None = None
) -> list[xr.Dataset]:
    """Train experiments and return what each asks to record, in order.

    Experiments of one program (`program_of`) are trained together, which costs little more than
    one of them where networks are small. How they are put together follows from their order and
    sizes alone; the numbers are those of `simulate` up to rounding.

    Parameters
    ----------
    experiments : sequence of Experiment
        What to run.
    progress : bool, optional
        Show a progress bar for every batch; by default on terminals.

    Returns
    -------
    list of Dataset
        Run archives as `simulate` returns them. Those trained together share their wall time.

    Warns
    -----
    DivergedWarning
        If runs diverged: how many of which experiments, which, and since when.

    Raises
    ------
    MemoryEstimateError
        If one of them would not fit into memory.
    DataError
        If images are missing or damaged.
    """
    trained = train_many(experiments, progress=progress)
    archives = {i: answer.archive() for i, answer in trained}
    in_order = [archives[i] for i in range(len(experiments))]
    warn_of_divergence(*in_order)
    return in_order


def train_many(
    experiments: Sequence[Experiment],
    *,
    progress: bool | None = None,
    stop: StopRequest | None = None,
    past: Past | None = None,
) -> Iterator[tuple[int, Answer]]:
    """Train experiments as `simulate_many` does, without labelling what they recorded.

    One experiment alone may go on from a `past`.

    Yields
    ------
    int, Answer
        The position of an experiment and its answer, batch by batch: what all of them have started
        from may not fit into memory.

    Raises
    ------
    KeyboardInterrupt
        If another thread asked for a stop.
    """
    for batch in _batches(experiments):
        together = [experiments[i] for i in batch]
        yield from zip(batch, _train_batch(together, progress, stop, past), strict=True)


def program_of(experiment: Experiment) -> Hashable:
    """Return what is equal for experiments that can be trained in one compiled program.

    They may differ in learning rates, in what is drawn (targets, noise, start weights, feedback
    and its scale or concordance), and in seeds.
    """
    network = architecture_of(experiment)
    content = experiment.model_dump(mode="json")
    for key in ("name", "seeds", "rules"):
        del content[key]
    drawn = content["network"]
    # Whether there are biases is a shape; what they are drawn from is not.
    drawn["start"], drawn["biases"] = None, drawn.get("biases") is not None
    content["task"] = experiment.task.program
    learners = tuple((label, Learner.of(choice, network)) for label, choice in experiment.rules)
    return repr(content), learners


@contextmanager
def numerics(experiment: Experiment) -> Iterator[None]:
    """Compute in the precision that an experiment asks for, by programs compiled once."""
    with (
        compiled_once(),
        # Scoped, not set: a process may run both, and its user's own JAX stays as it was.
        jax.enable_x64(experiment.precision == "float64"),
        # By default GPUs multiply float32 with 10 bits of mantissa (TF32), TPUs with 7 (bfloat16):
        # errors above those that theory and simulation are compared by.
        jax.default_matmul_precision("float32"),
    ):
        yield


def start_run(experiments: Sequence[Experiment]) -> Run:
    """Draw what experiments of one program start from.

    Warns
    -----
    LearningRateWarning
        If updates of Batch Manhattan are larger than the start weights.
    """
    starts = []
    for experiment in experiments:
        own = [draw_initial_state(experiment, seed) for seed in experiment.seeds]
        warn_of_step_size(experiment, own)
        starts += own
    return Run(starts, schedule_factors(experiments[0].schedule))


def _batches(experiments: Sequence[Experiment]) -> Iterator[list[int]]:
    """Put experiments of one program together, by their positions."""
    if len(experiments) == 1:
        yield [0]  # nothing to compare programs with, and to write one out takes time
        return
    programs: dict[Hashable, list[int]] = {}
    for i, experiment in enumerate(experiments):
        programs.setdefault(program_of(experiment), []).append(i)
    for members in programs.values():
        batch: list[int] = []
        replicas = 0
        most = _most_replicas(experiments[members[0]])
        for i in members:
            own = len(experiments[i].seeds)
            if batch and replicas + own > most:
                yield batch
                batch, replicas = [], 0
            batch.append(i)
            replicas += own
        yield batch


def _most_replicas(experiment: Experiment) -> int:
    item = np.dtype(experiment.precision).itemsize
    each = len(experiment.rules) * sum(map(math.prod, experiment.weight_shapes)) * item
    return min(MOST_REPLICAS, MOST_BYTES // each)


def _train_batch(
    experiments: Sequence[Experiment],
    progress: bool | None,
    stop: StopRequest | None,
    past: Past | None,
) -> list[Answer]:
    first, began = experiments[0], time.perf_counter()
    with numerics(first):
        for experiment in experiments:
            require_memory(experiment)
        run, memory = start_run(experiments), InMemory(len(first.snapshot_steps), stop)
        if past is not None:
            past.hand_over(run, memory)
        with progress_bar(progress, "training", first.schedule.steps) as bar:
            run.go(memory, bar)
    recorded = memory.variables | {
        labels.DIVERGED_AT: run.diverged_at,
        labels.DIVERGED: run.diverged_at >= 0,
    }
    # Runs of one program cannot be told apart; so a sweep's times add up to what it took.
    share = (time.perf_counter() - began) / len(experiments)
    answers, taken = [], 0
    for experiment in experiments:
        own = slice(taken, taken + len(experiment.seeds))
        taken = own.stop
        values = {name: array[:, own] for name, array in recorded.items()}
        answers.append(Answer(experiment, run.starts[own], run.rate_factors, values, share))
    return answers
