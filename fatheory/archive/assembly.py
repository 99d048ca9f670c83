"""From plain arrays to a labelled run archive that says where it comes from; axes by name."""

import json
import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes
from fatheory.errors import ArchiveError, ArrayError, UnknownNameError

_INNER = re.compile(
    r"^(layer|sample|receptive_unit|traced_unit|time_step"
    r"|(unit|channel|feature|kernel_row|kernel_column)_\d+(_twin)?)$"
)
_UNIT = re.compile(r"^unit_(\d+)$")
_LAYER_NUMBER = re.compile(r"_(\d+)$")
_BETWEEN = ", "
# Those whose version can change a number.
_PACKAGES = ("fatheory", "numpy", "scipy", "jax", "xarray", "zarr")


def assemble(
    variables: Mapping[str, ArrayLike],
    coords: Mapping[str, ArrayLike],
    attrs: Mapping[str, object],
    *,
    n_layers: int | None = None,
) -> xr.Dataset:
    """Label plain arrays as a run archive.

    Dimensions, units, long names and equations come from `fatheory.labels.describe`. Values are
    not checked here; `validate` does that.

    Parameters
    ----------
    variables : mapping of str to array
        Data variables by their archive names, such as ``loss`` of axes (rule, seed, step).
    coords : mapping of str to array
        Those of `fatheory.labels.COORDINATES`: ``rule``, ``seed``, ``step``, ``layer``,
        ``time`` (rule, step) in units of learning rate x step, ``learning_rate`` (rule). Units
        of layers carry no coordinate.
    attrs : mapping
        Attributes of the archive; see `provenance`.
    n_layers : int, optional
        Number of weight layers, which says whose units the output units are. Read off the
        largest layer number among the names and in ``layer`` when left out, so it must be given
        for a record that leaves out the last layer.

    Returns
    -------
    Dataset
        In memory, with ``step`` as int64 and ``rule`` as strings.

    Raises
    ------
    UnknownNameError
        If a name is not one of the archive's.
    ArrayError
        If an array does not have its dimensions, two arrays disagree about a length, ``step``
        is not integer, a coordinate is passed as a variable or the reverse, or the output layer
        cannot be told.
    """
    _refuse_misplaced(variables, coords)
    arrays = {name: np.asarray(value) for name, value in {**coords, **variables}.items()}
    if labels.STEP in arrays:
        arrays[labels.STEP] = _integer_steps(arrays[labels.STEP])
    last = n_layers if n_layers is not None else _last_layer(arrays)
    axes = {name: (array, _dims(name, array, last)) for name, array in arrays.items()}
    matching_shapes(axes)
    labelled = {
        name: xr.Variable(dims, array, _describe(name).attrs)
        for name, (array, dims) in axes.items()
    }
    return xr.Dataset(
        {name: labelled[name] for name in variables},
        coords={name: labelled[name] for name in coords},
        attrs=dict(attrs),
    )


def provenance(
    source: str,
    experiment_json: str,
    experiment_hash: str,
    precision: str,
    device: str,
    wall_time_s: float,
) -> dict[str, object]:
    """Produce the required attributes of a run archive, stamped with the present time.

    Parameters
    ----------
    source : str
        ``"simulation"`` or ``"theory/<method>"``.
    experiment_json : str
        The experiment that was carried out.
    experiment_hash : str
        Its content hash.
    precision : str
        ``"float32"`` or ``"float64"``.
    device : str
        What computed, such as ``"cpu"``.
    wall_time_s : float
        How long that took, in seconds.

    Returns
    -------
    dict
        The attributes of `fatheory.labels.REQUIRED_ATTRS`.
    """
    return {
        labels.ATTR_SCHEMA: labels.SCHEMA_VERSION,
        labels.ATTR_SOURCE: source,
        labels.ATTR_EXPERIMENT: experiment_json,
        labels.ATTR_HASH: experiment_hash,
        **computed_on(device),
        labels.ATTR_PRECISION: precision,
        # In UTC and to the second, so that moments of several machines are in order as texts, too.
        labels.ATTR_CREATED: datetime.now(UTC).isoformat(timespec="seconds"),
        labels.ATTR_WALL_TIME: float(wall_time_s),
    }


def computed_on(device: str) -> dict[str, str]:
    """Return the attributes that say on what, and with which packages, something was computed."""
    return {
        labels.ATTR_VERSIONS: json.dumps(dict(package_versions())),
        labels.ATTR_DEVICE: device,
    }


