"""The list of an archive's files, by which damage is noticed.

Zarr reads a missing chunk as fill values, so an archive that lost a file would load with wrong
numbers. The manifest names every file with its size and SHA-256. It is the metadata of an empty
Zarr group inside the archive, a place that Zarr and xarray know and pass over without a warning.
Beside that of an archive of many entries lies a copy, so that `repair` knows what is whole when
the manifest itself is not.

Checksums that Zarr has codecs for would not do: they tell that a chunk is as it was written, and
not that it is the chunk of this place, nor that one is missing.
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fatheory.archive import journal
from fatheory.archive.files import (
    FileRecord,
    ListedFiles,
    failing_as,
    files_in,
    is_litter,
    read_file,
    refuse_damage,
    refuse_name,
    sealed,
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
            # What this process has written it has hashed already.
            path: recorded[path] if path in recorded else FileRecord.of(folder / path)
            for path in sorted(files_in(folder))
        }
        kept = kept_content(folder, listed, entrywise) if along else {}
        return cls(kind, listed, along, tuple(sorted(entrywise)), kept)

    def content_kept(self, folder: Path) -> dict[str, bytes]:
        """Return the content of the files of which it is kept; refuse that of no listed file."""
        content = {path: base64.b64decode(text) for path, text in self.kept.items()}
        for path, inner in content.items():
            if self.files.get(path) != FileRecord.of_bytes(inner):
                raise DamagedArchiveError(
                    f"{folder} is damaged: its list of files contradicts itself"
                )
        return content


def kept_content(folder: Path, paths: Iterable[str], entrywise: Collection[str]) -> dict[str, str]:
    """Return, in base64, the small files that all entries need: metadata, and shared values."""
    kept = {}
    for path in paths:
        name, _, within = path.partition("/")
        needed = within in ("", "zarr.json") or name not in entrywise
        if needed and (folder / path).stat().st_size <= _KEPT_AT_MOST:
            kept[path] = base64.b64encode(read_file(folder / path)).decode()
    return kept


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder into it, and a copy where there are entries to repair."""
    content = _render(manifest)
    # A result has no entries of which some could be saved, so a copy would be of no use.
    for name in (FILE, COPY) if manifest.along else (FILE,):
        # Not `exist_ok`: what stands there already is not of this archive.
        (folder / name).parent.mkdir()
        write_file(folder / name, content)


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
        # To the byte: this also finds keys that no version wrote, which parsing passes over.
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


@dataclass(frozen=True)
class Listing:
    """What an archive must hold, by its manifest or its journal, and what lies beside it.

    Attributes
    ----------
    manifest : Manifest
        Of an unfinished archive what it would be if that were done now.
    past : Journal or None
        The journal of an unfinished archive.
    problems : tuple of str
        What is wrong with the lists themselves.
    foreign, litter : tuple of str
        What lies in the folder without being part of the archive; the latter as file managers
        leave it. An unfinished one may hold chunks of no entry, and what its journal needs.
    """

    manifest: Manifest
    past: journal.Journal | None
    problems: tuple[str, ...]
    foreign: tuple[str, ...]
    litter: tuple[str, ...]


def listing(folder: Path) -> Listing:
    """Read what the archive in a folder must hold, by whichever of its lists is whole."""
    with failing_as(ArchiveError, f"{folder} cannot be read"):
        if journal.is_growing(folder):
            past = journal.read(folder)
            listed, problems, lists = _so_far(past), past.problems, set[str]()
            own = (f"{journal.FOLDER}/", *(f"{name}/c" for name in listed.entrywise))
        else:
            past, own, lists = None, (), {FILE, COPY}
            listed, problems = _either(folder)
        known = lists | set(listed.files)
        beside = [path for path in sorted(files_in(folder) - known) if not path.startswith(own)]
        litter = tuple(path for path in beside if is_litter(path))
        # Folders that lost all their files, and links in their place, are no news beside the files.
        folders = {str(parent) for path in known for parent in Path(path).parents} if beside else ()
        foreign = tuple(path for path in beside if path not in (*litter, *folders))
        return Listing(listed, past, problems, foreign, litter)


def whole(folder: Path, *, verify: bool = True) -> tuple[Listing, ListedFiles]:
    """Return what an archive holds, and its files; refuse one that is not as it was written."""
    listed = listing(folder)
    files = ListedFiles(folder, listed.manifest.files, verify=verify)
    broken = [f"{path} {what}" for path, what in files.damage().items()]
    # In an unfinished archive files of others harm nobody.
    others = listed.foreign if listed.past is None else ()
    strange = (f"{path} does not belong to it" for path in others)
    refuse_damage(folder, (*broken, *strange, *listed.problems))
    return listed, files


def _so_far(past: journal.Journal) -> Manifest:
    began = past.entries[0].note
    files = {path: record for entry in past.entries for path, record in entry.files.items()}
    along, entrywise = tuple(began["along"]), tuple(began["entrywise"])
    return Manifest(began["kind"], files, along, entrywise, began["kept"])


def _either(folder: Path) -> tuple[Manifest, tuple[str, ...]]:
    """Read the manifest, or else its copy; and say which of them is damaged."""
    try:
        manifest = read_manifest(folder)
    except (IncompleteArchiveError, DamagedArchiveError) as error:
        try:
            manifest = read_manifest(folder, COPY)
        except ArchiveError:
            # What is wrong with the manifest, and not with the copy that nobody asked for.
            raise error from None
        return manifest, (f"{FILE} is not as it was written",)
    try:
        same = not manifest.along or read_file(folder / COPY) == read_file(folder / FILE)
    except OSError:
        same = False
    return manifest, () if same else (f"{COPY} is not as it was written",)


def _parsed(described: Mapping[str, Any]) -> Manifest:
    listed = {path: FileRecord(**record) for path, record in described["files"].items()}
    if described["format_version"] == 1:
        return Manifest(described["kind"], listed)
    along, entrywise = (tuple(described[key]) for key in ("along", "entrywise"))
    return Manifest(described["kind"], listed, along, entrywise, dict(described["kept"]))


def _render(manifest: Manifest, version: int = FORMAT_VERSION) -> bytes:
    """Write out a manifest, always the same way."""
    listing = {p: {"size": r.size, "sha256": r.sha256} for p, r in manifest.files.items()}
    described = {"format_version": version, "kind": manifest.kind, "files": listing}
    if version > 1:
        described |= {
            "along": list(manifest.along),
            "entrywise": list(manifest.entrywise),
            "kept": dict(manifest.kept),
        }
    attributes = sealed(described, indent=1)
    whole = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    # By these settings for ever: archives are compared with it to the byte.
    return json.dumps(whole, indent=1, sort_keys=True).encode()
