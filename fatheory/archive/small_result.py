"""Results small enough to lie beside the script that made them: one archive in one file.

The file is an archive of fatheory, zipped: a Zarr folder with the manifest of its hashes. NetCDF 3
has no 64-bit integers, booleans or strings, and NetCDF 4 needs packages that fatheory does not;
Zarr keeps every value, label and attribute as it is. Other programs read the file as a Zarr zip
store. Entries are sorted and carry no date, so equal data make equal files (with one version of
zarr).
"""

import io
import os
import tempfile
import zipfile
from pathlib import Path

import xarray as xr

from fatheory.archive import replacement
from fatheory.archive.store import load, save
from fatheory.errors import ArchiveError, ArchiveWriteError
from fatheory.inside import why_outside

SUFFIX = ".zarr.zip"
LARGEST_BYTES = 1_000_000
"""What a repository may be asked to carry for one figure."""

# A zip's earliest date: entries must have one.
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o644 << 16


def store_result(ds: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Store a Dataset as one file, whole or not at all, replacing a file of that name.

    Parameters
    ----------
    ds : Dataset
        What `fatheory.save` stores.
    path : path
        The file, by custom ending in ``.zarr.zip``. Its folder is made too.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ArchiveWriteError
        If the file would be larger than 1 MB, a value cannot be stored and read back unchanged, or
        the place cannot be written to.
    """
    target = Path(path)
    with tempfile.TemporaryDirectory() as scratch:
        content = _zipped(save(ds, Path(scratch, "result.zarr")))
    if len(content) > LARGEST_BYTES:
        raise ArchiveWriteError(
            f"{target} would take {len(content) / 1e6:.2f} MB; a stored result may take "
            f"{LARGEST_BYTES / 1e6:g} MB; keep fewer steps, or summaries over seeds instead of "
            f"every seed"
        )
    with replacement.writing(target) as temporary:
        temporary.write_bytes(content)
        replacement.publish_file(temporary, target)
    return target


def load_result(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a file that `store_result` wrote into memory, unchanged or not at all.

    Raises
    ------
    ArchiveError
        If there is no such file, it is no such result, or it was changed or cut.
    """
    source = Path(path)
    if not source.is_file():
        raise ArchiveError(f"there is no stored result {source}")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            with zipfile.ZipFile(source) as file:
                _refuse_strange(file, source.stat().st_size)
                file.extractall(scratch)
            # Into memory, for the folder goes with the block.
            return load(scratch).load()
    except Exception as error:  # whatever the file system, zipfile and the archive raise
        raise ArchiveError(
            f"{source} cannot be read: {type(error).__name__}: {error}; restore it, or compute it "
            f"again"
        ) from error


def _refuse_strange(file: zipfile.ZipFile, size: int) -> None:
    """Refuse what `store_result` does not write: names that lead out, and more bytes than it has.

    Raises
    ------
    ArchiveError
        Naming the entry, or the sizes.
    """
    for entry in file.infolist():
        why = why_outside(entry.filename)
        if why:
            raise ArchiveError(f"its entry {entry.filename!r:.80} {why}")
    told = sum(entry.file_size for entry in file.infolist())
    if told > size:
        raise ArchiveError(f"its entries are said to hold {told} bytes, and the file has {size}")


def _zipped(folder: Path) -> bytes:
    """Pack the files of a folder, in one order and without dates."""
    buffer = io.BytesIO()
    # Stored as they are: chunks are compressed, and deflating differs between versions of zlib.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EARLIEST)
            # Fixed, as Python takes them from the machine that it runs on.
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            file.writestr(entry, path.read_bytes())
    return buffer.getvalue()
