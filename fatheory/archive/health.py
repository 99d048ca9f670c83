"""What is whole in an archive, what is damaged, and what can be had back."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

import zarr
from zarr.core.metadata import ArrayV3Metadata

from fatheory.archive import journal, manifest, replacement
from fatheory.archive.files import FileRecord, damage, reading
from fatheory.archive.listed import ListedStore
from fatheory.archive.state import read_state
from fatheory.errors import ArchiveError, DamagedArchiveError, IncompleteArchiveError

Place = tuple[tuple[str, int], ...]
"""Index along every dimension of growth, as pairs in order."""


@dataclass(frozen=True)
class Health:
    """What `check` found.

    Attributes
    ----------
    folder : Path
        Where the archive lies.
    kind : str
        ``"run"``, ``"sweep"`` or ``"result"``.
    along : tuple of str
        The dimensions along which it consists of entries; none for a result.
    unfinished : bool
        Whether it is not done.
    problems : tuple of str
        What is wrong, empty for an archive that is as it was written.
    entries : tuple of Place
        What was committed to it, damaged or not: the snapshots of a run, the cells of a sweep.
    lost : frozenset of Place
        Those of which a file is damaged.
    lost_variables : tuple of str
        Variables that cannot be had back, for a file that all entries share is damaged.
    restored : mapping of str to bytes
        Damaged files whose content is known.
    files : mapping of str to FileRecord
        The files that are whole, and belong to entries that are.
    can_continue : bool
        Whether an unfinished archive can be continued once the damaged files are restored.
    """

    folder: Path
    kind: str
    along: tuple[str, ...]
    unfinished: bool
    problems: tuple[str, ...]
    entries: tuple[Place, ...]
    lost: frozenset[Place]
    lost_variables: tuple[str, ...]
    restored: Mapping[str, bytes]
    files: Mapping[str, FileRecord]
    can_continue: bool

    @property
    def whole(self) -> bool:
        """Whether the archive is as it was written."""
        return not self.problems

    @property
    def intact(self) -> tuple[Place, ...]:
        """The entries of which every file is whole or can be restored."""
        return tuple(place for place in self.entries if place not in self.lost)


@dataclass(frozen=True)
class _Listing:
    """What an archive must hold, from its manifest or its journal."""

    kind: str
    along: tuple[str, ...]
    entrywise: tuple[str, ...]
    files: Mapping[str, FileRecord]
    given: Mapping[str, bytes]
    problems: tuple[str, ...]
    places: tuple[Place, ...] | None = None
    can_continue: bool = False


def check(path: str | os.PathLike[str]) -> Health:
    """Compare every file of an archive with what was written. Nothing is changed.

    Parameters
    ----------
    path : path
        The folder of the archive, finished or not.

    Raises
    ------
    ArchiveError
        If nothing is there, or it cannot be told what should be.
    """
    target = Path(os.path.realpath(path))
    folder = replacement.standing(target)
    if not folder.is_dir():
        raise ArchiveError(f"there is no archive at {target}")
    with reading(folder):
        return _examined(folder)


def _examined(folder: Path) -> Health:
    growing = journal.is_growing(folder)
    listing = _from_journal(folder) if growing else _from_manifest(folder)
    broken = dict(damage(folder, listing.files, hashes=True))
    restored = {path: listing.given[path] for path in broken if path in listing.given}
    for path, content in restored.items():
        if FileRecord.of_bytes(content) != listing.files[path]:
            raise DamagedArchiveError(f"{folder} is damaged: its list of files contradicts itself")
    gone = set(broken) - set(restored)
    known = ListedStore.of(folder, set(listing.files) - gone, listing.given)
    metadata = _metadata(listing, known)
    entries = _entries(listing, metadata)
    lost = frozenset(_places(listing, metadata, gone).values())
    of_all = _places(listing, metadata, listing.files)
    of_lost = {path for path, place in of_all.items() if place in lost}
    lost_variables = {path.partition("/")[0] for path in gone - of_lost}
    problems = (*listing.problems, *(f"{path} {what}" for path, what in broken.items()))
    return Health(
        folder=folder,
        kind=listing.kind,
        along=listing.along,
        unfinished=growing,
        problems=problems,
        entries=entries,
        lost=lost,
        lost_variables=tuple(sorted(lost_variables)),
        restored=restored,
        files={p: r for p, r in listing.files.items() if p not in gone | of_lost},
        can_continue=listing.can_continue and not gone,
    )


def _from_manifest(folder: Path) -> _Listing:
    problems: tuple[str, ...] = ()
    try:
        listed = manifest.read_manifest(folder)
    except (IncompleteArchiveError, DamagedArchiveError) as error:
        try:
            listed = manifest.read_manifest(folder, manifest.COPY)
        except ArchiveError:
            raise error from None
        problems = (f"{manifest.FILE} is not as it was written",)
    # Folders that lost all their files are no news beside the files.
    folders = {str(parent) for path in listed.files for parent in PurePosixPath(path).parents}
    others = tuple(
        text
        for text in manifest.deviations(folder, listed, hashes=False)
        if text.partition(" ")[0] not in listed.files.keys() | folders
    )
    return _Listing(
        listed.kind,
        listed.along,
        listed.entrywise,
        listed.files,
        listed.restored(),
        (*problems, *others),
    )


def _from_journal(folder: Path) -> _Listing:
    past = journal.read(folder)
    problems = [f"{name} is not as it was written" for name in past.damaged]
    problems += [f"entry {number} of the journal is lost" for number in past.missing]
    try:
        if "state" in past.last:
            read_state(folder / journal.FOLDER, past.last["state"])
        state_is_whole = True
    except DamagedArchiveError:
        state_is_whole = False
        problems.append("the state from which the run would go on is damaged")
    along = tuple(past.began["along"])
    return _Listing(
        past.began["kind"],
        along,
        tuple(past.began["entrywise"]),
        past.files,
        past.restored(),
        tuple(problems),
        tuple(tuple((dim, place[dim]) for dim in along) for place in past.places),
        can_continue=state_is_whole and not past.missing,
    )


def _metadata(listing: _Listing, store: ListedStore) -> dict[str, ArrayV3Metadata]:
    """Return the metadata of the entrywise variables that have any left."""
    group = zarr.open_group(store, mode="r", zarr_format=3)
    found = {name: cast(Any, group[name]) for name in listing.entrywise if name in group}
    return {name: cast(ArrayV3Metadata, array.metadata) for name, array in found.items()}


def _entries(listing: _Listing, metadata: Mapping[str, ArrayV3Metadata]) -> tuple[Place, ...]:
    """Return what was committed; of a finished archive everything was."""
    if listing.places is not None:
        return listing.places
    sizes = {
        dim: size
        for own in metadata.values()
        for dim, size in zip(own.dimension_names or (), own.shape, strict=True)
    }
    places: list[Place] = [()] if listing.along else []
    for dim in listing.along:
        places = [(*place, (dim, i)) for place in places for i in range(sizes.get(dim, 0))]
    return tuple(places)


def _places(
    listing: _Listing, metadata: Mapping[str, ArrayV3Metadata], paths: Iterable[str]
) -> dict[str, Place]:
    """Return to which entry those of some files belong that belong to one."""
    found: dict[str, Place] = {}
    for path in paths:
        name, _, chunk = path.partition("/")
        if name in metadata and chunk != "zarr.json":
            indices = map(int, chunk.replace("/", ".").split(".")[1:])
            of_dim = dict(zip(metadata[name].dimension_names or (), indices, strict=True))
            found[path] = tuple((dim, of_dim[dim]) for dim in listing.along if dim in of_dim)
    return found
