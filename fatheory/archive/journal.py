"""The journal of an archive that grows: what it began with, and every commit since.

Each line is a JSON object that carries its number and the SHA-256 of the rest. A line that is not
as it was written does not count: half a line at the end is what a killed writer leaves. The journal
is kept twice, so that no single damaged place loses a commit.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fatheory.archive.files import FileRecord
from fatheory.errors import ArchiveError, DamagedArchiveError

FORMAT_VERSION = 1
FOLDER = "fatheory-growing"
"""Zarr takes it for an empty group."""
FILES = ("journal.jsonl", "journal-copy.jsonl")


@dataclass(frozen=True)
class Entry:
    """A line of the journal.

    Attributes
    ----------
    files : mapping of str to FileRecord
        The files that became part of the archive, by path relative to its folder.
    places : tuple of mappings
        Where they belong: an index for every dimension along which the archive grows.
    note : mapping
        What the writer wanted to be kept with them.
    """

    files: Mapping[str, FileRecord]
    places: tuple[Mapping[str, int], ...] = ()
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """What could be read of a journal.

    Attributes
    ----------
    entries : tuple of Entry
        Those that are as they were written, in order.
    missing : tuple of int
        Numbers of entries before the last that are lost.
    damaged : tuple of str
        The files of the journal that hold something else than entries, a torn last line apart.
    """

    entries: tuple[Entry, ...]
    missing: tuple[int, ...]
    damaged: tuple[str, ...]

    @property
    def began(self) -> Mapping[str, Any]:
        """The note of the first entry: kind, dimensions of growth, variables, kept files."""
        return self.entries[0].note

    @property
    def last(self) -> Mapping[str, Any]:
        """The note of the last entry."""
        return self.entries[-1].note

    @property
    def notes(self) -> list[Mapping[str, Any]]:
        """The notes of all commits, in order."""
        return [entry.note for entry in self.entries[1:]]

    @property
    def files(self) -> dict[str, FileRecord]:
        """The files of all entries."""
        return {path: record for entry in self.entries for path, record in entry.files.items()}

    @property
    def places(self) -> list[Mapping[str, int]]:
        """The places of all entries, in the order of the commits."""
        return [place for entry in self.entries for place in entry.places]

    def restored(self) -> dict[str, bytes]:
        """Return the content of the files of which it is kept."""
        return {path: base64.b64decode(text) for path, text in self.began["kept"].items()}


def is_growing(folder: Path) -> bool:
    """Whether `folder` is an archive that grows, or stopped growing on the way."""
    return any(os.path.isfile(folder / FOLDER / name) for name in FILES)


def foreign_names(folder: Path) -> list[str]:
    """List what lies in a growing archive's folder without being part of it."""
    known = {path.partition("/")[0] for path in read(folder).files}
    return sorted({path.name for path in folder.iterdir()} - known - {FOLDER})


def append(folder: Path, number: int, entry: Entry) -> None:
    """Add an entry to both files of the journal, durably.

    An archive holds an entry from the moment that the first file holds it.
    """
    line = _line(number, entry)
    for name in FILES:
        with (folder / FOLDER / name).open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def rewrite(folder: Path, entries: Sequence[Entry]) -> None:
    """Replace both files of the journal, whole, one after the other."""
    content = b"".join(_line(number, entry) for number, entry in enumerate(entries))
    for name in FILES:
        fresh = folder / FOLDER / f"{name}.new"
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, folder / FOLDER / name)


def read(folder: Path) -> Journal:
    """Read what both files hold; an entry counts if one of them has it whole.

    Raises
    ------
    DamagedArchiveError
        If neither of them tells how the archive began.
    ArchiveError
        If the journal is of another format.
    """
    known: dict[int, Entry] = {}
    damaged = []
    for name in FILES:
        place = folder / FOLDER / name
        content = place.read_bytes() if place.is_file() else b""
        # What follows the last line break is an entry that was being written.
        lines = content.split(b"\n")[:-1]
        found = [_read_line(line) for line in lines]
        if not lines or any(entry is None for entry in found):
            damaged.append(name)
        known |= dict(entry for entry in found if entry is not None)
    numbers = range(max(known, default=-1) + 1)
    missing = tuple(number for number in numbers if number not in known)
    if 0 not in known:
        raise DamagedArchiveError(
            f"{folder} is damaged: neither {FILES[0]} nor {FILES[1]} in {FOLDER} tells how it "
            f"began; start its run over"
        )
    version = known[0].note.get("format_version")
    if version != FORMAT_VERSION:
        raise ArchiveError(
            f"{folder} has a journal of format version {version!r}; this version of fatheory "
            f"reads version {FORMAT_VERSION}; update fatheory"
        )
    return Journal(tuple(known[i] for i in numbers if i in known), missing, tuple(damaged))


def _line(number: int, entry: Entry) -> bytes:
    listed = {path: [record.size, record.sha256] for path, record in entry.files.items()}
    content = {
        "number": number,
        "files": listed,
        "places": list(entry.places),
        "note": dict(entry.note),
    }
    sealed = content | {"sha256": hashlib.sha256(_json(content)).hexdigest()}
    return _json(sealed) + b"\n"


def _read_line(line: bytes) -> tuple[int, Entry] | None:
    try:
        content = json.loads(line)
        number = int(content["number"])
        files = {str(path): FileRecord(*record) for path, record in content["files"].items()}
        entry = Entry(files, tuple(content["places"]), content["note"])
        whole = _line(number, entry) == line + b"\n"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (number, entry) if whole else None


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
