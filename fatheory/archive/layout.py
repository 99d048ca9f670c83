"""A Dataset on disk: its storable form, how that is laid out as a Zarr v3 folder, and read back."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from numcodecs.zstd import Zstd
from zarr.core.metadata import ArrayV3Metadata

from fatheory.archive import manifest
from fatheory.archive.files import ListedFiles
from fatheory.errors import ArchiveError, ArchiveWriteError

_IN_ONE_FOLDER: Any = {"name": "default", "separator": "."}
"""How chunks are named: one folder holds all of a variable, for there may be many."""

_KINDS_STORED = "biufcU"
_AT_ONCE_BYTES = 2**28
_INFLATION = 2**15
"""How many bytes Zarr's compression can make of one, at most: a block of 128 kB takes four."""


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
    # NaN: an entry that is not there must not pass for zeros.
    fill: object = np.nan


def storable(ds: xr.Dataset) -> xr.Dataset:
    """Return `ds` with strings of fixed width, attributes as JSON has them, and no encoding.

    Encodings are what xarray remembers of a file that a Dataset was read from. Some, such as
    scale factors, would round values when they are written again. Refused, by an
    ArchiveWriteError, are variables of anything but numbers, booleans and strings, and attributes
    that JSON cannot hold.
    """
    ds = map_variables(ds, _storable_variable)
    ds.attrs = _storable_attrs("the Dataset", ds.attrs)
    ds.encoding = {}
    return ds


def map_variables(ds: xr.Dataset, change: Callable[[str, xr.Variable], xr.Variable]) -> xr.Dataset:
    """Return a Dataset of which every variable, indices too, went through `change`."""
    changed = {name: change(str(name), variable) for name, variable in ds.variables.items()}
    return xr.Dataset(
        {name: changed[name] for name in ds.data_vars},
        coords={name: changed[name] for name in ds.coords},
        attrs=ds.attrs,
    )


def write(ds: xr.Dataset, files: ListedFiles, along: Collection[str] = ()) -> list[str]:
    """Write a storable Dataset to a new folder, entry by entry along some dimensions.

    Returned are the variables of which every entry has a file of its own. What does not read back
    as it was is refused by an ArchiveWriteError.
    """
    entrywise = [str(name) for name in ds.data_vars if set(along) & set(ds[name].dims)]
    encoding = {
        name: {"chunks": _chunks(ds[name].sizes, along), "chunk_key_encoding": _IN_ONE_FOLDER}
        for name in entrywise
    }
    stored = map_variables(ds, _with_objects)
    # Not consolidated: the copy of all metadata is no part of Zarr v3, and would be one more file
    # to keep true.
    stored.to_zarr(files.store(), mode="w-", zarr_format=3, consolidated=False, encoding=encoding)
    _refuse_unequal(ds, read(files))
    return entrywise


def write_whole(ds: xr.Dataset, folder: Path, kind: str, along: tuple[str, ...]) -> None:
    """Write a Dataset as an archive, of entries along some dimensions, to a new folder."""
    files = ListedFiles(folder)
    entrywise = write(storable(ds), files, along)
    made = manifest.Manifest.of(folder, kind, along, entrywise, files.records)
    manifest.write_manifest(folder, made)


def make_arrays(
    files: ListedFiles, templates: Mapping[str, Template], along: Iterable[str]
) -> None:
    """Add variables without values to a Zarr folder, one chunk for every entry."""
    group = zarr.open_group(files.store(), mode="r+", zarr_format=3)
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


def open_arrays(files: ListedFiles, names: Iterable[str]) -> dict[str, zarr.Array]:
    """Open those of some variables of a Zarr folder that are there."""
    group = zarr.open_group(files.store(), mode="r+", zarr_format=3)
    return {name: cast(zarr.Array, group[name]) for name in names if name in group}


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


def add_arrays(files: ListedFiles, ds: xr.Dataset) -> None:
    """Add variables with their values, and attributes, to a Zarr folder."""
    group = zarr.open_group(files.store(), mode="r+", zarr_format=3)
    for name, variable in storable(ds).data_vars.items():
        array = group.create_array(
            str(name),
            data=_with_objects(str(name), variable.variable).values,
            dimension_names=[str(dim) for dim in variable.dims],
            attributes=dict(variable.attrs),
        )
        assert array.shape == variable.shape
    group.attrs.update(dict(ds.attrs))


def read(files: ListedFiles) -> xr.Dataset:
    """Open a Zarr folder as a storable Dataset; values are read when they are used.

    Refused, by an ArchiveError, is one that says of itself that labels or texts, which are read at
    once, are absurdly large, or that chunks are larger than their variable, or than what their
    files can hold.
    """
    store = files.store()
    largest: dict[str, int] = {}
    for path, record in files.records.items():
        name, _, within = path.partition("/")
        if within.startswith("c"):
            largest[name] = max(record.size, largest.get(name, 0))
    for name, array in zarr.open_group(store, mode="r", zarr_format=3).arrays():
        _refuse_absurd_sizes(name, array, largest.get(name))
        if array.dtype.kind in "OTU":
            _refuse_absurd_texts(name, array, files)
    # decode_times would turn durations in "seconds" into timedelta64
    ds = xr.open_zarr(store, consolidated=False, chunks=None, decode_times=False)
    return storable(ds)


