"""The same work on many processes or machines, by Dask."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fatheory.errors import FatheoryError, PluginError
from fatheory.experiment import Experiment
from fatheory.experiment.packages import REGISTRIES, packages_of
from fatheory.machine import usable_cores
from fatheory.sweep.answer import THEORY
from fatheory.sweep.plan import Batch
from fatheory.sweep.result import Result, carry_out
from fatheory.tasks.own_arrays import remember
from fatheory.theory import METHODS

if TYPE_CHECKING:
    from dask.distributed import Client, Future, LocalCluster

DEATHS = 5
"""So many times workers that we start may die over a batch before its cells are suspected."""
_DEADLY = (
    "the processes that computed it died again and again, as they do when memory runs out; give "
    "them more, or ask for less"
)


@contextmanager
def cluster_client(workers: int | None, scheduler: "str | Client | None") -> Iterator["Client"]:
    """Give a client of a cluster: of a scheduler, or of processes started for the purpose.

    Parameters
    ----------
    workers : int, optional
        How many processes to start.
    scheduler : str or Client, optional
        Address of a scheduler, or a client, which stays as it is.

    Raises
    ------
    FatheoryError
        If Dask is not installed, or there is no scheduler at that address.
    """
    try:
        import dask
        from dask.distributed import Client
    except ImportError:
        raise FatheoryError(
            "workers and schedulers need Dask, which is not installed; install it with: "
            'pip install "fatheory[sweep]", or leave both out to use this process alone'
        ) from None
    if isinstance(scheduler, Client):
        yield scheduler
    elif scheduler is not None:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            raise FatheoryError(f"no Dask scheduler answers at {scheduler!r}: {error}") from error
        # Ours to close; a client that was handed in is its owner's.
        with client:
            yield client
    else:
        with (
            dask.config.set(_settings(workers or 1)),
            _local_cluster(workers) as cluster,
            Client(cluster) as client,
        ):
            yield client


def _settings(workers: int) -> dict[str, Any]:
    """Return Dask's settings for processes of our own.

    XLA takes the number of its threads from NPROC. With as many as there are cores, processes
    would take each other's time: a small program split over threads is no faster, and busies all.
    """
    threads = max(1, usable_cores() // workers)
    return {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.nanny.pre-spawn-environ.NPROC": str(threads),
    }


def _local_cluster(workers: int | None) -> "LocalCluster":
    """Start processes of one thread, and a dashboard at any free port."""
    from dask.distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=workers,
            # XLA takes threads of its own, as many as `_settings` says.
            threads_per_worker=1,
            memory_limit=None,  # a run that would not fit is refused by its own estimate
            # A fixed port may be taken, by another sweep for one.
            dashboard_address=":0",
            silence_logs=logging.ERROR,
        )
    except RuntimeError as error:
        raise FatheoryError(
            f"worker processes could not be started: {error} A script that starts some must do "
            f'so under: if __name__ == "__main__":'
        ) from error


def on_cluster(
    client: "Client", batches: Sequence[Batch], wanted: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Result]]:
    """Carry out batches on the workers of a client, and give results as they come.

    A batch whose worker died goes to another one. Where workers die again and again, the batch is
    carried out in the end, cell by cell with nothing else beside it: dying takes along what waits
    at the same worker. A cell over which workers die even then has failed.

    Raises
    ------
    FatheoryError
        If the cluster cannot carry them out, or is lost.
    PluginError
        If workers lack parts that are not fatheory's, before anything is computed.
    """
    from dask.distributed import as_completed

    _require_parts(client, batches)
    sent: dict[str, Future] = {}
    pending: dict[Any, Batch] = {_submitted(client, b, wanted, sent): b for b in batches}
    suspects: list[Batch] = []
    # As they come, so that each is stored at once, and a kill loses no more than what is under way.
    for future in as_completed(list(pending)):
        batch = pending.pop(future)
        found = _results(future)
        if found is None:
            # Carried out below, when nothing else is: a worker that dies takes its other batches
            # along.
            suspects.append(batch)
        else:
            yield dict(zip(batch.hashes, found, strict=True))
    for batch in suspects:
        each = [_results(_submitted(client, alone, wanted, sent)) for alone in batch.alone()]
        found = [Result.failed(_DEADLY) if one is None else one[0] for one in each]
        yield dict(zip(batch.hashes, found, strict=True))


def _require_parts(client: "Client", batches: Sequence[Batch]) -> None:
    """Refuse parts that workers do not have: what is registered here is not registered there.

    Raises
    ------
    PluginError
        Naming the parts, where they come from and what to do.
    """
    parts: dict[tuple[str, str], str] = {}
    for batch in batches:
        for experiment in batch.experiments:
            for group, names in packages_of(experiment).items():
                parts |= {(group, name): package for name, package in names.items()}
        method = batch.source.removeprefix(THEORY)
        package = METHODS.package_of(method) if batch.source.startswith(THEORY) else None
        if package is not None:
            parts[METHODS.group, method] = package
    if not parts:
        return
    # Asked, not guessed: scripts register theirs in every process that Dask starts of them.
    told = client.run(_lacking, list(parts))
    missing = dict.fromkeys(part for lacking in told.values() for part in lacking)
    if missing:
        named = ", ".join(f"{name!r} ({group}) of {parts[group, name]}" for group, name in missing)
        raise PluginError(
            f"the worker processes do not have {named}; nothing was computed. Parts that are "
            f"registered at run time are known in one process: leave workers and scheduler out "
            f"(a sweep uses all cores of this process), put them into an installed package with "
            f"an entry point, or register them on every worker, as by "
            f"client.register_worker_plugin or dask-worker --preload"
        )


def _lacking(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return which parts, by group and name, are not in this process; it runs on workers."""
    registries = {**REGISTRIES, METHODS.group: METHODS}
    missing = []
    for group, name in parts:
        try:
            registries[group].find(name)
        except FatheoryError:
            missing.append((group, name))
    return missing


def _submitted(
    client: "Client",
    batch: Batch,
    wanted: Mapping[str, Sequence[str]],
    sent: dict[str, "Future"],
) -> "Future":
    # As text, which the worker validates by its own version.
    texts = [experiment.to_json() for experiment in batch.experiments]
    needed = {part.digest: part for e in batch.experiments for part in e.belongings}
    for digest, part in needed.items():
        # Once for all batches: they may be large.
        if digest not in sent:
            sent[digest] = client.scatter(part, hash=False)
    own = [sent[digest] for digest in needed]
    # Not pure: a batch of one cell that is asked again would else be the future that failed.
    return client.submit(_carry_out, texts, batch.select(wanted), batch.source, own, pure=False)


def _carry_out(
    texts: Sequence[str],
    wanted: Sequence[Sequence[str]],
    source: str,
    own: Sequence[Any] = (),
) -> list[Result]:
    """Answer experiments that arrive as JSON, with arrays of one's own beside them."""
    held = [remember(arrays) for arrays in own]
    assert len(held) == len(own)  # others find them as long as someone holds them
    return carry_out([Experiment.from_json(text) for text in texts], wanted, source=source)


def _results(future: "Future") -> list[Result] | None:
    """Wait for the results of a batch; None if too many workers died over it."""
    from dask.distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        return None
    except Exception as error:  # whatever a scheduler, a network or another installation raises
        raise FatheoryError(
            f"the cluster could not carry out a batch: {type(error).__name__}: {error}; what was "
            f"done is kept, and running the sweep again goes on from there"
        ) from error
