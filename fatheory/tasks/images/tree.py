"""The files of a folder, or of a tar archive of one, in the order in which they are found."""

import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from fatheory.errors import DataError
from fatheory.tasks.images.tarball import DAMAGES, Header, checked_members

ARCHIVES = (".tar", ".tar.gz", ".tgz")
"""The endings of archives."""

_CHUNK_BYTES = 1 << 20
_INCOMPLETE = "is no complete tar archive"

Parts = tuple[str, ...]
"""A path inside the folder, from its top."""


@dataclass(frozen=True)
class File:
    """A file that was found.

    Attributes
    ----------
    size : int
        In bytes.
    read : function of nothing
        Returns its content; to be called before the next entry is asked for.
    """

    size: int
    read: Callable[[], bytes]


def entries(path: Path) -> Iterator[tuple[Parts, File | None]]:
    """Yield the paths below `path` with their files, None for folders.

    A folder is gone through in order of names, an archive in the order of its members.

    Hidden ones, and those that archivers of macOS add, are left out. Nothing is unpacked.

    Raises
    ------
    DataError
        If there is no such folder or archive, it cannot be read or is damaged, or it holds a
        link, a device, or a member that leaves the folder.
    """
    if path.is_dir():
        found = _in_folder(path)
    elif path.is_file() and path.name.endswith(ARCHIVES):
        found = _in_archive(path)
    else:
        raise DataError(f"{path} is neither a folder nor an archive ({', '.join(ARCHIVES)})")
    return (entry for entry in found if not any(map(_hidden, entry[0])))


def fingerprint(path: Path) -> str:
    """Return what changes when files of the folder, or the archive, change in size or time.

    The time of change counts too, which no program can set: copying keeps that of modification.
    """
    # The path itself as well: an archive is a file, into which `os.walk` does not go.
    files = [path, *(Path(here, name) for here, _, names in os.walk(path) for name in names)]
    with _damage_refused(path, "cannot be read"):
        listing = sorted(
            (str(file), one.st_size, one.st_mtime_ns, one.st_ctime_ns)
            for file in files
            for one in (file.lstat(),)
        )
    return hashlib.sha256(repr(listing).encode()).hexdigest()


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _in_folder(path: Path) -> Iterator[tuple[Parts, File | None]]:
    with _damage_refused(path, "cannot be read"):
        # `os.walk` passes over folders that it may not read, and images would be missing.
        for here, folders, files in os.walk(path, onerror=_raise):
            folders.sort()
            for name in (*folders, *sorted(files)):
                one = Path(here, name)
                # Not `stat`: links are refused, and must not be followed to find out.
                found = one.lstat()
                if not (stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)):
                    raise DataError(f"{path} is refused: {one} is a link or a device")
                file = File(found.st_size, partial(_content, one))
                yield one.relative_to(path).parts, None if stat.S_ISDIR(found.st_mode) else file


def _raise(error: OSError) -> None:
    raise error


def _content(path: Path) -> bytes:
    with _damage_refused(path, "cannot be read"):
        return path.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[Parts, File | None]]:
    packed = not path.name.endswith(".tar")
    with (
        _damage_refused(path, _INCOMPLETE),
        gzip.open(path) if packed else path.open("rb") as stream,
    ):
        # A packed archive as a stream, in one pass of decompression.
        mode: Literal["r|", "r:"] = "r|" if packed else "r:"
        with tarfile.open(fileobj=stream, mode=mode, tarinfo=Header) as archive:
            for member in checked_members(path, archive):
                file = File(member.size, partial(_member_content, path, archive, member))
                yield PurePosixPath(member.name).parts, None if member.isdir() else file
            if not packed:
                _check_end(path, archive.offset)
        while stream.read(_CHUNK_BYTES):  # gzip checks its sum at the end of the file
            pass


def _member_content(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    with _damage_refused(path, _INCOMPLETE):
        stream = archive.extractfile(member)
        return stream.read() if stream else b""


def _check_end(path: Path, offset: int) -> None:
    """Tell the end of an archive from a damaged header, at which reading stops as well."""
    with path.open("rb") as stream:
        stream.seek(offset)
        end = stream.read(tarfile.BLOCKSIZE)
    if end != bytes(tarfile.BLOCKSIZE):
        raise DataError(f"{path} {_INCOMPLETE}: neither a member nor the end at byte {offset:,}")


@contextmanager
def _damage_refused(path: Path, complaint: str) -> Iterator[None]:
    try:
        yield
    except DAMAGES as error:
        raise DataError(f"{path} {complaint}: {error}") from error
