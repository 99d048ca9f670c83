"""The list of an archive's files, by which damage is noticed.

Zarr reads a missing chunk as fill values, so an archive that lost a file would load with wrong
numbers. The manifest names every file with its size and SHA-256. It is the metadata of an empty
Zarr group inside the archive, a place that Zarr and xarray know and pass over without a warning.
Beside that of an archive of many entries lies a copy, so that `repair` knows what is whole when
the manifest itself is not.
"""

import base64
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fatheory.archive.files import (
    FileRecord,
    files_in,
    is_litter,
    read_file,
    refuse_name,
    write_file,
)
from fatheory.errors import ArchiveError, DamagedArchiveError, IncompleteArchiveError

FORMAT_VERSION = 2
RUN = "run"
RESULT = "result"
SWEEP = "sweep"

FILE = "fatheory-manifest/zarr.json"
COPY = "fatheory-manifest-copy/zarr.json"
_KEPT_AT_MOST = 2**16


@dataclass(frozen=True)
class Manifest:
    """The files of an archive, by path relative to its folder, and what the archive holds.

    Attributes
    ----------
    kind : str
        ``"run"`` for a run archive, ``"sweep"`` for a sweep, ``"result"`` for any other Dataset.
    files : mapping
        From path to `FileRecord`.
    along : tuple of str
        Dimensions along which the archive consists of entries: ``("step",)`` for a run.
    entrywise : tuple of str
        The variables of which every entry has a file of its own.
    kept : mapping
        From path to the content, in base64, of small files that all entries need.
    """

    kind: str
    files: Mapping[str, FileRecord]
    along: tuple[str, ...] = ()
    entrywise: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        folder: Path,
        kind: str,
        along: Iterable[str] = (),
        entrywise: Collection[str] = (),
        known: Mapping[str, FileRecord] | None = None,
    ) -> "Manifest":
        """Return the manifest of a finished Zarr folder; of `known` files nothing is read."""
        recorded, along = known or {}, tuple(along)
        listed = {
            path: recorded[path] if path in recorded else FileRecord.of(folder / path)
            for path in sorted(files_in(folder))
        }
        kept = kept_content(folder, listed, entrywise) if along else {}
        return cls(kind, listed, along, tuple(sorted(entrywise)), kept)


def kept_content(folder: Path, paths: Iterable[str], entrywise: Collection[str]) -> dict[str, str]:
    """Return, in base64, the small files that all entries need: metadata, and shared values."""
    kept = {}
    for path in paths:
        name, _, within = path.partition("/")
        needed = within in ("", "zarr.json") or name not in entrywise
        if needed and (folder / path).stat().st_size <= _KEPT_AT_MOST:
            kept[path] = base64.b64encode(read_file(folder / path)).decode()
    return kept


def kept_files(
    folder: Path, kept: Mapping[str, str], files: Mapping[str, FileRecord]
) -> dict[str, bytes]:
    """Return the content of the files of which it is kept.

    Raises
    ------
    DamagedArchiveError
        If it is not that of a listed file.
    """
    content = {path: base64.b64decode(text) for path, text in kept.items()}
    if any(files.get(path) != FileRecord.of_bytes(inner) for path, inner in content.items()):
        raise DamagedArchiveError(f"{folder} is damaged: its list of files contradicts itself")
    return content


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder into it, and a copy where there are entries to repair."""
    for name in (FILE, COPY) if manifest.along else (FILE,):
        (folder / name).parent.mkdir()
        write_file(folder / name, _render(manifest))


def read_manifest(folder: Path, name: str = FILE) -> Manifest:
    """Read the manifest of an archive, or its copy.

    Raises
    ------
    IncompleteArchiveError
        If `folder` has no manifest.
    DamagedArchiveError
        If the manifest is not as it was written, or names files outside the archive.
    ArchiveError
        If the manifest is of another format.
    """
    damaged = DamagedArchiveError(
        f"{folder} is damaged: {name} is not as it was written; restore it from a copy, or keep "
        f"what is whole with: fatheory archive repair {folder}"
    )
    try:
        content = read_file(folder / name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IncompleteArchiveError(
            f"{folder} is not an archive of fatheory, or not a complete one: it has no {name}; "
            f"copy the archive again from where it came from"
        ) from error
    except OSError as error:  # a link, a device
        raise damaged from error
    try:
        described: Any = json.loads(content)["attributes"]
        version = described["format_version"]
        manifest = _parsed(described)
        whole = _render(manifest, version) == content
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged from error
    if not whole:
        raise damaged
    if version not in (1, FORMAT_VERSION):
        raise ArchiveError(
            f"{folder} has an archive format of version {version}; this version of fatheory "
            f"reads versions up to {FORMAT_VERSION}; update fatheory"
        )
    for path in manifest.files:
        refuse_name(folder, path)
    return manifest


def unexpected(folder: Path, manifest: Manifest) -> tuple[list[str], list[str]]:
    """List what lies in a folder without being part of its archive: others' files, and litter."""
    found = sorted(files_in(folder) - set(manifest.files) - {FILE, COPY})
    litter = [path for path in found if is_litter(path)]
    return [path for path in found if path not in litter], litter


def copy_is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether an archive has the copy of its manifest that it should have."""
    try:
        return not manifest.along or read_file(folder / COPY) == _render(manifest)
    except OSError:
        return False


def has_manifest(folder: Path) -> bool:
    """Whether `folder` has a manifest, be the rest as it may."""
    return os.path.isfile(folder / FILE)


def sealed(content: Mapping[str, Any], **layout: Any) -> dict[str, Any]:
    """Return a listing with the SHA-256 of itself as JSON: an edit shows."""
    text = json.dumps(content, sort_keys=True, **layout).encode()
    return {**content, "sha256": hashlib.sha256(text).hexdigest()}


def _parsed(described: Mapping[str, Any]) -> Manifest:
    listed = {path: FileRecord(**record) for path, record in described["files"].items()}
    if described["format_version"] == 1:
        return Manifest(described["kind"], listed)
    along, entrywise = (tuple(described[key]) for key in ("along", "entrywise"))
    return Manifest(described["kind"], listed, along, entrywise, dict(described["kept"]))


def _render(manifest: Manifest, version: int = FORMAT_VERSION) -> bytes:
    """Write out a manifest, always the same way."""
    listing = {path: asdict(record) for path, record in manifest.files.items()}
    described = {"format_version": version, "kind": manifest.kind, "files": listing}
    if version > 1:
        described |= {
            "along": list(manifest.along),
            "entrywise": list(manifest.entrywise),
            "kept": dict(manifest.kept),
        }
    attributes = sealed(described, indent=1)
    whole = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    return json.dumps(whole, indent=1, sort_keys=True).encode()
