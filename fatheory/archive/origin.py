"""Where an archive comes from: the attributes that every run archive carries."""

import json
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

from fatheory import labels

_BETWEEN = ", "
_PACKAGES = ("fatheory", "numpy", "scipy", "jax", "xarray", "zarr")


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
