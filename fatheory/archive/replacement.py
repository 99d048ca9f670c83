"""Writing beside the target and renaming into place, by one writer at a time.

No half-written thing is ever seen, and nothing but an archive is ever replaced. Four names are used
in the folder of a target ``name``:

* ``.name.lock`` is locked by its writer;
* ``.name.writing-HOST-PID-PROCESS-CALL`` is being written, or is waiting to be deleted;
* ``.name.replaced`` is the whole former folder, there only between the two renames that put a
  new one in its place;
* ``name`` is always whole.
"""

import itertools
import os
import platform
import re
import secrets
import shutil
import stat
import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from fatheory.archive import journal, manifest
from fatheory.archive.files import failing_as, sync
from fatheory.errors import ArchiveError, ArchiveWriteError

try:
    import fcntl
except ImportError:  # only POSIX systems have it; elsewhere nothing keeps two writers apart
    fcntl = None  # type: ignore[assignment]

Found = TypeVar("Found")

# Tells this process from an earlier one of the same number, as happens in containers.
_PROCESS = secrets.token_hex(4)
_HOST = re.sub(r"[^\w.]", "_", platform.node())
# More than a writer that commits all the time can disturb; and the loop has an end.
_LOOKS = 50
_UNTOUCHED = "; what stood there before, if anything, is untouched"


