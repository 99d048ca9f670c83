"""NetCDF for other tools."""

import importlib.util
import json
import os
from pathlib import Path

import xarray as xr

from fatheory.archive import replacement
from fatheory.archive.place import refuse_inside_archive
from fatheory.archive.plain import map_variables, plain
from fatheory.errors import ArchiveWriteError


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
    target = Path(os.path.realpath(path))
    refuse_inside_archive(target)
    ds = map_variables(plain(ds), _with_netcdf_attrs)
    ds.attrs = _netcdf_attrs(ds.attrs)
    with replacement.writing(target) as temporary:
        if target.is_dir():
            raise ArchiveWriteError(f"a folder stands at {target}; choose another path")
        if target.exists() and not overwrite:
            raise ArchiveWriteError(f"a file stands at {target}; pass overwrite=True to replace it")
        # By way of memory: HDF5 that runs out of disk cannot close its file, and crashes at exit.
        temporary.write_bytes(ds.to_netcdf(engine="h5netcdf"))
        replacement.publish_file(temporary, target)
    return target


def _with_netcdf_attrs(_: str, variable: xr.Variable) -> xr.Variable:
    return xr.Variable(variable.dims, variable.data, _netcdf_attrs(variable.attrs))


def _netcdf_attrs(attrs: dict) -> dict:
    return {key: _netcdf_value(value) for key, value in attrs.items()}


def _netcdf_value(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, list) and {_kind(item) for item in value} in ({"string"}, {"number"}):
        return value
    return json.dumps(value)


def _kind(value: object) -> str:
    """Sort list items by what NetCDF can put into one array."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return ""
