"""Archives on disk: Zarr folders that are whole or refused; and NetCDF files for other tools."""

import importlib.util
import json
import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
import zarr

from fatheory import labels
from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.appendable import is_unfinished
from fatheory.archive.files import failing_as, refuse_damage, resolved
from fatheory.archive.replacement import WriterLock, check_free, refuse_inside_archive
from fatheory.archive.run_writer import ADVICE, refuse_another, run_so_far
from fatheory.archive.schema import require_possible, validate, with_gaps
from fatheory.checks import require_kind
from fatheory.errors import ArchiveError, ArchiveWriteError, ForeignFilesWarning

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
    require_kind("what is saved", ds, xr.Dataset, "a DataArray becomes one by to_dataset()")
    target = resolved(path)
    is_run = labels.ATTR_SCHEMA in ds.attrs
    if is_run:
        validate(ds)
        require_possible(ds)
    kind, along = (manifest.RUN, (labels.STEP,)) if is_run else (manifest.RESULT, ())
    refuse_inside_archive(target)
    with WriterLock(target), replacement.writing(target) as temporary:
        check_free(target, overwrite)
        layout.write_whole(ds, temporary, kind, along)
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
    target = resolved(path)
    refuse_inside_archive(target)
    with WriterLock(target), replacement.writing(target) as temporary:
        check_free(target, overwrite)
        # Tried and not asked: permissions do not tell of quotas and read-only mounts.
        temporary.mkdir()
        temporary.rmdir()


def load(path: str | os.PathLike[str], *, verify: bool = True) -> xr.Dataset:
    """Read an archive, unchanged or not at all. Nothing is written.

    Of an archive that is not done, or grows at this moment, what was committed is read: the
    snapshots of a run so far, the finished cells of a sweep. Its attribute ``unfinished`` says how
    much that is. Strings come as NumPy's fixed-width strings. In sweeps of earlier versions, what
    was said of runs that there are not is NaN. Archives up to 1 GiB are read into
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
    target = resolved(path)
    return replacement.undisturbed(
        target, lambda folder: _read(_there(folder, target), verify), sure=lambda _: True
    )


def attributes(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """Read the attributes of an archive and nothing else, unverified; none if none stands there.

    It is for finding out what stands there, before it is opened, and verified, as what it is.
    """
    folder = replacement.standing(resolved(path))
    try:
        return dict(zarr.open_group(folder, mode="r", zarr_format=3).attrs)
    except Exception:  # whatever a file system and zarr raise for something that is no archive
        return {}


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
    target = resolved(path)

    def look(folder: Path) -> list[Mapping[str, Any]]:
        if not journal.is_growing(_there(folder, target)):
            return []
        with failing_as(ArchiveError, f"{folder} cannot be read"):
            past = journal.read(folder)
            refuse_damage(folder, past.problems)
        return past.notes

    return replacement.undisturbed(target, look, sure=lambda _: True)


def finished_run(
    path: str | os.PathLike[str], source: str, experiment_hash: str
) -> xr.Dataset | None:
    """Return the archive of a run that is done; None if there is none, or an unfinished one.

    Raises
    ------
    ArchiveWriteError
        If something else stands there.
    ArchiveError
        If it cannot be read.
    """
    target = resolved(path)
    if not replacement.standing(target).exists() or is_unfinished(target):
        return None
    found = load(target)
    wanted = {labels.ATTR_SOURCE: source, labels.ATTR_HASH: experiment_hash}
    refuse_another(f"{target} holds another archive", found.attrs, wanted)
    for name in (labels.ATTR_REPAIRED, labels.ATTR_UNFINISHED):
        if name in found.attrs:
            raise ArchiveWriteError(
                f"{target} holds a part of this run ({name}: {found.attrs[name]}), which cannot be "
                f"continued; {ADVICE} to run it again"
            )
    return found


def to_netcdf(ds: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Export a Dataset as a NetCDF 4 file, whole or not at all.

    NetCDF has no booleans, None or nested attributes: boolean attributes become 0 and 1; None,
    dictionaries, and lists other than of numbers or of strings become JSON text. xarray reads
    boolean variables back as booleans. The file is made in memory first.

    Parameters
    ----------
    ds : Dataset
        What `load` and `assemble` return, or any Dataset of plain values.
    path : path
        The file to make. Its folder is made too.
    overwrite : bool
        Whether to replace a file at `path`.

    Returns
    -------
    Path
        Where the file lies, without symbolic links.

    Raises
    ------
    ArchiveWriteError
        If h5netcdf or h5py is not installed, something stands at `path`, the place cannot be
        written to, the disk is full, or a value has no place in NetCDF.
    """
    for package in ("h5netcdf", "h5py"):
        if importlib.util.find_spec(package) is None:
            raise ArchiveWriteError(
                f"NetCDF export needs {package}, which is not installed; "
                f'pip install "fatheory[netcdf]"'
            )
    target = resolved(path)
    refuse_inside_archive(target)
    ds = layout.storable(ds)
    ds.attrs = _netcdf_attrs(ds.attrs)
    for variable in ds.variables.values():
        variable.attrs = _netcdf_attrs(variable.attrs)
    with replacement.writing(target) as temporary:
        if target.is_dir():
            raise ArchiveWriteError(f"a folder stands at {target}; choose another path")
        if target.exists() and not overwrite:
            raise ArchiveWriteError(
                f"a file stands at {target}; pass overwrite=True (on the command line --overwrite) "
                f"to replace it"
            )
        # By way of memory: HDF5 that runs out of disk cannot close its file, and crashes at exit.
        temporary.write_bytes(ds.to_netcdf(engine="h5netcdf"))
        replacement.publish_file(temporary, target)
    return target


def _there(folder: Path, target: Path) -> Path:
    if not folder.exists():
        raise ArchiveError(f"there is no archive at {target}{_beside(target)}")
    return folder


def _read(folder: Path, verify: bool) -> xr.Dataset:
    with failing_as(ArchiveError, f"{folder} cannot be read"):
        listing, files = manifest.whole(folder, verify=verify)
        kind, past = listing.manifest.kind, listing.past
        ds = layout.read(files)
        if past is None and listing.litter:
            warnings.warn(
                f"{folder} holds files that are not part of the archive, and are left out: "
                f"{', '.join(listing.litter[:5])}",
                ForeignFilesWarning,
                stacklevel=5,
            )
        elif past is not None and kind == manifest.RUN:
            places = [place[labels.STEP] for place in past.places]
            ds = run_so_far(ds, places, past.entries[-1].note)
        elif past is not None:
            total = math.prod(ds.sizes[dim] for dim in listing.manifest.along)
            ds.attrs[labels.ATTR_UNFINISHED] = f"{len(past.places)} of {total} entries"
        if ds.nbytes <= _IN_MEMORY_BYTES:
            ds.load()
    if kind == manifest.RUN:
        validate(ds)
    return with_gaps(ds) if kind == manifest.SWEEP else ds


def _beside(target: Path) -> str:
    """List some archives in the folder of `target`, as the end of an error message."""
    if not target.parent.is_dir():
        return f"; there is no folder {target.parent}"
    found = sorted(path.name for path in target.parent.iterdir() if replacement.is_archive(path))
    return f"; in {target.parent} there are: {', '.join(found[:10]) or 'none'}"


def _netcdf_attrs(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: _netcdf_value(value) for key, value in attrs.items()}


def _netcdf_value(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and value:
        # NetCDF's arrays are of strings or of numbers.
        numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
        if numbers or all(isinstance(v, str) for v in value):
            return value
    return json.dumps(value)
