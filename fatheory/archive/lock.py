"""One writer at a time: a lock that ends with its owner, however that ends."""

import os
import platform
import stat
from abc import abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from fatheory.errors import ArchiveWriteError

try:
    import fcntl
except ImportError:  # only POSIX systems have it; elsewhere nothing keeps two writers apart
    fcntl = None  # type: ignore[assignment]


class Closing(AbstractContextManager):
    """A context manager whose end is `close`."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is held; doing it twice does no harm."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class WriterLock(Closing):
    """The right to write at a place, held by one writer at a time.

    The lock is the operating system's, on a hidden file beside the place. It ends with the
    process that holds it, also when that is killed, and never waits: who comes second is refused.
    A file system without such locks (some cluster file systems) lets every writer pass.

    Parameters
    ----------
    target : Path
        What is to be written; its folder is made if need be.

    Raises
    ------
    ArchiveWriteError
        If another writer, of this process or another one, holds the lock, or the folder cannot
        be written to.
    """

    def __init__(self, target: Path) -> None:
        self._path = target.parent / f".{target.name}.lock"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file: int | None = self._acquired(target)
        except OSError as error:
            raise ArchiveWriteError(
                f"could not write {target}: {type(error).__name__}: {error}; "
                f"what stood there before, if anything, is untouched"
            ) from error

    def close(self) -> None:
        """Let others write. Doing it twice does no harm."""
        if self._file is None:
            return
        # Removed while still held, so that no one can hold what is no longer there.
        self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def _acquired(self, target: Path) -> int:
        # The owner's name is written into the file: not through a link that came with an archive.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        while True:
            file = os.open(self._path, flags, 0o666)
            try:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                    raise FileExistsError(f"{self._path} is a link or a device")
                if fcntl is not None:
                    _lock(file)
                if _is_at(file, self._path):
                    os.ftruncate(file, 0)
                    os.write(file, f"process {os.getpid()} on {platform.node()}".encode())
                    return file
            except BlockingIOError as error:
                owner = os.read(file, 200).decode(errors="replace") or "another process"
                os.close(file)
                raise ArchiveWriteError(
                    f"{target} is being written by {owner}; wait until it is done, or choose "
                    f"another path"
                ) from error
            except BaseException:
                os.close(file)
                raise
            # Its former owner removed the file between our opening and locking it.
            os.close(file)


def _lock(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return  # the file system knows no locks


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one that `path` names."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
