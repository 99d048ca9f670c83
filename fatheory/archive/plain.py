"""The plain form of a Dataset: what an archive stores, and what it gives back."""

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from fatheory.errors import ArchiveWriteError

_KINDS_STORED = "biufcU"


def plain(ds: xr.Dataset) -> xr.Dataset:
    """Return `ds` with strings of fixed width, attributes as JSON has them, and no encoding.

    Encodings are what xarray remembers of a file that a Dataset was read from. Some, such as
    scale factors, would round values when they are written again.

    Raises
    ------
    ArchiveWriteError
        If a variable holds neither numbers, booleans nor strings, or an attribute is nothing
        that JSON can hold.
    """
    ds = map_variables(ds, _plain_variable)
    ds.attrs = _plain_attrs("the Dataset", ds.attrs)
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


def with_objects(_: str, variable: xr.Variable) -> xr.Variable:
    """Return strings as Python objects, which Zarr stores by its stable `string` data type."""
    if variable.dtype.kind != "U":
        return variable
    return xr.Variable(variable.dims, variable.values.astype(object), variable.attrs)


def _plain_variable(name: str, variable: xr.Variable) -> xr.Variable:
    attrs = _plain_attrs(f"variable {name!r}", variable.attrs)
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


def _plain_attrs(owner: str, attrs: Mapping[object, object]) -> dict[object, object]:
    return {key: _plain_value(f"attribute {key!r} of {owner}", attrs[key]) for key in attrs}


def _plain_value(what: str, value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain_value(what, item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain_value(what, item) for key, item in value.items()}
    raise ArchiveWriteError(
        f"{what} is {value!r:.80}, of type {type(value).__name__}; an archive holds strings, "
        f"numbers, booleans, None, and lists and dictionaries of them"
    )
