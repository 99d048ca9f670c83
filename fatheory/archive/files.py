"""Files of an archive: which there may be, what they must be, and how they become durable."""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from zarr.core.buffer import Buffer, default_buffer_prototype
from zarr.storage import MemoryStore

from fatheory.checks import require_kind
from fatheory.errors import ArchiveError, DamagedArchiveError
from fatheory.inside import folded, why_outside

_LISTED_AT_MOST = 5
_OWN = re.compile(r"(?:[^/]+/)?zarr\.json|[^/]+/c(?:[./][0-9]+)*")
"""Metadata of the whole or of a variable, and a variable's chunks."""
# Names of our own lists and journals, which no list may name as a file of the archive.
_RESERVED = "fatheory-"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LITTER = re.compile(
    r"\.DS_Store|\._.*|\.localized|\.directory|desktop\.ini|(?:eh)?thumbs\.db|\.nfs.*",
    re.IGNORECASE,
)
# What is checked may be kept until it is read, so that small archives are read once.
_AT_ONCE_BYTES = 2**26
_SYNCED_AT_ONCE, _WORTH_THREADS = 8, 4
Buffered = bytes | memoryview
# An archive from elsewhere may hold links: reading one would show, and writing one overwrite, a
# file outside of it.
_NOT_THROUGH_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class FileRecord:
    """What a file of an archive must be: of so many bytes, with this SHA-256 in hexadecimal."""

    size: int
    sha256: str

    def __post_init__(self) -> None:
        size, digest = self.size, self.sha256
        if type(size) is not int or size < 0 or not _SHA256.fullmatch(digest):
            raise ValueError(f"{size!r:.20} and {digest!r:.80} are no size and SHA-256")

    @classmethod
    def of(cls, path: Path) -> "FileRecord":
        """Return what the file at `path` is."""
        with open_file(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(os.fstat(file.fileno()).st_size, digest)

    @classmethod
    def of_bytes(cls, content: bytes) -> "FileRecord":
        """Return what a file of this content would be."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


class ListedFiles(MutableMapping[str, Buffer]):
    """Files of a folder, as Zarr's `MemoryStore` takes them: those of a list, and no others.

    What a writer has begun and not yet committed lies in the same folder and is not seen. What is
    read is compared with the list, and what is written is added to it. Zarr's own store of files
    needs hard links, and reads a file that is gone as fill values.

    Parameters
    ----------
    folder : Path
        Where they lie.
    files : mapping of str to FileRecord
        By path relative to it.
    given : mapping of str to bytes
        Content of some of them, to be taken instead of theirs.
    verify : bool
        Whether content that is read is compared with its SHA-256, or its length only.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, FileRecord] | None = None,
        given: Mapping[str, bytes] | None = None,
        *,
        verify: bool = True,
    ) -> None:
        self.folder, self.records, self._verify = folder, dict(files or {}), verify
        self._known = dict(given or {})

    def store(self) -> MemoryStore:
        """Return them as a store of Zarr."""
        return MemoryStore(self)

    def damage(self) -> dict[str, str]:
        """Compare all files with the list; return what is wrong, by path."""
        present = files_in(self.folder)
        left, found = _AT_ONCE_BYTES, {}
        for path, record in self.records.items():
            what = self._wrong(path, record, left) if path in present else "is missing"
            left -= record.size
            if what:
                found[path] = what
        return found

    def _wrong(self, path: str, record: FileRecord, left: int) -> str:
        # Not through links: a list from elsewhere could name files of this machine.
        status = (self.folder / path).lstat()
        if stat.S_ISLNK(status.st_mode):
            return "is a link, and an archive has none"
        if not stat.S_ISREG(status.st_mode):
            return "is no plain file"
        if status.st_size != record.size:
            return f"has {status.st_size} bytes instead of {record.size}"
        if not self._verify:
            return ""
        if record.size > left:
            same = FileRecord.of(self.folder / path) == record
        else:  # it is read once, and kept until it is used
            content = read_file(self.folder / path)
            same = FileRecord.of_bytes(content) == record
            self._known |= {path: content} if same else {}
        return "" if same else "has another content than was written (SHA-256 differs)"

    def __getitem__(self, key: str) -> Buffer:
        """Return the content of a listed file, or refuse one that is not as it was written."""
        content = self._known.get(key)
        if content is None:
            record = self.records[key]
            try:
                content = read_file(self.folder / key)
            except FileNotFoundError:
                refuse_damage(self.folder, [f"{key} is missing"])
                raise
            size_only = FileRecord(len(content), record.sha256)
            if (FileRecord.of_bytes(content) if self._verify else size_only) != record:
                refuse_damage(self.folder, [f"{key} has another content than was written"])
        return default_buffer_prototype().buffer.from_bytes(content)

    def __setitem__(self, key: str, value: Buffer) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        self._known.pop(key, None)
        self.records[key] = write_file(path, value.to_bytes())

    def __delitem__(self, key: str) -> None:
        del self.records[key]
        self._known.pop(key, None)
        (self.folder / key).unlink(missing_ok=True)

    def __contains__(self, key: object) -> bool:
        return key in self.records

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.records))

    def __len__(self) -> int:
        return len(self.records)


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of an archive, with all links followed.

    Raises
    ------
    ArchiveError
        If it is none: the systems' own calls refuse NUL and halves of surrogate pairs with errors
        that are not about files.
    """
    require_kind("path", path, (str, os.PathLike))
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise ArchiveError(f"{os.fspath(path)!r} is no path: {error}") from None


def files_in(folder: Path) -> set[str]:
    """List all that is not a folder, and the folders that hold nothing, by relative path."""
    found, left = set(), [("", os.fspath(folder))]
    while left:
        within, where = left.pop()
        try:
            with os.scandir(where) as entries:
                inner = list(entries)
        except OSError:  # gone meanwhile, or not to be read: its files are missing
            continue
        for entry in inner:
            path = f"{within}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                left.append((f"{path}/", entry.path))
            else:
                found.add(path)
        if not inner:
            found.add(within.rstrip("/") or ".")
    return found


def is_litter(path: str) -> bool:
    """Whether a file manager leaves files of this name in every folder that it shows."""
    return _LITTER.fullmatch(PurePosixPath(path).name) is not None


def open_file(path: Path) -> BufferedReader:
    """Open a plain file for reading; an OSError if it is a link, a device or not there."""
    # Opening a pipe would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | _NOT_THROUGH_LINKS | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no plain file", str(path))
    return os.fdopen(descriptor, "rb")


def read_file(path: Path) -> bytes:
    """Read a plain file, as `open_file` opens it."""
    with open_file(path) as file:
        return file.read()


def write_file(path: Path, *parts: Buffered) -> FileRecord:
    """Write a new file in the place of whatever stood there, and never through a link."""
    path.unlink(missing_ok=True)
    # O_EXCL after unlinking: what another process puts there meanwhile is refused, not written to.
    # And a second name of the former file, in an archive that is being replaced, keeps its content.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_THROUGH_LINKS
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        for part in parts:
            digest.update(part)
            size += file.write(part)
    return FileRecord(size, digest.hexdigest())


def second_name(source: Path, target: Path) -> bool:
    """Give a file a second name, or copy it where the file system has no such thing: then False.

    Files of archives are changed by replacing them only, so the first name keeps what it has.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        return False
    return True


