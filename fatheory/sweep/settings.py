"""From the settings of a cell to its experiment."""

from collections.abc import Iterator, Mapping
from typing import Any

from fatheory.errors import InvalidExperimentError
from fatheory.experiment import Experiment

EVERY = "*"
"""Stands in a dotted key for every entry there."""


def with_all_settings(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """Return a copy with values changed by dotted key, of which `EVERY` makes several.

    Later settings see what earlier ones have set; the result is validated once.

    Raises
    ------
    InvalidExperimentError
        If a key does not exist or the result is not valid.
    """
    changes: dict[str, Any] = {}
    for key, value in settings.items():
        found = list(_expanded(experiment, changes, key)) if EVERY in key.split(".") else [key]
        if not found:
            raise InvalidExperimentError("setting", [(key, f"nothing is there for {EVERY!r}")])
        changes |= dict.fromkeys(found, value)
    return experiment.with_settings(changes)


def _expanded(experiment: Experiment, changes: Mapping[str, Any], key: str) -> Iterator[str]:
    """Put every entry that is there in the place of each `EVERY`."""
    # Dots around the key, so that a star at either end is found, too.
    before, star, after = f".{key}.".partition(f".{EVERY}.")
    if not star:
        yield key
        return
    prefix = before[1:]
    for entry in _entries(experiment, changes, prefix):
        yield from _expanded(experiment, changes, f"{prefix}.{entry}.{after}".strip("."))


def _entries(experiment: Experiment, changes: Mapping[str, Any], path: str) -> list[str]:
    """List the keys of what stands at a path: in what was set last around it, or at first."""
    # The latest first: it may have replaced what an earlier one set inside of it.
    for key in reversed(list(changes)):
        if f"{path}.".startswith(f"{key}."):
            return _keys(changes[key], path[len(key) + 1 :])
    return _keys(experiment.model_dump(mode="json"), path)


def _keys(node: Any, path: str) -> list[str]:
    if isinstance(node, list):
        node = {str(i): entry for i, entry in enumerate(node)}
    if not path or not isinstance(node, dict):
        return list(node) if isinstance(node, dict) else []
    # A label may hold dots itself.
    head = max((k for k in node if f"{path}.".startswith(f"{k}.")), key=len, default=None)
    return [] if head is None else _keys(node[head], path[len(head) + 1 :])
