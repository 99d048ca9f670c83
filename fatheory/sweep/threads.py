"""Batches side by side in this process: a small program keeps one core busy, not more."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from fatheory.machine import usable_cores
from fatheory.sweep.plan import Batch
from fatheory.sweep.result import Result, carry_out
from fatheory.train.memory import available_memory
from fatheory.train.sinks import StopRequest


def on_threads(
    batches: Sequence[Batch], wanted: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Result]]:
    """Carry out batches on as many threads as there are cores and memory for.

    Results come as they are there. Where the iteration ends early, as by Ctrl-C, what is under
    way stops at its next segment.
    """
    # What interrupts is heard by the main thread only, and threads must not outlive it.
    stop, pool = StopRequest(), ThreadPoolExecutor(_threads(batches), "sweep")
    try:
        pending = {
            pool.submit(
                carry_out, batch.experiments, batch.select(wanted), stop, batch.source
            ): batch.hashes
            for batch in batches
        }
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            # Nothing that is finished is lost to an error beside it.
            for future in sorted(done, key=lambda one: one.exception() is not None):
                yield dict(zip(pending.pop(future), future.result(), strict=True))
    finally:
        stop.asked = True
        pool.shutdown(cancel_futures=True)


def _threads(batches: Sequence[Batch]) -> int:
    """Choose how many batches train at once."""
    available, largest = available_memory(), max(batch.memory for batch in batches)
    # Any of them may be the largest, so there is room for as many of that size.
    fit = len(batches) if available is None else available // largest
    return max(1, min(len(batches), usable_cores(), fit))