class Closing(AbstractContextManager):
    """A context manager whose end is `close`."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is held; doing it twice does no harm."""

    def __exit__(self, *error: object) -> None:
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
        with failing_as(ArchiveWriteError, f"could not write {target}", _UNTOUCHED):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file: int | None = self._acquired(target)

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


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Give the name of a hidden sibling of `target` to write to; afterwards it is removed.

    The parent folder is made if need be, and what killed writers of `target` left is cleared. If
    that cannot be done, or anything fails while writing, that is an `ArchiveWriteError`.
    """
    temporary = _temporary(target)
    try:
        with failing_as(ArchiveWriteError, f"could not write {target}", _UNTOUCHED):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(target.parent, os.W_OK | os.X_OK):
                # Asked first: a folder that cannot be written would be told of from within Zarr.
                raise PermissionError(f"the folder {target.parent} is not writable")
            _clear_leftovers(target)
            yield temporary
    finally:
        _remove(temporary)


def set_aside(target: Path) -> Path:
    """Name where the former folder `target` lies while it is being replaced."""
    return target.parent / f".{target.name}.replaced"


def standing(target: Path) -> Path:
    """Return where what was written to `target` lies; that need not exist.

    It is set aside if its writer was killed in the moment of replacing it.
    """
    return target if target.exists() else set_aside(target)


def undisturbed(
    target: Path, look: Callable[[Path], Found], sure: Callable[[Found], bool]
) -> Found:
    """Look at what stands at `target`, and once more if a writer came in between.

    What was found counts if the folder is still the one that was looked at, and it is `sure` or
    nothing was committed meanwhile; so does an error if nothing changed at all.
    """
    for looks in itertools.count(1):
        folder = standing(target)
        before = _stamps(folder)

        def same(of: slice, folder: Path = folder, before: list = before) -> bool:
            return standing(target) == folder and _stamps(folder)[of] == before[of]

        try:
            found = look(folder)
        except ArchiveError:
            if looks == _LOOKS or same(slice(None)):
                raise
        else:
            if looks == _LOOKS or same(slice(1 if sure(found) else None)):
                return found
    raise AssertionError("the loop has no end")


def publish_folder(
    temporary: Path, target: Path, durable: Collection[Path] = (), keep: Path | None = None
) -> None:
    """Rename `temporary` to `target`, replacing the folder there. Both survive a kill whole.

    Files that are known to be `durable`, as under another name, are not written down once more.
    The former folder is deleted, unless there is a name by which to `keep` it.
    """
    sync_folder(temporary, durable)
    former = keep or set_aside(target)
    if not target.exists():
        os.rename(temporary, target)
    else:
        # Two renames, as no system replaces a folder that is not empty in one; `recover` finishes
        # them.
        os.rename(target, former)
        try:
            os.rename(temporary, target)
        except BaseException:
            os.rename(former, target)
            raise
    sync([target.parent])
    if former != keep:
        discard(former)


def publish_file(temporary: Path, target: Path) -> None:
    """Rename `temporary` to `target`, replacing the file there in one step."""
    sync([temporary])
    os.replace(temporary, target)
    sync([target.parent])


def recover(target: Path) -> None:
    """Finish what a process killed between the two renames of `publish_folder` began.

    What lies under the name of a folder set aside and is none is refused.
    """
    former = set_aside(target)
    advice = f"; {former} is the former archive"
    with failing_as(ArchiveWriteError, f"could not finish replacing {target}", advice):
        if former.is_symlink():
            raise ArchiveWriteError(f"{former} is a link, which no writer leaves; remove it")
        if not former.exists():
            return
        # A repair may have set aside one of which the manifest is damaged.
        _refuse_foreign(former, or_copy=True)
        if not target.exists():
            os.rename(former, target)
        elif is_archive(target):
            discard(former)
        else:
            raise ArchiveWriteError(
                f"{target} is no archive of fatheory, and {former} is the one that it would "
                f"replace; move one of them away"
            )


def discard(folder: Path) -> None:
    """Delete a folder; renamed first, so that a kill never leaves a part of it under its name."""
    if folder.exists():
        doomed = _temporary(folder)
        os.rename(folder, doomed)
        _remove(doomed)


def sync_folder(folder: Path, durable: Collection[Path] = ()) -> None:
    """Make everything under `folder` durable, but for files that are."""
    walk = [(Path(place), files) for place, _, files in os.walk(folder)]
    files = {place / name for place, names in walk for name in names} - set(durable)
    # Files before the folders that name them.
    sync(files)
    sync(place for place, _ in walk)


def is_archive(folder: Path) -> bool:
    """Whether `folder` is an archive, done or not, be the rest as it may."""
    return os.path.isfile(folder / manifest.FILE) or journal.is_growing(folder)


def refuse_inside_archive(target: Path) -> None:
    """Refuse a place inside an archive, which a further file would spoil."""
    for parent in target.parents:
        if is_archive(parent):
            raise ArchiveWriteError(
                f"{target} lies inside the archive {parent}; choose a place outside"
            )


def check_free(target: Path, overwrite: bool) -> None:
    """Refuse a place where something stands that would not be replaced.

    What a writer killed there had begun is finished.
    """
    _refuse_foreign(target)
    recover(target)
    _refuse_foreign(target)  # which may have been set back just now
    if target.exists() and not overwrite:
        raise ArchiveWriteError(
            f"an archive stands at {target}; pass overwrite=True (on the command line "
            f"--overwrite) to replace it"
        )


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


def _stamps(folder: Path) -> list[tuple[int, ...] | None]:
    """Return what changes when a folder is replaced, then what does when an entry is committed."""
    found: list[tuple[int, ...] | None] = []
    for path in (folder, *(folder / journal.FOLDER / name for name in journal.FILES)):
        try:
            status = path.lstat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return found


def _refuse_foreign(path: Path, *, or_copy: bool = False) -> None:
    """Refuse to replace what is not, by its manifest or else the copy, all an archive of ours."""
    if not path.exists():
        return
    try:
        if not (or_copy or journal.is_growing(path)):
            manifest.read_manifest(path)
        extra = manifest.listing(path).foreign
    except ArchiveError as error:
        raise ArchiveWriteError(
            f"{path} exists and is no intact archive of fatheory, so it is not replaced; move it "
            f"away or choose another path ({error})"
        ) from error
    if extra:
        raise ArchiveWriteError(
            f"{path} holds files that are not part of the archive, so it is not replaced; move "
            f"them away: {', '.join(extra[:5])}"
        )


def _temporary(target: Path) -> Path:
    owner = f"{_HOST}-{os.getpid()}-{_PROCESS}"
    return target.parent / f".{target.name}.writing-{owner}-{secrets.token_hex(4)}"


def _remove(path: Path) -> None:
    """Delete a file or folder if it can be done; what stays is cleared by a later save.

    When one of zarr's threads fails, the others write on for a moment and may bring the folder
    back. So it is looked for again until it stays away.
    """
    for _ in range(20):
        if not os.path.lexists(path):
            return
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
        time.sleep(0.01)


def _clear_leftovers(target: Path) -> None:
    stem = "|".join(re.escape(name) for name in (target.name, set_aside(target).name))
    pattern = re.compile(rf"\.(?:{stem})\.writing-(.+)-(\d+)-([0-9a-f]{{8}})-[0-9a-f]{{8}}")
    for path in target.parent.iterdir():
        match = pattern.fullmatch(path.name)
        if match and _is_dead(match[1], int(match[2]), match[3]):
            _remove(path)


def _is_dead(host: str, pid: int, process: str) -> bool:
    """Whether a writer has certainly ended; of other hosts that cannot be told."""
    if host != _HOST or os.name != "posix":
        return False
    if pid == os.getpid():
        return process != _PROCESS
    try:
        # Signal 0 reaches nobody; it asks whether there is such a process.
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # It runs, as another user; or another process has its number by now, and what it left stays.
    except PermissionError:
        return False
    return False
