"""Whether two descriptions differ in what their archives do not show: all but what is named here.

Fields that descriptions gain later are compared as soon as they have them.
"""

from collections.abc import Iterator
from typing import Any

import xarray as xr

from fatheory import labels
from fatheory.experiment import Experiment
from fatheory.experiment.description import Description, rows
from fatheory.quantities import Need, find_quantities

_STARTS = frozenset({"start", "biases"})
"""Fields of networks by which starts are drawn; these are compared as they were drawn."""
_OWN_COMPARISON = frozenset(
    {"name", "task", "network", "rules", "schedule", "update", "record", "seeds", "root_seed"}
)
"""Fields of experiments that mean nothing here, or are compared part by part."""
_STATES = frozenset({"precision", "initial"})
"""How exactly it is computed; and starts of one's own, compared with those that are drawn."""
_OF_PROBE = frozenset({Need.SIGNALS, Need.GRADIENTS})
"""What is measured on the probe."""


def of_networks(ours: Experiment, theirs: Experiment) -> Iterator[str]:
    """Say in which features the networks differ, whatever they start from."""
    yield from _differing("network", ours.network, theirs.network, _STARTS)
    # Where one has none at all, there is nothing that could be compared as drawn.
    left, right = (getattr(experiment.network, "biases", None) for experiment in (ours, theirs))
    if (left is None) != (right is None):
        yield _line("network.biases", left, right)


def of_experiments(ours: Experiment, theirs: Experiment) -> Iterator[str]:
    """Say in which fields that nobody else compares the experiments differ."""
    for name in type(ours).model_fields:
        if name not in _OWN_COMPARISON | _STATES:
            left, right = getattr(ours, name), getattr(theirs, name)
            if left != right:
                yield _line(name, left, right)


def of_records(
    theory: xr.Dataset, simulation: xr.Dataset, ours: Experiment, theirs: Experiment
) -> Iterator[str]:
    """Say which quantities of one name are not the same, by their source or their probe."""
    both = sorted(set(ours.record.quantities) & set(theirs.record.quantities))
    left, right = (dict(experiment.record.sources) for experiment in (ours, theirs))
    for name in both:
        if left.get(name) != right.get(name):
            yield (
                f"the quantity {name!r} has the source {left.get(name)} in theory and "
                f"{right.get(name)} in simulation"
            )
    # Archives of drawn examples hold the probe, which is compared; of images they do not.
    held = labels.PROBE_INPUT in theory and labels.PROBE_INPUT in simulation
    probed = [q.name for q in find_quantities(tuple(both)) if q.needs & _OF_PROBE]
    if probed and not held and ours.probe_samples != theirs.probe_samples:
        yield (
            f"{', '.join(probed)}: measured on {ours.probe_samples} samples in theory and on "
            f"{theirs.probe_samples} in simulation"
        )


def _differing(
    where: str, ours: Description, theirs: Description, free: frozenset[str]
) -> Iterator[str]:
    """Yield the fields, by dotted key, in which two parts differ."""
    left, right = (
        {name: value for name, value in part if name not in free} for part in (ours, theirs)
    )
    for name in left | right:
        if name in left and name in right and left[name] == right[name]:
            continue
        # In full: a part of a part differs.
        one, other = (
            dict(rows({name: _plain(side[name])})) if name in side else {} for side in (left, right)
        )
        for key in one | other:
            if one.get(key) != other.get(key):
                yield _line(f"{where}.{key}", one.get(key), other.get(key))


def _plain(value: Any) -> Any:
    if isinstance(value, Description):
        return value.model_dump(mode="json")
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value


def _line(key: str, left: object, right: object) -> str:
    return f"{key} is {left} in theory and {right} in simulation"
