"""Where the data of a figure come from: attributes taken over from the archives behind it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from fatheory import labels
from fatheory.archive import joined_texts, joined_versions
from fatheory.errors import ArchiveError

_ALWAYS = (labels.ATTR_VERSIONS, labels.ATTR_DEVICE, labels.ATTR_PRECISION, labels.ATTR_CREATED)
_ONE = (labels.ATTR_EXPERIMENT, labels.ATTR_HASH)


def origin(archives: xr.Dataset | Mapping[str, xr.Dataset]) -> dict[str, Any]:
    """Copy what run archives say of their origin, as attributes for data made from them.

    Parameters
    ----------
    archives : Dataset or mapping of str to Dataset
        One run archive, or several by name.

    Returns
    -------
    dict
        Of one archive its ``experiment`` (JSON), ``experiment_hash``, ``versions``, ``device``,
        ``precision``, ``created`` and ``wall_time_s``, its seconds with those before an
        interruption. Of several ``experiments`` and ``experiment_hashes``, JSON
        objects from name to experiment and to hash; for each package every version, and every
        device and precision, that occurs among them; the latest ``created``, and all their
        seconds.

    Raises
    ------
    ArchiveError
        If there is no archive, or one lacks an attribute.
    """
    if isinstance(archives, xr.Dataset):
        one = {name: _attr("the dataset", archives, name) for name in (*_ONE, *_ALWAYS)}
        return one | _seconds([archives])
    if not archives:
        raise ArchiveError("the origin of no archive was asked for; pass one at least")

    def each(attr: str) -> dict[str, str]:
        return {name: _attr(f"{name!r}", archive, attr) for name, archive in archives.items()}

    experiments = {name: json.loads(text) for name, text in each(labels.ATTR_EXPERIMENT).items()}
    return {
        # JSON within attributes: Zarr and netCDF have no nested ones.
        labels.ATTR_EXPERIMENTS: json.dumps(experiments),
        labels.ATTR_HASHES: json.dumps(each(labels.ATTR_HASH)),
        labels.ATTR_VERSIONS: joined_versions(each(labels.ATTR_VERSIONS).values()),
        labels.ATTR_DEVICE: joined_texts(each(labels.ATTR_DEVICE).values()),
        labels.ATTR_PRECISION: joined_texts(each(labels.ATTR_PRECISION).values()),
        # All are stamped in UTC and to the second, so that the order of letters is that of time.
        labels.ATTR_CREATED: max(each(labels.ATTR_CREATED).values()),
        **_seconds(archives.values()),
    }


def _seconds(archives: Iterable[xr.Dataset]) -> dict[str, float]:
    """Return how long all runs took, as they say themselves: one that was continued knows all."""
    return {
        labels.ATTR_WALL_TIME: sum(
            float(archive.attrs.get(labels.ATTR_WALL_TIME, 0.0)) for archive in archives
        )
    }


def require_origin(data: xr.Dataset) -> None:
    """Check that data say where they come from.

    Raises
    ------
    ArchiveError
        If attributes that `origin` gives are missing.
    """
    missing = [name for name in _ALWAYS if name not in data.attrs]
    if labels.ATTR_EXPERIMENT not in data.attrs and labels.ATTR_EXPERIMENTS not in data.attrs:
        missing.append(f"{labels.ATTR_EXPERIMENT} or {labels.ATTR_EXPERIMENTS}")
    if missing:
        raise ArchiveError(
            f"the data lack the attributes {', '.join(missing)}; in compute, set data.attrs = "
            f"origin(archive), or origin({{name: archive, ...}}) of several"
        )


def origin_note(data: xr.Dataset) -> str:
    """Say in a line at which scale, when, how long, on what and with what data were computed."""
    attrs = {name: data.attrs.get(name, "(not stated)") for name in (labels.ATTR_SCALE, *_ALWAYS)}
    versions = json.loads(data.attrs.get(labels.ATTR_VERSIONS, "{}"))
    listed = ", ".join(f"{package} {version}" for package, version in versions.items())
    return (
        f"computed at scale {attrs[labels.ATTR_SCALE]} on {attrs[labels.ATTR_CREATED]} in "
        f"{data.attrs.get(labels.ATTR_WALL_TIME, float('nan')):.0f} s, on "
        f"{attrs[labels.ATTR_DEVICE]} in {attrs[labels.ATTR_PRECISION]}, with "
        f"{listed or 'versions (not stated)'}"
    )


def _attr(owner: str, archive: xr.Dataset, name: str) -> str:
    if name not in archive.attrs:
        raise ArchiveError(
            f"{owner} has no attribute {name!r}; the origin is read from run archives, as "
            f"fatheory.simulate, fatheory.solve and fatheory.load return them"
        )
    return str(archive.attrs[name])