def sync(paths: Iterable[Path]) -> None:
    """Make files, and the names in folders, durable.

    Side by side, for file systems with a journal take down together what they are asked for
    together: of sixty files and folders that takes a tenth of the time of one after another.
    """
    listed = list(paths)
    if len(listed) < _WORTH_THREADS:
        for path in listed:
            _sync_one(path)
        return
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as threads:
        list(threads.map(_sync_one, listed))  # the list raises what went wrong in a thread


def _sync_one(path: Path) -> None:
    if os.name != "posix" and path.is_dir():
        return  # elsewhere folders cannot be opened
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sealed(content: Mapping[str, Any], **layout: Any) -> dict[str, Any]:
    """Return a listing with the SHA-256 of itself as JSON: an edit shows."""
    text = json.dumps(content, sort_keys=True, **layout).encode()
    return {**content, "sha256": hashlib.sha256(text).hexdigest()}


def refuse_name(folder: Path, name: object, reserved: str = "") -> None:
    """Refuse what is no name of a file that archives have; call it before the file is touched."""
    why = why_outside(name)
    if not why and name != reserved:
        text = str(name)
        if not _OWN.fullmatch(text) or folded(text).startswith(_RESERVED):
            why = "is none that archives have"
    if why:
        raise DamagedArchiveError(
            f"{folder} is refused: its list of files names {name!r:.80}, which {why}; nothing was "
            f"read or written there"
        )


def refuse_damage(folder: Path, found: Iterable[str]) -> None:
    """Refuse an archive of which something was found to be wrong, and list what."""
    problems = list(found)
    if problems:
        rest = len(problems) - _LISTED_AT_MOST
        more = f"; and {rest} more" if rest > 0 else ""
        raise DamagedArchiveError(
            f"{folder} is damaged: {'; '.join(problems[:_LISTED_AT_MOST])}{more}; restore it from "
            f"a copy, or keep what is whole with: fatheory archive repair {folder}"
        )


@contextmanager
def failing_as(kind: type[ArchiveError], what: str, then: str = "") -> Iterator[None]:
    """Turn whatever the file system, zarr and xarray raise into an error of ours.

    It says `what` could not be done, why, and `then` what stands now or is to be done. Errors of
    ours pass.
    """
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:
        raise kind(f"{what}: {type(error).__name__}: {error}{then}") from error
