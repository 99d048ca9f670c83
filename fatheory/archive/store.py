"""Archives on disk: Zarr folders that are whole or refused."""

import os
from pathlib import Path

import xarray as xr

from fatheory import labels
from fatheory.archive import manifest, replacement
from fatheory.archive.plain import map_variables, plain, with_objects
from fatheory.archive.schema import validate
from fatheory.errors import ArchiveError, ArchiveWriteError

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
    kind = manifest.RESULT
    if labels.ATTR_SCHEMA in ds.attrs:
        kind = manifest.RUN
        validate(ds)
    ds = plain(ds)
    manifest.refuse_inside_archive(target)
    with replacement.writing(target) as temporary:
        _check_free(target, overwrite)
        stored = map_variables(ds, with_objects)
        stored.to_zarr(temporary, mode="w-", zarr_format=3, consolidated=False)
        _refuse_unequal(ds, temporary)
        manifest.write_manifest(temporary, kind)
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
    manifest.refuse_inside_archive(target)
    with replacement.writing(target) as temporary:
        _check_free(target, overwrite)
        temporary.mkdir()


def load(path: str | os.PathLike[str], *, verify: bool = True) -> xr.Dataset:
    """Read an archive that `save` wrote, unchanged or not at all. Nothing is written.

    Strings come as NumPy's fixed-width strings. Archives up to 1 GiB are read into memory;
    larger ones are read when their values are used, and must stay in place until then.

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


def _check_free(target: Path, overwrite: bool) -> None:
    _refuse_foreign(replacement.set_aside(target))
    _refuse_foreign(target)
    replacement.recover(target)
    if target.exists() and not overwrite:
        raise ArchiveWriteError(
            f"an archive stands at {target}; pass overwrite=True (on the command line "
            f"--overwrite) to replace it"
        )


def _read(folder: Path, verify: bool) -> xr.Dataset:
    try:
        listed = manifest.read_manifest(folder)
        manifest.check_files(folder, listed, hashes=verify)
        ds = _open(folder)
        if ds.nbytes <= _IN_MEMORY_BYTES:
            ds.load()
    except ArchiveError:
        raise
    except Exception as error:  # whatever the file system, zarr and xarray raise
        raise ArchiveError(f"{folder} cannot be read: {type(error).__name__}: {error}") from error
    if listed.kind == manifest.RUN:
        validate(ds)
    return ds


def _open(folder: Path) -> xr.Dataset:
    # decode_times would turn durations in "seconds" into timedelta64
    ds = xr.open_zarr(folder, consolidated=False, chunks=None, decode_times=False)
    return plain(ds)


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
    found = sorted(path.name for path in target.parent.iterdir() if manifest.is_archive(path))
    return f"; in {target.parent} there are: {', '.join(found[:10]) or 'none'}"


def _refuse_foreign(path: Path) -> None:
    """Refuse to replace what is not, file by file, an archive of ours."""
    if not path.exists():
        return
    try:
        extra = manifest.unexpected_files(path, manifest.read_manifest(path))
    except ArchiveError as error:
        raise ArchiveWriteError(
            f"{path} exists and is no intact archive of fatheory, so it is not replaced; move it "
            f"away or choose another path ({error})"
        ) from error
    if extra:
        raise ArchiveWriteError(
            f"{path} holds files that are not part of the archive, so it is not replaced; move "
            f"them away: {', '.join(extra[:5])}"
        )


def _refuse_unequal(ds: xr.Dataset, folder: Path) -> None:
    """Refuse what was written if it does not read back as it was."""
    back = _open(folder)
    for name, variable in ds.variables.items():
        read = back.variables.get(name)
        if read is None or not variable.identical(read) or not _same_kind(variable, read):
            raise ArchiveWriteError(
                f"variable {name!r} (dtype {variable.dtype}, attributes {variable.attrs}) does "
                f"not read back as it was written; leave out attributes that CF conventions give "
                f"a meaning, such as scale_factor"
            )
    same_attrs = xr.Dataset(attrs=ds.attrs).identical(xr.Dataset(attrs=back.attrs))
    if not same_attrs or set(ds.coords) != set(back.coords):
        raise ArchiveWriteError(
            f"attributes {ds.attrs} and coordinates {list(ds.coords)} read back as {back.attrs} "
            f"and {list(back.coords)}; rename those that xarray gives a meaning"
        )


def _same_kind(written: xr.Variable, read: xr.Variable) -> bool:
    """Whether dtypes agree, widths of strings aside."""
    return written.dtype == read.dtype or written.dtype.kind == read.dtype.kind == "U"
