"""The journal of an unfinished archive: what it began with, every commit since, the last state.

Each line is a JSON object that carries its number and the SHA-256 of the rest. A line that is not
as it was written does not count: half a line at the end is what a killed writer leaves. The journal
is kept twice, so that no single damaged place loses a commit. Beside it lies the state of the run
at the last commit: arrays by rule and name, one after another in one file.
"""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fatheory.archive.files import (
    FileRecord,
    open_file,
    read_file,
    refuse_name,
    sealed,
    sync,
    write_file,
)
from fatheory.errors import ArchiveError, DamagedArchiveError

FORMAT_VERSION = 1
FOLDER = "fatheory-growing"
"""Zarr takes it for an empty group."""
FILES = ("journal.jsonl", "journal-copy.jsonl")
_STATE = re.compile(r"state-[0-9]{1,18}\.bin")

State = Mapping[str, Mapping[str, np.ndarray]]
"""From a rule's label and an array's name to the array."""


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
        Those that are as they were written, in order. The first tells how the archive began.
    problems : tuple of str
        What is not: entries before the last that are lost, and files of the journal that hold
        something else than entries, a torn last line apart.
    complete : bool
        Whether no entry is lost.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    complete: bool

    @property
    def notes(self) -> list[Mapping[str, Any]]:
        """The notes of all commits, in order."""
        return [entry.note for entry in self.entries[1:]]

    @property
    def places(self) -> list[Mapping[str, int]]:
        """The places of all entries, in the order of the commits."""
        return [place for entry in self.entries for place in entry.places]

    @property
    def state(self) -> Mapping[str, Any] | None:
        """The listing of the state that came with the last commit; None if none did."""
        return self.entries[-1].note.get("state")


def is_growing(folder: Path) -> bool:
    """Whether `folder` is an archive that is not done, or its writer stopped on the way."""
    within = folder / FOLDER
    return not within.is_symlink() and any(os.path.isfile(within / name) for name in FILES)


def append(folder: Path, number: int, entry: Entry) -> None:
    """Add an entry to both files of the journal, durably.

    An archive holds an entry from the moment that one of the files holds it.
    """
    line = _line(number, entry)
    files = [folder / FOLDER / name for name in FILES]
    # One after the other: a kill leaves one of them with a whole last line.
    for path in files:
        with path.open("ab") as file:
            file.write(line)
    sync(files)


def rewrite(folder: Path, entries: Sequence[Entry]) -> None:
    """Replace both files of the journal, whole, one after the other."""
    content = b"".join(_line(number, entry) for number, entry in enumerate(entries))
    for name in FILES:
        fresh = folder / FOLDER / f"{name}.new"
        write_file(fresh, content)
        # Before the rename, or a power cut could leave a name without content.
        sync([fresh])
        os.replace(fresh, folder / FOLDER / name)


def read(folder: Path) -> Journal:
    """Read what both files hold; an entry counts if one of them has it whole.

    A journal of which neither file tells how the archive began, or in which a name leads
    elsewhere, is refused as damaged, and one of another format, too.
    """
    known: dict[int, Entry] = {}
    damaged = []
    for name in FILES:
        try:
            content = read_file(folder / FOLDER / name)
        except OSError:  # not there, a link, a device
            content = b""
        # What follows the last line break is an entry that was being written.
        lines = content.split(b"\n")[:-1]
        found = [_read_line(line) for line in lines]
        # A number beyond the bytes there are is no count of lines, of which some may be lost.
        whole = [entry for entry in found if entry is not None and entry[0] <= len(content)]
        if not lines or len(whole) < len(lines):
            damaged.append(f"{name} is not as it was written")
        known |= dict(whole)
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
    for entry in known.values():
        for path in entry.files:
            refuse_name(folder, path, reserved=f"{FOLDER}/zarr.json")
    missing = [number for number in range(max(known)) if number not in known]
    problems = *damaged, *(f"entry {number} of the journal is lost" for number in missing)
    return Journal(tuple(known[number] for number in sorted(known)), problems, not missing)


def state_file(number: int) -> str:
    """Return the name of the state of a commit."""
    return f"state-{number}.bin"


def write_state(path: Path, state: State) -> dict[str, Any]:
    """Write a state durably and return the listing by which `read_state` finds its arrays."""
    arrays = [(label, name, a) for label, of_rule in state.items() for name, a in of_rule.items()]
    # As bytes: `write_file` hashes what it writes, and needs no copy of large states.
    parts = (np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for *_, array in arrays)
    record = write_file(path, *parts)
    sync([path, path.parent])
    return {
        "file": path.name,
        "size": record.size,
        "sha256": record.sha256,
        "arrays": [[label, name, a.dtype.str, list(a.shape)] for label, name, a in arrays],
    }


def read_state(folder: Path, listing: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Read what `write_state` wrote into the folder of an unfinished archive.

    A file that is missing, was changed, or is not of the size that the listing asks for, is refused
    as damaged.
    """
    name = str(listing["file"])
    path = folder / FOLDER / name
    try:
        kinds = [(np.dtype(dtype), tuple(shape)) for _, _, dtype, shape in listing["arrays"]]
        expected = FileRecord(listing["size"], listing["sha256"])
        whole = (
            _STATE.fullmatch(name) is not None
            and all(dtype.kind in "biufc" for dtype, _ in kinds)
            and all(type(n) is int and n >= 0 for _, shape in kinds for n in shape)
            # Sizes out of a file are held against the file's own before anything is read.
            and sum(dtype.itemsize * math.prod(shape) for dtype, shape in kinds) == expected.size
            and path.lstat().st_size == expected.size
            and FileRecord.of(path) == expected
        )
    except (OSError, ValueError, TypeError):
        whole = False
    if not whole:
        raise DamagedArchiveError(
            f"{path} is missing or not as it was written, so the run cannot go on from there; "
            f"what it recorded is kept by: fatheory archive repair"
        )
    state: dict[str, dict[str, np.ndarray]] = {}
    with open_file(path) as file:
        for (label, name, _, _), (dtype, shape) in zip(listing["arrays"], kinds, strict=True):
            # By size and kind out of the listing, which was hashed; no pickle, and nothing that
            # runs.
            values = np.fromfile(file, dtype, math.prod(shape))
            state.setdefault(label, {})[name] = values.reshape(shape)
    return state


def _line(number: int, entry: Entry) -> bytes:
    content = {
        "number": number,
        "files": {path: [record.size, record.sha256] for path, record in entry.files.items()},
        "places": list(entry.places),
        "note": dict(entry.note),
    }
    whole = sealed(content, separators=(",", ":"))
    return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _read_line(line: bytes) -> tuple[int, Entry] | None:
    try:
        content = json.loads(line)
        number = int(content["number"])
        files = {str(path): FileRecord(*record) for path, record in content["files"].items()}
        entry = Entry(files, tuple(content["places"]), content["note"])
        indices = [index for place in entry.places for index in place.values()]
        # Written anew and compared, rather than its hash alone: JSON has many ways to write one
        # thing, and only ours was written here.
        whole = _line(number, entry) == line + b"\n" and all(
            type(index) is int and index >= 0 for index in (number, *indices)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (number, entry) if whole else None