@cache  # reading the metadata of all packages takes longer than a small run
def package_versions() -> Mapping[str, str]:
    """Look up the installed versions of Python and the numerical packages, importing none.

    A package that is not installed, as fatheory itself in a bare checkout, is ``"unknown"``.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return versions


def joined_texts(values: Iterable[str]) -> str:
    """Join what several archives, or parts of one, say of their origin: each text once."""
    return _BETWEEN.join(dict.fromkeys(values))


def joined_origin(devices: Iterable[str], versions: Iterable[str]) -> dict[str, str]:
    """Join what `computed_on` said of parts."""
    return {
        labels.ATTR_DEVICE: joined_texts(devices),
        labels.ATTR_VERSIONS: joined_versions(versions),
    }


def joined_versions(texts: Iterable[str]) -> str:
    """Join versions of packages, as JSON: for each package every version that occurs."""
    found: dict[str, list[str]] = {}
    for text in texts:
        for package, version in json.loads(text).items():
            found.setdefault(package, []).append(version)
    return json.dumps({package: joined_texts(versions) for package, versions in found.items()})


def is_inner(dim: str) -> bool:
    """Whether an axis lies within a run, as units, samples and layers do."""
    return _INNER.match(dim) is not None


def with_axes(values: xr.DataArray, dims: Iterable[str]) -> xr.DataArray:
    """Give values the axes back that the selection of a single label took away."""
    for dim in dims:
        if dim not in values.dims:
            values = values.expand_dims(dim)
    return values


def with_own_axes(archive: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable without axes within runs that it does not have in archives.

    If it varies along one of them that is an `ArchiveError`.
    """
    values, declared = archive[name], labels.describe(name)
    if declared is None:
        return values
    own = labels.output_dims(declared.dims, largest_unit_axis(archive))
    for dim in [str(dim) for dim in values.dims]:
        if is_inner(dim) and dim not in own:
            values = without_axis(values, dim)
    return values


def largest_unit_axis(archive: xr.Dataset) -> int:
    """Return the largest number of a layer whose units are an axis; 0 without any."""
    numbers = [int(match[1]) for dim in archive.dims if (match := _UNIT.match(str(dim)))]
    return max(numbers, default=0)


def without_axis(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Take an axis away along which nothing varies, as concatenation adds it to all variables.

    If something does that is an `ArchiveError`.
    """
    first = values.isel({dim: 0}, drop=True)
    # NaN, as of runs that diverged, does not equal itself.
    same = (values == first) | (values.isnull() & first.isnull())
    if not same.all():
        raise ArchiveError(
            f"{values.name!r} varies along {dim!r}, which it has in no archive of a run; select "
            f"one entry there first"
        )
    return first


def _describe(name: str) -> labels.Variable:
    described = labels.describe(name)
    if described is None:
        raise UnknownNameError("archive variable", name, labels.known_names())
    return described


def _refuse_misplaced(variables: Iterable[str], coords: Iterable[str]) -> None:
    """Refuse names that are unknown, or that stand on the wrong side."""
    known = ", ".join(labels.COORDINATES)
    for name in variables:
        _describe(name)
        if name in labels.COORDINATES:
            raise ArrayError(f"{name} is a coordinate; pass it in coords, not in variables")
    for name in coords:
        _describe(name)
        if name not in labels.COORDINATES:
            raise ArrayError(f"{name} is no coordinate of an archive; the coordinates are {known}")


def _integer_steps(step: np.ndarray) -> np.ndarray:
    if step.dtype.kind not in "iu":
        raise ArrayError(f"step must hold integers; its dtype is {step.dtype}")
    # One kind in all archives, whatever a platform's own integer is.
    return step.astype(np.int64)


def _last_layer(arrays: Mapping[str, np.ndarray]) -> int | None:
    """Return the largest layer number among the names and the ``layer`` coordinate."""
    numbers = [int(match[1]) for name in arrays if (match := _LAYER_NUMBER.search(name))]
    if labels.LAYER in arrays and arrays[labels.LAYER].dtype.kind in "iu":
        numbers += [int(layer) for layer in np.ravel(arrays[labels.LAYER])]
    return max(numbers, default=None)


def _dims(name: str, array: np.ndarray, last_layer: int | None) -> tuple[str, ...]:
    declared = _describe(name).dims
    if array.ndim != len(declared):
        raise ArrayError(
            f"{name} must have the dimensions ({', '.join(declared)}); its shape is {array.shape}"
        )
    if not {labels.OUTPUT_UNITS, labels.UNITS_BELOW_OUTPUT} & set(declared):
        return declared
    if last_layer is None:
        raise ArrayError(
            f"{name} spans the units of the output layer, and no other array tells which layer "
            f"that is; pass n_layers"
        )
    return labels.output_dims(declared, last_layer)
