"""One thread for BLAS, while anybody needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from threadpoolctl import threadpool_limits


class _Callers:
    """How many ask for one thread at the moment, and what to give back when none does."""

    def __init__(self) -> None:
        self.lock, self.count = Lock(), 0
        self.limits: threadpool_limits | None = None


_callers = _Callers()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread inside, for matrices too small to gain from more.

    The number of threads is the process's, not the calling thread's. So callers that run at once
    share one limit: the first sets it, and the last to leave gives back what was before. Each by
    itself would give back what it found, one thread, if the other had come first.
    """
    with _callers.lock:
        if not _callers.count:
            _callers.limits = threadpool_limits(1, user_api="blas")
        _callers.count += 1
    try:
        yield
    finally:
        with _callers.lock:
            _callers.count -= 1
            if not _callers.count and _callers.limits is not None:
                _callers.limits.restore_original_limits()
                _callers.limits = None
