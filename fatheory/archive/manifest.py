"""The list of an archive's files, by which damage is noticed.

Zarr reads a missing chunk as fill values, so an archive that lost a file would load with wrong
numbers. The manifest names every file with its size and SHA-256. It is the metadata of an empty
Zarr group inside the archive, a place that Zarr and xarray know and pass over without a warning.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fatheory.errors import (
    ArchiveError,
    ArchiveWriteError,
    DamagedArchiveError,
    IncompleteArchiveError,
)

FORMAT_VERSION = 1
RUN = "run"
RESULT = "result"

_GROUP = "fatheory-manifest"
_FILE = f"{_GROUP}/zarr.json"
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


@dataclass(frozen=True)
class Manifest:
    """The files of an archive, by path relative to its folder, and what the archive holds.

    Attributes
    ----------
    kind : str
        ``"run"`` for a run archive, ``"result"`` for any other Dataset.
    files : dict
        From path to `FileRecord`.
    """

    kind: str
    files: dict[str, FileRecord]


def write_manifest(folder: Path, kind: str) -> None:
    """List the files of a finished Zarr folder in its manifest."""
    files = {path: _record(folder / path) for path in sorted(_files(folder))}
    (folder / _GROUP).mkdir()
    (folder / _FILE).write_bytes(_render(Manifest(kind, files)))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an archive.

    Raises
    ------
    IncompleteArchiveError
        If `folder` has no manifest.
    DamagedArchiveError
        If the manifest is not as it was written.
    ArchiveError
        If the manifest is of another format.
    """
    try:
        content = (folder / _FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IncompleteArchiveError(
            f"{folder} is not an archive of fatheory, or not a complete one: it has no {_FILE}; "
            f"copy the archive again from where it came from"
        ) from error
    damaged = DamagedArchiveError(f"{folder} is damaged: {_FILE} is not as it was written")
    try:
        described: Any = json.loads(content)["attributes"]
        version = described["format_version"]
        files = {path: FileRecord(**record) for path, record in described["files"].items()}
        manifest = Manifest(described["kind"], files)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged from error
    if _render(manifest, version) != content:
        raise damaged
    if version != FORMAT_VERSION:
        raise ArchiveError(
            f"{folder} has an archive format of version {version}; this version of fatheory "
            f"reads version {FORMAT_VERSION}; update fatheory"
        )
    return manifest


def check_files(folder: Path, manifest: Manifest, *, hashes: bool) -> None:
    """Compare the files of an archive with its manifest: names, sizes and, if asked, hashes.

    Raises
    ------
    DamagedArchiveError
        Naming the files that are missing, unexpected or changed.
    """
    damage = list(_damage(folder, manifest, hashes))
    if damage:
        rest = len(damage) - _LISTED_AT_MOST
        more = f"; and {rest} more" if rest > 0 else ""
        raise DamagedArchiveError(
            f"{folder} is damaged: {'; '.join(damage[:_LISTED_AT_MOST])}{more}; restore it from a "
            f"copy or run its experiment again"
        )


def is_archive(folder: Path) -> bool:
    """Whether `folder` has a manifest, be the rest as it may."""
    return os.path.isfile(folder / _FILE)


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


def unexpected_files(folder: Path, manifest: Manifest) -> list[str]:
    """List what lies in an archive's folder without being part of the archive."""
    return sorted(_files(folder) - set(manifest.files) - {_FILE})


def _damage(folder: Path, manifest: Manifest, hashes: bool) -> Iterator[str]:
    present = _files(folder)
    for path, record in manifest.files.items():
        if path not in present:
            yield f"{path} is missing"
            continue
        size = (folder / path).stat().st_size
        if size != record.size:
            yield f"{path} has {size} bytes instead of {record.size}"
        elif hashes and _sha256(folder / path) != record.sha256:
            yield f"{path} has another content than was written (SHA-256 differs)"
    for path in unexpected_files(folder, manifest):
        yield f"{path} does not belong to it"


def _files(folder: Path) -> set[str]:
    """List all that is not a folder, and the folders that hold nothing."""
    found = set()
    for place, folders, files in os.walk(folder):
        within = Path(place).relative_to(folder)
        found |= {(within / name).as_posix() for name in files}
        if not folders and not files:
            found.add(within.as_posix())
    return found


def _record(path: Path) -> FileRecord:
    return FileRecord(path.stat().st_size, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _render(manifest: Manifest, version: int = FORMAT_VERSION) -> bytes:
    """Write out a manifest, always the same way: an edit shows, of this file too."""
    listing = {path: asdict(record) for path, record in manifest.files.items()}
    described = {"format_version": version, "kind": manifest.kind, "files": listing}
    sealed = described | {"sha256": hashlib.sha256(_json(described)).hexdigest()}
    return _json({"zarr_format": 3, "node_type": "group", "attributes": sealed})


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()
