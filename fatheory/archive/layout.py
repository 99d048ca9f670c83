"""A Dataset as a Zarr v3 folder: how it is laid out, and how it is read back."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from zarr.abc.store import Store
from zarr.core.metadata import ArrayV3Metadata

from fatheory.archive.plain import map_variables, plain, with_objects
from fatheory.errors import ArchiveError, ArchiveWriteError

_IN_ONE_FOLDER: Any = {"name": "default", "separator": "."}
"""How chunks are named: one folder holds all of a variable, for there may be many."""

_AT_ONCE_BYTES = 2**28


@dataclass(frozen=True)
class Template:
    """A variable that grows: all about it but its values.

    Attributes
    ----------
    dims : tuple of str
        Its dimensions.
    shape : tuple of int
        Their sizes when all entries are there.
    dtype : numpy.dtype
        Of numbers, booleans or strings.
    attrs : mapping
        Its attributes.
    fill : object
        What stands where no entry is.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    attrs: Mapping[str, object] = field(default_factory=dict)
    fill: object = np.nan


def write(ds: xr.Dataset, folder: Path, along: Collection[str] = ()) -> list[str]:
    """Write a plain Dataset to a new folder, entry by entry along some dimensions.

    Returns
    -------
    list of str
        The variables of which every entry has a file of its own.

    Raises
    ------
    ArchiveWriteError
        If what was written does not read back as it was.
    """
    entrywise = [str(name) for name in ds.data_vars if set(along) & set(ds[name].dims)]
    encoding = {
        name: {
            "chunks": _chunks(ds[name].sizes, along),
            "chunk_key_encoding": _IN_ONE_FOLDER,
        }
        for name in entrywise
    }
    stored = map_variables(ds, with_objects)
    stored.to_zarr(folder, mode="w-", zarr_format=3, consolidated=False, encoding=encoding)
    _refuse_unequal(ds, folder)
    return entrywise


def make_arrays(folder: Path, templates: Mapping[str, Template], along: Iterable[str]) -> None:
    """Add variables without values to a Zarr folder, one chunk for every entry."""
    group = zarr.open_group(folder, mode="r+", zarr_format=3)
    entries = set(along)
    for name, template in templates.items():
        sizes = dict(zip(template.dims, template.shape, strict=True))
        group.create_array(
            name,
            shape=template.shape,
            dtype="string" if template.dtype.kind == "U" else template.dtype,
            chunks=_chunks(sizes, entries),
            chunk_key_encoding=_IN_ONE_FOLDER,
            fill_value=template.fill,
            dimension_names=template.dims,
            attributes=cast(Any, dict(template.attrs)),
        )


def open_arrays(folder: Path, names: Iterable[str]) -> dict[str, zarr.Array]:
    """Open variables of a Zarr folder for writing."""
    group = zarr.open_group(folder, mode="r+", zarr_format=3)
    return {name: cast(zarr.Array, group[name]) for name in names}


def write_chunk(array: zarr.Array, place: Mapping[str, int], values: np.ndarray) -> str:
    """Write one entry of a variable that grows; return its chunk's path in the variable's folder.

    Parameters
    ----------
    array : zarr.Array
        The variable, of one chunk for every entry.
    place : mapping of str to int
        The entry's index along every dimension of growth.
    values : array
        Its values, without these dimensions. Not all fill values: Zarr writes no such chunk.
    """
    metadata = cast(ArrayV3Metadata, array.metadata)
    dims = [str(dim) for dim in metadata.dimension_names or ()]
    array[tuple(place.get(dim, slice(None)) for dim in dims)] = values
    return metadata.encode_chunk_key(tuple(place.get(dim, 0) for dim in dims))


def is_fill(array: zarr.Array, values: np.ndarray) -> bool:
    """Whether values are those that stand where nothing was written."""
    fill = cast(Any, array.fill_value)
    # The first one tells nearly always, and entries may be large.
    parts = values.flat[:1], values
    return all(np.all((part == fill) | ((part != part) & (fill != fill))) for part in parts)


def add_arrays(folder: Path, ds: xr.Dataset) -> None:
    """Add variables with their values, and attributes, to a Zarr folder."""
    group = zarr.open_group(folder, mode="r+", zarr_format=3)
    for name, variable in plain(ds).data_vars.items():
        array = group.create_array(
            str(name),
            data=with_objects(str(name), variable.variable).values,
            dimension_names=[str(dim) for dim in variable.dims],
            attributes=dict(variable.attrs),
        )
        assert array.shape == variable.shape
    group.attrs.update(dict(ds.attrs))


def read(source: Path | Store) -> xr.Dataset:
    """Open a Zarr folder as a plain Dataset; values are read when they are used.

    Raises
    ------
    ArchiveError
        If it says of itself that labels or texts, which are read at once, are absurdly large.
    """
    _refuse_absurd_sizes(source)
    # decode_times would turn durations in "seconds" into timedelta64
    ds = xr.open_zarr(source, consolidated=False, chunks=None, decode_times=False)
    return plain(ds)


def _refuse_absurd_sizes(source: Path | Store) -> None:
    for name, array in zarr.open_group(source, mode="r", zarr_format=3).arrays():
        at_once = array.ndim <= 1 or array.dtype.kind in "OTU"
        if at_once and array.size * array.dtype.itemsize > _AT_ONCE_BYTES:
            raise ArchiveError(
                f"{name} is said to hold {array.size} values of dtype {array.dtype}; labels and "
                f"texts of an archive take {_AT_ONCE_BYTES} bytes at most"
            )


def _chunks(sizes: Mapping[Any, int], along: Collection[str]) -> tuple[int, ...]:
    return tuple(1 if dim in along else max(1, size) for dim, size in sizes.items())


def _refuse_unequal(ds: xr.Dataset, folder: Path) -> None:
    """Refuse what was written if it does not read back as it was."""
    back = read(folder)
    for name, variable in ds.variables.items():
        stored = back.variables.get(name)
        if stored is None or not variable.identical(stored) or not _same_kind(variable, stored):
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