def _refuse_absurd_sizes(name: str, array: zarr.Array, largest: int | None) -> None:
    """Hold the sizes of an array against its largest file, None if all its values are fill."""
    size, shape, chunks = array.dtype.itemsize, array.shape, array.chunks
    at_once = array.ndim <= 1 or array.dtype.kind in "OTU"
    if at_once and array.size * size > _AT_ONCE_BYTES:
        raise ArchiveError(
            f"{name} is said to hold {array.size} values of dtype {array.dtype}; labels and "
            f"texts of an archive take {_AT_ONCE_BYTES} bytes at most"
        )
    # Chunks are made in memory whole, whatever part of them a variable has.
    beyond = any(part > max(1, whole) for part, whole in zip(chunks, shape, strict=True))
    if beyond or (largest is not None and math.prod(chunks) * size > _INFLATION * largest):
        raise ArchiveError(
            f"{name} is said to have chunks of shape {chunks} and dtype {array.dtype}, which is "
            f"more than its shape {shape} has, or than files of {largest} bytes can hold"
        )


def _refuse_absurd_texts(name: str, array: zarr.Array, files: ListedFiles) -> None:
    """Hold the number of texts that each chunk announces against what a chunk has room for.

    The decoder makes room for as many as it is told of before it looks for them.
    """
    codecs = [codec.to_dict()["name"] for codec in cast(ArrayV3Metadata, array.metadata).codecs]
    if codecs not in (["vlen-utf8"], ["vlen-utf8", "zstd"]):
        raise ArchiveError(f"{name} holds texts in a form that fatheory does not write: {codecs}")
    for path in files:
        if path.startswith(f"{name}/c"):
            content = files[path].to_bytes()
            content = Zstd().decode(content) if "zstd" in codecs else content
            told = int.from_bytes(content[:4], "little")
            if told != math.prod(array.chunks):
                raise ArchiveError(
                    f"{path} is said to hold {told} texts; a chunk of {name} holds "
                    f"{math.prod(array.chunks)}"
                )


def _chunks(sizes: Mapping[Any, int], along: Collection[str]) -> tuple[int, ...]:
    # One chunk for an entry, so that it is one file, which is there or not. Zarr has no chunks of
    # length 0.
    return tuple(1 if dim in along else max(1, size) for dim, size in sizes.items())


def _refuse_unequal(ds: xr.Dataset, back: xr.Dataset) -> None:
    """Refuse what was written if it does not read back as it was."""
    for name, variable in ds.variables.items():
        stored = back.variables.get(name)
        # Widths of strings may differ.
        same_kind = stored is not None and (
            variable.dtype == stored.dtype or variable.dtype.kind == stored.dtype.kind == "U"
        )
        if stored is None or not same_kind or not variable.identical(stored):
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


def _with_objects(_: str, variable: xr.Variable) -> xr.Variable:
    """Return strings as Python objects, which Zarr stores by its stable `string` data type."""
    if variable.dtype.kind != "U":
        return variable
    return xr.Variable(variable.dims, variable.values.astype(object), variable.attrs)


def _storable_variable(name: str, variable: xr.Variable) -> xr.Variable:
    attrs = _storable_attrs(f"variable {name!r}", variable.attrs)
    if variable.dtype.kind in "OT":
        return xr.Variable(variable.dims, _fixed_width(name, variable.values), attrs)
    if variable.dtype.kind not in _KINDS_STORED:
        raise ArchiveWriteError(
            f"variable {name!r} has dtype {variable.dtype}; an archive holds booleans, numbers "
            f"and strings; store moments and durations as numbers, with their unit in the "
            f"attribute 'units'"
        )
    copy = variable.to_base_variable()
    copy.attrs, copy.encoding = attrs, {}
    return copy


def _fixed_width(name: str, values: np.ndarray) -> np.ndarray:
    for value in values.flat:
        if not isinstance(value, str):
            raise ArchiveWriteError(
                f"variable {name!r} has dtype {values.dtype} and holds {value!r:.80}; an archive "
                f"holds booleans, numbers and strings"
            )
    return values.astype(object).astype(np.str_)  # not every dtype of strings casts directly


def _storable_attrs(owner: str, attrs: Mapping[object, object]) -> dict[object, object]:
    return {key: _storable_value(f"attribute {key!r} of {owner}", attrs[key]) for key in attrs}


def _storable_value(what: str, value: object) -> object:
    # JSON knows no NumPy.
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_storable_value(what, item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _storable_value(what, item) for key, item in value.items()}
    raise ArchiveWriteError(
        f"{what} is {value!r:.80}, of type {type(value).__name__}; an archive holds strings, "
        f"numbers, booleans, None, and lists and dictionaries of them"
    )
