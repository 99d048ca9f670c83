"""From what a caller has, an archive or values from it, to labelled values that can be drawn."""

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import warn_of_divergence, with_own_axes
from fatheory.errors import ArchiveError, FatheoryError, UnknownNameError
from fatheory.experiment import Experiment
from fatheory.figures import label_colours
from fatheory.metrics.quantity import quantity
from fatheory.quantities import known_quantities

Data = xr.Dataset | xr.DataArray
Selected = TypeVar("Selected", xr.Dataset, xr.DataArray)


def values_of(data: Data, variable: str | None, default: str = labels.LOSS) -> xr.DataArray:
    """Return values by name out of an archive, recorded or computed from what was; or as given.

    Parameters
    ----------
    data : Dataset or DataArray
        An archive of a run or of a sweep, a selection from one, or values from one.
    variable : str, optional
        A variable of the archive, or a quantity; of values themselves there is nothing to say.
    default : str
        The variable where none is named.

    Raises
    ------
    FatheoryError
        If `data` is neither, or a variable of values is asked for.
    UnknownNameError
        If the archive has no such variable.
    ArchiveError
        If the archive holds nothing from which the quantity follows.
    """
    if isinstance(data, xr.DataArray):
        if variable not in (None, data.name):
            raise FatheoryError(
                f"{variable!r} was asked for of values called {data.name!r}; pass the archive, or "
                f"leave the variable out"
            )
        return data
    if not isinstance(data, xr.Dataset):
        raise FatheoryError(
            f"figures are of archives, as simulate, solve and load return them, or of values from "
            f"them (xarray); got {type(data).__name__}"
        )
    name = default if variable is None else variable
    if name in data.data_vars:
        warn_of_divergence(data)
        return with_own_axes(data, name)
    known = known_quantities()
    if name not in known or labels.ATTR_EXPERIMENT not in data.attrs:
        raise UnknownNameError("variable", name, sorted({*map(str, data.data_vars), *known}))
    found = quantity(data, name)
    if name in found:
        return found[name]
    # Some quantities have a variable for each layer and none of their own name; the first is layer
    # 1's.
    return found[next(iter(found.data_vars))]


def only(values: xr.DataArray, allowed: Iterable[Hashable], what: str) -> xr.DataArray:
    """Refuse axes that a figure has no place for; those of one entry become labels.

    Raises
    ------
    ArchiveError
        If there are others, naming them.
    """
    allowed = tuple(allowed)
    single = [dim for dim in values.dims if values.sizes[dim] == 1 and dim not in allowed]
    values = values.squeeze(single)
    strange = [dim for dim in values.dims if dim not in allowed]
    if strange:
        sizes = ", ".join(f"{dim!r} ({values.sizes[dim]})" for dim in strange)
        raise ArchiveError(
            f"{what} has no place for the axes {sizes} of {values.name!r}; select one entry of "
            f"each, as in data.sel({{{str(strange[0])!r}: ...}}), or average over them first"
        )
    return values


def selected(data: Selected, **points: object) -> Selected:
    """Select by label where a label is asked for, and say which there are where it is not there.

    Raises
    ------
    UnknownNameError
        If there is no such label.
    ArchiveError
        If there is no such axis.
    """
    for dim, label in points.items():
        if label is None:
            continue
        if dim not in data.coords:
            raise ArchiveError(
                f"there are no labels along {dim!r} here; there are those along "
                f"{', '.join(map(str, data.coords))}"
            )
        known = np.atleast_1d(data[dim].values).tolist()
        if label not in known:
            raise UnknownNameError(dim, label, [str(one) for one in known])
        if dim in data.dims:
            data = data.isel({dim: known.index(label)})
    return data


def rules_behind(data: Data) -> dict[str, str]:
    """Return which rule each label of an archive's experiment stands for; empty if it is not told.

    Archives of sweeps tell of theirs in the sweep's description.
    """
    text = data.attrs.get(labels.ATTR_EXPERIMENT)
    if isinstance(text, str):
        return {label: choice.rule for label, choice in Experiment.from_json(text).rules}
    asked = data.attrs.get("sweep")
    if not isinstance(asked, str):
        return {}
    described = json.loads(asked).get("experiment", {}).get("rules", {})
    return {str(label): str(choice.get("rule", label)) for label, choice in described.items()}


def colours_of(
    data: Data, shown: Iterable[str], behind: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return a colour for every label; a rule of an archive has the same in all selections."""
    told, asked = rules_behind(data), list(shown)
    # Colours go by the whole archive, so that a rule keeps its own when others are left out.
    every = [*told, *asked] if set(asked) & set(told) else asked
    return label_colours(every, {**told, **(behind or {})})


def in_order(values: Selected, *dims: str) -> Selected:
    """Return values in the order of the numbers along axes, however their archive stands.

    Lines go from one point to the next, and where a run ends is asked of its last step.
    """
    known = [dim for dim in dims if dim in values.dims and dim in values.coords]
    return values.sortby(known) if known else values


def labels_along(values: xr.DataArray, dim: str) -> list[str]:
    """Return the labels along an axis as text; places where it has none."""
    if dim not in values.dims:
        return []
    return [str(point) for point in values[dim].values]


def places_along(values: xr.DataArray, x: str) -> np.ndarray:
    """Return where values stand along ``step`` or ``time``; without labels, steps are counted.

    Raises
    ------
    ArchiveError
        If they have no times.
    """
    if x in values.coords:
        return values[x].values
    if x != labels.STEP:
        raise ArchiveError(
            f"{values.name!r} has no {x!r} beside its steps; draw it along 'step', or take values "
            f"that have kept it"
        )
    # Only for steps: a count is in their order, while times would need the learning rate.
    return np.arange(values.sizes[labels.STEP])


def last_word(dim: object) -> str:
    """Name an axis in short: of a dotted key, what it is about."""
    return str(dim).rpartition(".")[2].replace("_", " ")
