"""Files of an archive: what they are, what they must be, and how they become durable."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fatheory.errors import ArchiveError, DamagedArchiveError

_LISTED_AT_MOST = 5


@dataclass(frozen=True)
class FileRecord:
    """What a file of an archive must be.

    Attributes
    ----------
    size : int
        Length in bytes.
    sha256 : str
        Digest of the content, hexadecimal.
    """

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileRecord":
        """Return what the file at `path` is."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.stat().st_size, digest)

    @classmethod
    def of_bytes(cls, content: bytes) -> "FileRecord":
        """Return what a file of this content would be."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


def files_in(folder: Path) -> set[str]:
    """List all that is not a folder, and the folders that hold nothing, by relative path."""
    found = set()
    for place, folders, files in os.walk(folder):
        within = Path(place).relative_to(folder)
        links = [name for name in folders if Path(place, name).is_symlink()]
        found |= {(within / name).as_posix() for name in (*files, *links)}
        if not folders and not files:
            found.add(within.as_posix())
    return found


def damage(
    folder: Path, files: Mapping[str, FileRecord], *, hashes: bool
) -> Iterator[tuple[str, str]]:
    """Find the files that are not what they must be: their path, and what is wrong."""
    present = files_in(folder)
    for path, record in files.items():
        if path not in present:
            yield path, "is missing"
            continue
        if (folder / path).is_symlink():
            yield path, "is a link, and an archive has none"
            continue
        size = (folder / path).stat().st_size
        if size != record.size:
            yield path, f"has {size} bytes instead of {record.size}"
        elif hashes and FileRecord.of(folder / path) != record:
            yield path, "has another content than was written (SHA-256 differs)"


def deviations(folder: Path, files: Mapping[str, FileRecord], *, hashes: bool) -> Iterator[str]:
    """Say which files are not what they must be."""
    for path, what in damage(folder, files, hashes=hashes):
        yield f"{path} {what}"


def refuse_damage(folder: Path, found: Iterable[str]) -> None:
    """Refuse an archive of which something was found to be wrong.

    Raises
    ------
    DamagedArchiveError
        Listing what was found.
    """
    problems = list(found)
    if problems:
        rest = len(problems) - _LISTED_AT_MOST
        more = f"; and {rest} more" if rest > 0 else ""
        raise DamagedArchiveError(
            f"{folder} is damaged: {'; '.join(problems[:_LISTED_AT_MOST])}{more}; restore it from "
            f"a copy, or keep what is whole with: fatheory archive repair {folder}"
        )


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn whatever the file system, zarr and xarray raise while reading into an error of ours.

    Raises
    ------
    ArchiveError
        In the place of any other exception.
    """
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:
        raise ArchiveError(f"{folder} cannot be read: {type(error).__name__}: {error}") from error


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    if os.name != "posix" and path.is_dir():
        return  # elsewhere folders cannot be opened
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
