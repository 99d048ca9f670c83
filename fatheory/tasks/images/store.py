"""The folder of downloaded files: where it is, what is in it, whether it may be used.

Nothing here writes, so the folder may be read-only.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from fatheory.errors import DataError
from fatheory.tasks.images.entry import DataFile, ImageSet
from fatheory.tasks.images.folder_name import folder_path, is_folder_name
from fatheory.tasks.images.location import FOLDER_VARIABLE, data_folder
from fatheory.tasks.images.registry import IMAGE_SETS, image_set


@dataclass(frozen=True)
class FileReport:
    """How one file of an image set was found.

    Attributes
    ----------
    path : Path
        Where the file is or should be.
    state : {"present", "missing", "damaged"}
        Damaged is whatever is at the path with another checksum, or is no regular file.
    size, checksum : int, str or None
        As found, the checksum with its algorithm as in `DataFile`; None where there is no regular
        file.
    expected : DataFile
        The file as it should be.
    """

    path: Path
    state: Literal["present", "missing", "damaged"]
    size: int | None
    checksum: str | None
    expected: DataFile

    def __str__(self) -> str:
        """Say what was found, and for a damaged file what was expected."""
        if self.state != "damaged":
            return f"{self.path}: {self.state}"
        if self.checksum is None:
            return f"{self.path}: damaged: found no regular file"
        return (
            f"{self.path}: damaged: found {self.size:,} bytes with {self.checksum}; "
            f"expected {self.expected.size:,} bytes with {self.expected.checksum}"
        )


@dataclass(frozen=True)
class SetStatus:
    """How an image set stands on this machine: a row of ``fatheory data list``.

    Attributes
    ----------
    entry : ImageSet
        The set.
    folder : Path
        Where its files are or would be.
    state : {"complete", "incomplete", "missing", "damaged", "generated"}
        The files taken together; a generated set needs none.
    size : int
        Bytes of the files found.
    """

    entry: ImageSet
    folder: Path
    state: Literal["complete", "incomplete", "missing", "damaged", "generated"]
    size: int


def set_folder(name: str, folder: Path | None = None) -> Path:
    """Return where the files of the image set `name` lie, in `folder` or the `data_folder`.

    For a folder of images, or an archive of one, that is its own path.
    """
    if is_folder_name(name):
        return folder_path(name, folder)
    return (folder or data_folder()) / image_set(name).name


def verify(name: str, folder: Path | None = None) -> list[FileReport]:
    """Compare the files of an image set with their official checksums.

    Writes nothing. Where an archive is absent and its members are there, the reports are on the
    members. A checksum is computed once per file and process, as long as the file's size
    and time of modification stay.

    Parameters
    ----------
    name : str
        A name in `IMAGE_SETS`.
    folder : Path, optional
        The folder of data sets, `data_folder` by default.

    Returns
    -------
    list of FileReport
        One for each file, in the registry's order; empty for a generated set, and for a folder of
        images, which has no official checksums.

    Raises
    ------
    UnknownNameError
        If there is no such set.
    DataError
        If a file is there and cannot be read.
    """
    if is_folder_name(name):
        folder_path(name, folder)
        return []
    entry, where = image_set(name), set_folder(name, folder)
    return [report_on(where / file.name, file) for file in _files_in_use(entry, where)]


def status(folder: Path | None = None) -> list[SetStatus]:
    """Verify every image set and return one row for each; writes nothing."""
    return [_status(entry, folder) for entry in IMAGE_SETS.values()]


def usable_files(
    name: str, folder: Path | None = None, *, verify_checksums: bool = True
) -> tuple[dict[str, Path], bool]:
    """Return the files to read an image set from, by name, and whether all are the official ones.

    A folder of images has one, of the set's own name, and is official as it stands.

    Raises
    ------
    DataError
        If a file is missing, or is damaged while `verify_checksums`; the message names the files
        and the command that gets them.
    """
    if is_folder_name(name):
        return {name: set_folder(name, folder)}, True
    reports = verify(name, folder)
    missing = [r for r in reports if r.state == "missing" or r.checksum is None]
    damaged = [r for r in reports if r.state == "damaged"]
    if missing or (damaged and verify_checksums):
        raise DataError(_cannot_use(name, [r for r in reports if r.state != "present"]))
    return {r.expected.name: r.path for r in reports}, not damaged


def _files_in_use(entry: ImageSet, where: Path) -> tuple[DataFile, ...]:
    """Choose between an archive and its unpacked members; the archive comes first."""
    # `lexists`: a broken link is a file that is there and damaged, not one that is missing.
    archived = any(os.path.lexists(where / file.name) for file in entry.files)
    unpacked = any(os.path.lexists(where / file.name) for file in entry.unpacked)
    return entry.unpacked if unpacked and not archived else entry.files


def report_on(path: Path, expected: DataFile) -> FileReport:
    """Compare the file at `path` with what it should be; `verify` for one file."""
    if not os.path.lexists(path):
        return FileReport(path, "missing", None, None, expected)
    if not path.is_file():
        return FileReport(path, "damaged", None, None, expected)
    try:
        found = path.stat()
        algorithm = expected.checksum.partition(":")[0]
        # Once for each state of a file: archives of gigabytes take seconds.
        checksum = _checksum(path.resolve(), found.st_size, found.st_mtime_ns, algorithm)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; check its permissions"
        ) from error
    # Size too, since an MD5 sum can be met on purpose.
    good = checksum == expected.checksum and found.st_size == expected.size
    return FileReport(path, "present" if good else "damaged", found.st_size, checksum, expected)


@cache
def _checksum(path: Path, size: int, mtime_ns: int, algorithm: str) -> str:
    del size, mtime_ns  # they belong to the cache's key: a changed file is read again
    with path.open("rb") as stream:
        return f"{algorithm}:{hashlib.file_digest(stream, algorithm).hexdigest()}"


def _status(entry: ImageSet, folder: Path | None) -> SetStatus:
    where = set_folder(entry.name, folder)
    reports = verify(entry.name, folder)
    states = {report.state for report in reports}
    state: Literal["complete", "incomplete", "missing", "damaged", "generated"]
    if not reports:
        state = "generated"
    elif "damaged" in states:
        state = "damaged"
    elif "missing" not in states:
        state = "complete"
    else:
        state = "incomplete" if "present" in states else "missing"
    return SetStatus(entry, where, state, sum(report.size or 0 for report in reports))


def _cannot_use(name: str, bad: Sequence[FileReport]) -> str:
    if all(report.state == "missing" for report in bad):
        cure = "downloads what is missing"
    elif all(report.expected.urls for report in bad):
        cure = "moves a damaged file aside and downloads the official one"
    else:
        cure = "downloads the official archive; verify=False reads complete files as they are"
    lines = (
        f"{image_set(name).title} cannot be read:",
        *(f"  {report}" for report in bad),
        f"`fatheory data fetch {name}` {cure} ({FOLDER_VARIABLE} chooses the folder)",
    )
    return "\n".join(lines)
