"""Writing beside the target and renaming into place, so that no half-written thing is ever seen.

Nothing but an archive is ever replaced. Three names are used in the folder of a target ``name``:

* ``.name.writing-HOST-PID-PROCESS-CALL`` is being written, or is waiting to be deleted;
* ``.name.replaced`` is the whole former folder, there only between the two renames that put a
  new one in its place;
* ``name`` is always whole.
"""

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fatheory.archive import journal, manifest
from fatheory.archive.files import is_litter, sync
from fatheory.errors import ArchiveError, ArchiveWriteError

# Tells this process from an earlier one of the same number, as happens in containers.
_PROCESS = secrets.token_hex(4)
_HOST = re.sub(r"[^\w.]", "_", platform.node())


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Give the name of a hidden sibling of `target` to write to; afterwards it is removed.

    The parent folder is made if need be, and what killed writers of `target` left is cleared.

    Raises
    ------
    ArchiveWriteError
        If the parent folder cannot be made or written to, or anything fails while writing.
    """
    temporary = _temporary(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(f"the folder {target.parent} is not writable")
        _clear_leftovers(target)
        yield temporary
    except ArchiveError:
        raise
    except Exception as error:  # whatever the file system, zarr, h5netcdf or xarray raise
        raise ArchiveWriteError(
            f"could not write {target}: {type(error).__name__}: {error}; "
            f"what stood there before, if anything, is untouched"
        ) from error
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


def publish_folder(temporary: Path, target: Path) -> None:
    """Rename `temporary` to `target`, replacing the folder there. Both survive a kill whole."""
    sync_folder(temporary)
    former = set_aside(target)
    if not target.exists():
        os.rename(temporary, target)
    else:
        os.rename(target, former)
        try:
            os.rename(temporary, target)
        except BaseException:
            os.rename(former, target)
            raise
    sync(target.parent)
    discard(former)


def publish_file(temporary: Path, target: Path) -> None:
    """Rename `temporary` to `target`, replacing the file there in one step."""
    sync(temporary)
    os.replace(temporary, target)
    sync(target.parent)


def recover(target: Path) -> None:
    """Finish what a process killed between the two renames of `publish_folder` began.

    Raises
    ------
    ArchiveWriteError
        If what lies under the name of a folder set aside is none, or it cannot be moved or deleted.
    """
    former = set_aside(target)
    try:
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
    except OSError as error:
        raise ArchiveWriteError(
            f"could not finish replacing {target}: {type(error).__name__}: {error}; {former} is "
            f"the former archive"
        ) from error


def discard(folder: Path) -> None:
    """Delete a folder; renamed first, so that a kill never leaves a part of it under its name."""
    if folder.exists():
        doomed = _temporary(folder)
        os.rename(folder, doomed)
        _remove(doomed)


def sync_folder(folder: Path) -> None:
    """Make everything under `folder` durable."""
    for place, _, files in os.walk(folder):
        for name in files:
            sync(Path(place, name))
        sync(Path(place))


def is_archive(folder: Path) -> bool:
    """Whether `folder` is an archive, done or not, be the rest as it may."""
    return manifest.has_manifest(folder) or journal.is_growing(folder)


def refuse_inside_archive(target: Path) -> None:
    """Refuse a place inside an archive, which a further file would spoil.

    Raises
    ------
    ArchiveWriteError
        Naming the archive.
    """
    for parent in target.parents:
        if is_archive(parent):
            raise ArchiveWriteError(
                f"{target} lies inside the archive {parent}; choose a place outside"
            )


def check_free(target: Path, overwrite: bool) -> None:
    """Refuse a place that is taken; finish what a writer killed there had begun.

    Raises
    ------
    ArchiveWriteError
        If something stands there that would not be replaced.
    """
    _refuse_foreign(target)
    recover(target)
    _refuse_foreign(target)  # which may have been set back just now
    if target.exists() and not overwrite:
        raise ArchiveWriteError(
            f"an archive stands at {target}; pass overwrite=True (on the command line "
            f"--overwrite) to replace it"
        )


def _refuse_foreign(path: Path, *, or_copy: bool = False) -> None:
    """Refuse to replace what is not, by its manifest or else the copy, all an archive of ours."""
    if not path.exists():
        return
    try:
        if journal.is_growing(path):
            known = {name.partition("/")[0] for name in journal.read(path).files}
            beside = {inner.name for inner in path.iterdir()} - known - {journal.FOLDER}
            extra = sorted(name for name in beside if not is_litter(name))
        else:
            extra, _ = manifest.unexpected(path, _listing(path, or_copy))
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


def _listing(path: Path, or_copy: bool) -> manifest.Manifest:
    try:
        return manifest.read_manifest(path)
    except ArchiveError:
        if not or_copy:
            raise
        with suppress(ArchiveError):
            return manifest.read_manifest(path, manifest.COPY)
        raise


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
    names = (target.name, set_aside(target).name)
    stem = "|".join(re.escape(name) for name in names)
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
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
