"""What is whole in an archive, what is damaged, what can be had back; and having it back."""

import itertools
import math
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import xarray as xr
from zarr.core.metadata import ArrayV3Metadata

from fatheory import labels
from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.files import (
    FileRecord,
    ListedFiles,
    failing_as,
    resolved,
    second_name,
    write_file,
)
from fatheory.archive.replacement import WriterLock
from fatheory.archive.run_writer import run_so_far
from fatheory.archive.schema import validate
from fatheory.errors import ArchiveError, DamagedArchiveError
from fatheory.inside import clashing

Place = tuple[tuple[str, int], ...]
"""Index along every dimension of growth, as pairs in order."""


@dataclass(frozen=True)
class Integrity:
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
    foreign, litter : tuple of str
        What lies in its folder without being part of it; files as file managers leave them are no
        problem.
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
    lossless : bool
        Whether writing the damaged files anew makes everything as it was.
    """

    folder: Path
    kind: str
    along: tuple[str, ...]
    unfinished: bool
    problems: tuple[str, ...]
    foreign: tuple[str, ...]
    litter: tuple[str, ...]
    entries: tuple[Place, ...]
    lost: frozenset[Place]
    lost_variables: tuple[str, ...]
    restored: Mapping[str, bytes]
    files: Mapping[str, FileRecord]
    lossless: bool

    @property
    def whole(self) -> bool:
        """Whether the archive is as it was written."""
        return not self.problems

    @property
    def can_continue(self) -> bool:
        """Whether an unfinished archive can be continued once it is repaired."""
        return self.unfinished and self.lossless

    @property
    def intact(self) -> tuple[Place, ...]:
        """The entries of which every file is whole or can be restored."""
        return tuple(place for place in self.entries if place not in self.lost)


def check(path: str | os.PathLike[str]) -> Integrity:
    """Compare every file of an archive with what was written. Nothing is changed.

    An archive that is being written meanwhile is looked at again.

    Parameters
    ----------
    path : path
        The folder of the archive, finished or not.

    Raises
    ------
    ArchiveError
        If nothing is there, or it cannot be told what should be.
    """
    target = resolved(path)

    def look(folder: Path) -> Integrity:
        if not folder.is_dir():
            raise ArchiveError(f"there is no archive at {target}")
        with failing_as(ArchiveError, f"{folder} cannot be read"):
            return _examined(folder)

    # What is whole is so whatever came since; damage may be a writer at work, and is looked at
    # again.
    return replacement.undisturbed(target, look, sure=lambda found: found.whole)


def repair(path: str | os.PathLike[str]) -> tuple[Integrity, Path | None]:
    """Make an archive readable again, with every entry that is whole.

    Where the content of all damaged files is known, they are written anew and nothing is lost; the
    archive is then what it was, and an unfinished run can be continued. Otherwise the whole
    snapshots of a run, or cells of a sweep, become a new archive with the attribute ``repaired``.
    The damaged one is kept beside it, unless nothing in it was lost or of others.

    Parameters
    ----------
    path : path
        The folder of the archive.

    Returns
    -------
    Integrity, Path or None
        What was wrong, and where the damaged archive is kept if it had to be.

    Raises
    ------
    ArchiveError
        If nothing is there, or nothing that it holds can be trusted.
    ArchiveWriteError
        If it cannot be written to, or another process writes it.
    """
    target = resolved(path)
    with WriterLock(target):
        replacement.recover(target)
        found = check(target)
        if found.whole:
            return found, None
        with replacement.writing(target) as temporary:
            if found.lossless:
                _restore(found, temporary)
            else:
                layout.write_whole(_whole_part(found), temporary, found.kind, found.along)
            # Files of others were in the folder, which would be deleted with it.
            if found.lossless and not found.foreign:
                replacement.publish_folder(temporary, target)
                return found, None
            # By a name that is not there: a second repair must not replace what the first one kept.
            kept = target.parent / f"{target.name}.damaged-{secrets.token_hex(3)}"
            replacement.publish_folder(temporary, target, keep=kept)
    return found, kept


def _examined(folder: Path) -> Integrity:
    listing = manifest.listing(folder)
    listed, past = listing.manifest, listing.past
    files, kept = listed.files, listed.content_kept(folder)
    broken = ListedFiles(folder, files).damage()
    restored = {path: kept[path] for path in broken if path in kept}
    gone = set(broken) - set(restored)
    # The metadata of the entrywise variables that have any left.
    known = ListedFiles(folder, {p: r for p, r in files.items() if p not in gone}, kept)
    arrays = layout.open_arrays(known, listed.entrywise)
    metadata = {name: cast(ArrayV3Metadata, array.metadata) for name, array in arrays.items()}
    lost = frozenset(_places(listed.along, metadata, gone).values())
    of_all = _places(listed.along, metadata, files)
    of_lost = {path for path, place in of_all.items() if place in lost}
    problems, strange, can_continue = list(listing.problems), listing.foreign, True
    if past is None:
        entries = _all_places(listed, metadata)
    else:
        strange = ()  # in an unfinished one they harm nobody
        entries = tuple(tuple((dim, at[dim]) for dim in listed.along) for at in past.places)
        can_continue = past.complete and _has_state(folder, past, problems)
    return Integrity(
        folder=folder,
        kind=listed.kind,
        along=listed.along,
        unfinished=past is not None,
        problems=(
            *problems,
            *(f"{path} {what}" for path, what in broken.items()),
            *(f"{path} does not belong to it" for path in strange),
        ),
        foreign=listing.foreign,
        litter=listing.litter if past is None else (),
        entries=entries,
        lost=lost,
        lost_variables=tuple(sorted({path.partition("/")[0] for path in gone - of_lost})),
        restored=restored,
        files={p: r for p, r in files.items() if p not in gone | of_lost},
        lossless=can_continue and not gone,
    )


def _has_state(folder: Path, past: journal.Journal, problems: list[str]) -> bool:
    try:
        if past.state is not None:
            journal.read_state(folder, past.state)
    except DamagedArchiveError:
        problems.append("the state from which the run would go on is damaged")
        return False
    return True


def _all_places(
    listed: manifest.Manifest, metadata: Mapping[str, ArrayV3Metadata]
) -> tuple[Place, ...]:
    """Return the entries of an archive that is done; refuse more of them than it has bytes."""
    if not listed.along:
        return ()
    sizes: dict[Any, int] = {}
    for own in metadata.values():
        sizes |= zip(own.dimension_names or (), own.shape, strict=True)
    of_dims = [range(sizes.get(dim, 0)) for dim in listed.along]
    # Each has a label of its own, or differs from the others in something.
    if math.prod(map(len, of_dims)) > sum(record.size for record in listed.files.values()):
        raise DamagedArchiveError(
            f"the archive is refused: it is said to have entries of {listed.along} by the numbers "
            f"{tuple(map(len, of_dims))}, more than its files have bytes"
        )
    places = itertools.product(*of_dims)
    return tuple(tuple(zip(listed.along, place, strict=True)) for place in places)


def _places(
    along: tuple[str, ...], metadata: Mapping[str, ArrayV3Metadata], paths: Iterable[str]
) -> dict[str, Place]:
    """Return to which entry those of some files belong that belong to one."""
    found: dict[str, Place] = {}
    for path in paths:
        name, _, chunk = path.partition("/")
        if name in metadata and chunk != "zarr.json":
            indices = map(int, chunk.replace("/", ".").split(".")[1:])
            of_dim = dict(zip(metadata[name].dimension_names or (), indices, strict=True))
            found[path] = tuple((dim, of_dim[dim]) for dim in along if dim in of_dim)
    return found


def _restore(found: Integrity, temporary: Path) -> None:
    """Make the archive as it was, beside what is left of it."""
    folder = found.folder
    names = found.files.keys() | found.restored
    if clashing(names):
        raise ArchiveError(
            f"{folder} cannot be repaired: on some file systems its files {clashing(names)[:4]} "
            f"are one; take the damaged files from a copy"
        )
    for path in sorted(names):
        if path in found.restored:
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(temporary / path, found.restored[path])
        else:
            # Whole files get a second name: a copy would take the disk that an archive is large
            # enough to fill.
            second_name(folder / path, temporary / path)
    listing = manifest.listing(folder)
    if listing.past is None:
        manifest.write_manifest(temporary, listing.manifest)
        return
    if listing.past.state is not None:
        within = Path(journal.FOLDER, listing.past.state["file"])
        second_name(folder / within, temporary / within)
    journal.rewrite(temporary, listing.past.entries)


def _whole_part(found: Integrity) -> xr.Dataset:
    """Return what is whole, as a Dataset that says what is missing."""
    if not found.along or not found.intact:
        raise ArchiveError(
            f"{found.folder} cannot be repaired: nothing in it is whole ({found.problems[0]}); "
            f"run its experiment again"
        )
    with failing_as(ArchiveError, f"{found.folder} cannot be read"):
        ds = layout.read(ListedFiles(found.folder, found.files, found.restored))
        ds = ds.drop_vars([name for name in found.lost_variables if name in ds.variables])
        if found.kind == manifest.RUN:
            places = [dict(place)[labels.STEP] for place in found.intact]
            if found.unfinished:
                ds = run_so_far(ds, places, journal.read(found.folder).entries[-1].note)
            else:
                ds = ds.isel({labels.STEP: places})
        lost = len(found.entries) - len(found.intact)
        ds.attrs[labels.ATTR_REPAIRED] = (
            f"{len(found.intact)} of {len(found.entries)} entries were whole, {lost} were not"
            + "".join(f"; {name} was lost" for name in found.lost_variables)
        )
    if found.kind == manifest.RUN:
        validate(ds)
    return ds
