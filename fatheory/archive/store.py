"""Archives on disk: Zarr folders that are whole or refused."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from fatheory import labels
from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.files import reading, refuse_damage
from fatheory.archive.growing import read_growing
from fatheory.archive.lock import WriterLock
from fatheory.archive.place import check_free, is_archive, refuse_inside_archive
from fatheory.archive.plain import plain
from fatheory.archive.run_writer import run_so_far
from fatheory.archive.schema import validate
from fatheory.errors import ArchiveError

_IN_MEMORY_BYTES = 2**30


def save(ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Store a Dataset as a Zarr v3 folder, whole or not at all.

    A Dataset with the attribute ``fatheory_schema`` is a run archive and must pass `validate`.
    Any other is stored as a result. The folder is written beside `path`, read back, compared,
    given a manifest of sizes and hashes, and renamed into place. A process killed on the way
    leaves what stood at `path` before, and the next save clears what it left.

    Parameters
    ----------
    ds : Dataset
        Variables of booleans, numbers or strings; attributes that JSON can hold. NumPy scalars
        and arrays among the attributes are stored as plain numbers and lists.
    path : path
        The folder to make. Its parents are made too.
    overwrite : bool
        Whether to replace an archive at `path`. Nothing but an archive of fatheory is ever
        replaced.

    Returns
    -------
    Path
        Where the archive lies, without symbolic links.

    Raises
    ------
    SchemaError
        If `ds` is a run archive that does not follow the schema.
    ArchiveWriteError
        If something stands at `path`, the place cannot be written to, the disk is full, or a
        value cannot be stored and read back unchanged.
    """
    target = Path(os.path.realpath(path))
    is_run = labels.ATTR_SCHEMA in ds.attrs
    if is_run:
        validate(ds)
    kind, along = (manifest.RUN, (labels.STEP,)) if is_run else (manifest.RESULT, ())
    ds = plain(ds)
    refuse_inside_archive(target)
    with WriterLock(target), replacement.writing(target) as temporary:
        check_free(target, overwrite)
        entrywise = layout.write(ds, temporary, along)
        made = manifest.Manifest.of(temporary, kind, along, entrywise)
        manifest.write_manifest(temporary, made)
        replacement.publish_folder(temporary, target)
    return target


def check_destination(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse a path at which `save` would refuse to store; call it before long work.

    Raises
    ------
    ArchiveWriteError
        If something stands at `path` that would not be replaced, or the place cannot be written
        to.
    """
    target = Path(os.path.realpath(path))
    refuse_inside_archive(target)
    with WriterLock(target), replacement.writing(target) as temporary:
        check_free(target, overwrite)
        temporary.mkdir()


def load(path: str | os.PathLike[str], *, verify: bool = True) -> xr.Dataset:
    """Read an archive, unchanged or not at all. Nothing is written.

    Of an archive that is not done, or grows at this moment, what was committed is read: the
    snapshots of a run so far, the finished cells of a sweep. Its attribute ``unfinished`` says how
    much that is. Strings come as NumPy's fixed-width strings. Archives up to 1 GiB are read into
    memory; larger ones are read when their values are used, and must stay in place until then.

    Parameters
    ----------
    path : path
        The folder of the archive.
    verify : bool
        Whether to compare the content of every file with its SHA-256. Without, presence and
        size are still checked.

    Raises
    ------
    IncompleteArchiveError
        If the folder is not an archive of fatheory, or not all of one.
    DamagedArchiveError
        If a file of the archive is missing, was changed, or does not belong to it.
    SchemaError
        If a run archive does not follow the schema, or another version of it.
    ArchiveError
        If nothing is there.
    """
    target = Path(os.path.realpath(path))
    while True:
        # A writer may finish between two looks, hence the second look at the target.
        for folder in (target, replacement.set_aside(target), target):
            identity = _identity(folder)
            if identity is not None:
                break
        else:
            raise ArchiveError(f"there is no archive at {target}{_beside(target)}")
        try:
            ds = _read(folder, verify)
        except ArchiveError:
            if _identity(folder) == identity:
                raise
        else:
            if _identity(folder) == identity:
                return ds
        # Another process replaced the archive meanwhile: read again.


def commits(path: str | os.PathLike[str]) -> list[Mapping[str, Any]]:
    """Read the notes of the commits of an archive that is not done; none of one that is.

    Every note is compared with the hash that was written with it. The entries are read, and
    verified, by `load`. Nothing is written.

    Raises
    ------
    DamagedArchiveError
        If a note is not as it was written.
    ArchiveError
        If nothing is there.
    """
    target = Path(os.path.realpath(path))
    folder = replacement.standing(target)
    if not folder.exists():
        raise ArchiveError(f"there is no archive at {target}{_beside(target)}")
    if not journal.is_growing(folder):
        return []
    with reading(folder):
        try:
            past = journal.read(folder)
        except ArchiveError:
            if journal.is_growing(folder):
                raise
            return []  # it was finished meanwhile
    found = [f"{name} is not as it was written" for name in past.damaged]
    found += [f"entry {number} of its journal is lost" for number in past.missing]
    refuse_damage(folder, found)
    return past.notes


def _read(folder: Path, verify: bool) -> xr.Dataset:
    with reading(folder):
        if journal.is_growing(folder):
            ds, past = read_growing(folder, verify=verify)
            kind = past.began["kind"]
            if kind == manifest.RUN:
                ds = run_so_far(ds, [place[labels.STEP] for place in past.places], past.last)
        else:
            listed = manifest.read_manifest(folder)
            manifest.check_files(folder, listed, hashes=verify)
            ds, kind = layout.read(folder), listed.kind
        if ds.nbytes <= _IN_MEMORY_BYTES:
            ds.load()
    if kind == manifest.RUN:
        validate(ds)
    return ds


def _identity(folder: Path) -> tuple[int, int, int] | None:
    """Tell this folder from another one of its name, earlier or later."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _beside(target: Path) -> str:
    """List some archives in the folder of `target`, as the end of an error message."""
    if not target.parent.is_dir():
        return f"; there is no folder {target.parent}"
    found = sorted(path.name for path in target.parent.iterdir() if is_archive(path))
    return f"; in {target.parent} there are: {', '.join(found[:10]) or 'none'}"
