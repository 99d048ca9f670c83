"""Carry out a sweep: batch after batch, here or on a cluster, into one archive."""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import xarray as xr

from fatheory import labels
from fatheory.archive import attributes, load, resolved, warn_of_divergence
from fatheory.errors import FatheoryError
from fatheory.sweep.answer import SIMULATION, refuse_uncovered, source_of
from fatheory.sweep.cluster import cluster_client, on_cluster
from fatheory.sweep.description import SweepDescription
from fatheory.sweep.grid import Grid
from fatheory.sweep.plan import Batch, Plan
from fatheory.sweep.result import Result
from fatheory.sweep.store import SweepStore, stored_sweep
from fatheory.sweep.threads import on_threads
from fatheory.train.progress import progress_bar
from fatheory.train.stored import in_order, take_own_arrays

if TYPE_CHECKING:
    from dask.distributed import Client


def run_sweep(
    sweep: SweepDescription,
    path: str | os.PathLike[str],
    *,
    answer: str = SIMULATION,
    workers: int | None = None,
    scheduler: "str | Client | None" = None,
    restart: bool = False,
    progress: bool | None = None,
) -> xr.Dataset:
    """Carry out what is not done of a sweep, and return the results.

    Parameters
    ----------
    sweep : Sweep
        What is asked.
    path : path
        The archive.
    answer : str
        What answers every cell: ``"simulation"``, or ``"theory/<method>"`` with a method of
        `fatheory.solve`. Sweeps of both kinds have the same axes, labels and dimensions.
    workers, scheduler, restart, progress
        See `Sweep.run`, which also says what is returned, warned of and raised.
    """
    source = source_of(answer)
    if workers is not None and scheduler is not None:
        raise FatheoryError(
            f"workers are started here, and a scheduler has its own; got workers={workers} and "
            f"scheduler={scheduler!r}; pass one of them"
        )
    if workers is not None and workers < 1:
        raise FatheoryError(f"workers is the number of processes, 1 or more; got {workers}")
    target = resolved(path)
    before = None if restart else stored_sweep(attributes(target), sweep)
    # Whatever the order in which rules are asked for, they are stored in the one that is there.
    take_own_arrays(sweep.experiment, target)
    grid = Grid.of(before if before == sweep else sweep, source)
    for task in {cell.experiment.task for cell in grid.cells if cell.experiment}:
        # Before the first cell: else half a sweep could be of other images than the rest.
        task.require_same_examples()
    refuse_uncovered([cell.experiment for cell in grid.cells if cell.experiment], source)
    planned = Plan.of(grid.cells, sweep.shape, source)
    store = SweepStore.at(target, grid, planned, restart=restart)
    if store is not None:
        with store:
            _carry_out_all(grid, store, workers, scheduler, progress)
    # Read back, so that what is returned is what the archive holds.
    found = load(target)
    if before == sweep and before.to_json() != sweep.to_json():
        found = in_order(found, Grid.of(sweep).static[labels.RULE].values.tolist())
    warn_of_divergence(found)
    return found


def _carry_out_all(
    grid: Grid,
    store: SweepStore,
    workers: int | None,
    scheduler: "str | Client | None",
    progress: bool | None,
) -> None:
    batches = store.pending
    total = store.known + sum(len(batch.hashes) for batch in batches)
    try:
        with (
            progress_bar(progress, "sweeping", total, "experiments") as bar,
            # Closing it stops what is under way, whatever happened.
            closing(_results(batches, grid.filled, workers, scheduler)) as results,
        ):
            bar.advance(store.known)
            for found in results:
                store.add(found)
                bar.advance(len(found))
        store.finish()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"the sweep was stopped after {store.known} of {total} experiments, which are "
            f"kept; run it again at the same place to go on"
        ) from None


def _results(
    batches: Sequence[Batch],
    wanted: Mapping[str, Sequence[str]],
    workers: int | None,
    scheduler: "str | Client | None",
) -> Generator[dict[str, Result]]:
    if not batches:
        return
    # Threads of this process: JAX lets go of the interpreter's lock, and nothing has to be started.
    if workers is None and scheduler is None:
        yield from on_threads(batches, wanted)
    else:
        with cluster_client(workers, scheduler) as client:
            yield from on_cluster(client, batches, wanted)
