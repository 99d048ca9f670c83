"""Which parts of an experiment are not fatheory's own, and which packages they come from."""

from collections.abc import Iterator, Mapping
from typing import Any

from fatheory.errors import FatheoryError
from fatheory.experiment.whole import Whole
from fatheory.quantities import QUANTITIES
from fatheory.registry import Registry
from fatheory.rules import RULES
from fatheory.tasks import TASKS

REGISTRIES: dict[str, Registry[Any]] = {part.group: part for part in (RULES, QUANTITIES, TASKS)}
"""Where parts of experiments come from, by entry-point group."""


def packages_of(experiment: Whole) -> dict[str, dict[str, str]]:
    """Return the package of every part that is not fatheory's, by group and name of the part."""
    found: dict[str, dict[str, str]] = {}
    for registry, name in _parts(experiment):
        package = registry.package_of(name)
        if package is not None:
            found.setdefault(registry.group, {})[name] = package
    return found


def lacking(packages: Any) -> Iterator[str]:
    """Say which parts are not here, of those that `packages_of` named where they were.

    What is no such mapping says nothing; the parts themselves will be missed.
    """
    for group, parts in packages.items() if isinstance(packages, Mapping) else ():
        registry = REGISTRIES.get(group)
        for name, package in parts.items() if isinstance(parts, Mapping) else ():
            if registry is None:
                yield f"{name!r} of {package} is a part of {group}, of which this version has none"
                continue
            try:
                registry.find(name)
            # Also a package that is there and fails to import: the message says which.
            except FatheoryError as error:
                yield (
                    f"the {registry.kind} {name!r} comes from {package}: install or register it "
                    f"({error})"
                )


def _parts(experiment: Whole) -> Iterator[tuple[Registry[Any], str]]:
    yield TASKS, experiment.task.kind
    for _, choice in experiment.rules:
        for own in (choice, *(inner for _, inner in choice.layers)):
            yield RULES, own.rule
    for name in experiment.record.quantities:
        yield QUANTITIES, name
