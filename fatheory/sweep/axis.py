"""An axis of a sweep: one setting after another."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, model_serializer, model_validator

from fatheory.errors import InvalidExperimentError
from fatheory.experiment.description import NOT_EMPTY, Description, canonical
from fatheory.sweep.labels import is_taken

_FORMS = (
    "an axis is a list of values, {'keys': [...], 'values': [...]}, a mapping from keys to lists "
    "of values that move together, or a mapping from labels to settings such as {'deep': "
    "{'network.hidden': [20, 20]}}"
)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; NumPy's and parts of experiments are welcome."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"values are finite; got {value}")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"values are what JSON can hold; got {value!r:.60}")


def _plain_entries(value: Any) -> Any:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"must be a list; got {value!r:.60}")
    return tuple(_plain(entry) for entry in value)


class Axis(Description):
    """The points of an axis, each with what it sets.

    Attributes
    ----------
    keys : tuple of str
        Dotted keys, as `Experiment.with_settings` takes them, that are all set to a point's value.
        ``*`` stands for every entry there: ``rules.*.learning_rate``. Empty where points have
        settings of their own.
    values : tuple
        The values; or labels, where points have settings of their own; or, where keys move
        together, a tuple of one value for each key.
    settings : tuple of dict
        Those settings, by dotted key; else empty.
    zipped : bool
        Whether keys move together, each with values of its own.
    """

    keys: tuple[str, ...] = ()
    values: Annotated[tuple[Any, ...], NOT_EMPTY, BeforeValidator(_plain_entries)]
    settings: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_plain_entries)] = ()
    zipped: bool = False

    @classmethod
    def of(cls, name: str, given: Any) -> "Axis":
        """Read an axis as it is written in a description; see `Sweep`.

        Raises
        ------
        InvalidExperimentError, ValueError
            If it is none.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, Mapping):
            if set(given) == {"keys", "values"}:
                return cls(**given)
            if given and all(isinstance(inner, Mapping) for inner in given.values()):
                return cls(values=tuple(given), settings=tuple(given.values()))
            if given and all(_is_list(inner) for inner in given.values()):
                return cls._zipped(given)
        elif _is_list(given):
            return cls(keys=(name,), values=given)
        raise ValueError(f"{_FORMS}; got {given!r:.60}")

    @classmethod
    def _zipped(cls, given: Mapping[str, Iterable[Any]]) -> "Axis":
        columns = {key: list(values) for key, values in given.items()}
        if len({len(column) for column in columns.values()}) > 1:
            counts = ", ".join(f"{key} has {len(column)}" for key, column in columns.items())
            raise ValueError(f"keys that move together need equally many values; {counts}")
        if len(columns) == 1:
            # A single key moves with nothing, and has the hash of an ordinary axis.
            return cls(keys=tuple(columns), values=next(iter(columns.values())))
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return cls(keys=tuple(columns), values=rows, zipped=True)

    @model_validator(mode="after")
    def _points_differ(self) -> "Axis":
        if not self.keys and len(self.settings) != len(self.values):
            raise ValueError(f"keys must not be empty; {_FORMS}")
        if self.zipped and any(
            not isinstance(row, list) or len(row) != len(self.keys) for row in self.values
        ):
            raise ValueError(f"points of keys that move together have a value for each; {_FORMS}")
        # By content, in which 0.0 and -0.0 are the same, and by label, which 1 and "1" would share.
        written = [json.dumps(canonical(value), sort_keys=True) for value in self.values]
        same = written + [str(label) for label in self.coordinate]
        for texts in (same[: len(written)], same[len(written) :]):
            repeated = sorted({text for text in texts if texts.count(text) > 1})
            if repeated:
                raise ValueError(f"values must differ from each other; repeated: {repeated}")
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        if self.zipped:
            return {key: list(column) for key, column in self.columns.items()}
        if self.keys:
            return {"keys": list(self.keys), "values": list(self.values)}
        return dict(zip(self.values, self.settings, strict=True))

    def canonical(self) -> dict[str, Any]:
        """Return what is hashed: settings with their order, for later ones see earlier ones."""
        settings = [[[key, value] for key, value in own.items()] for own in self.settings]
        content: dict[str, Any] = {
            "keys": self.keys,
            "values": self.values,
            "settings": settings,
        }
        # Other axes have the hashes that they had before keys could move together.
        content |= {"zipped": True} if self.zipped else {}
        return {key: canonical(value) for key, value in content.items()}

    @property
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """The values of each key that moves together with others; empty on other axes."""
        if not self.zipped:
            return {}
        return dict(zip(self.keys, zip(*self.values, strict=True), strict=True))

    @property
    def coordinate(self) -> np.ndarray:
        """The labels of the points: numbers and strings as they are, all else as JSON.

        Where keys move together, their labels one after another, as ``"[10], 0.02"``.
        """
        if not self.zipped:
            return _labels(self.values)
        each = [_labels(column).tolist() for column in self.columns.values()]
        return np.array([", ".join(map(str, row)) for row in zip(*each, strict=True)])

    @property
    def beside(self) -> dict[str, np.ndarray]:
        """Further labels of the points: those of each key that moves together with others.

        Keys that cannot name a variable of an archive have none.
        """
        columns = self.columns.items()
        return {key: _labels(own) for key, own in columns if "/" not in key and not is_taken(key)}

    def at(self, point: int) -> dict[str, Any]:
        """Return what a point sets, by dotted key."""
        if self.zipped:
            return dict(zip(self.keys, self.values[point], strict=True))
        if self.keys:
            return dict.fromkeys(self.keys, self.values[point])
        return self.settings[point]


def _is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _labels(values: Sequence[Any]) -> np.ndarray:
    """Return numbers and strings as they are, all else as JSON."""
    # NumPy would make numbers of booleans, and strings of numbers beside strings.
    if not any(isinstance(value, bool | str) for value in values):
        try:
            numbers = np.asarray(values)
        except ValueError:  # lists of different lengths
            numbers = np.empty((0, 0))
        if numbers.ndim == 1 and numbers.dtype.kind in "if":
            return numbers
    return np.array([written_label(v) for v in values])


def written_label(value: Any) -> str:
    """Return the label of a value on an axis whose labels are texts.

    Raises
    ------
    ValueError
        If no axis can have such a value.
    """
    return value if isinstance(value, str) else json.dumps(_plain(value))


def read_axes(value: Any) -> Any:
    """Read a mapping from names to axes.

    Raises
    ------
    InvalidExperimentError
        Listing, by name, what is no axis, and names that archives give a meaning.
    """
    if not isinstance(value, Mapping):
        return value
    axes, problems = [], []
    for name, given in value.items():
        try:
            axis = Axis.of(name, given)
            problems += [(name, problem) for problem in _of_name(name, axis)]
            axes.append((name, axis))
        except InvalidExperimentError as error:
            problems += [(".".join(filter(None, (str(name), at))), m) for at, m in error.problems]
        except ValueError as error:
            problems.append((str(name), str(error)))
    problems += _repeated_names(axes)
    if problems:
        raise InvalidExperimentError("axes", problems)
    return tuple(axes)


def _repeated_names(axes: Sequence[tuple[str, Axis]]) -> Iterator[tuple[str, str]]:
    """Find keys that move together whose labels another axis, or another key, has taken."""
    taken = [name for name, _ in axes]
    for name, axis in axes:
        for key in axis.beside:
            if key in taken:
                yield name, f"{key!r} names an axis, or moves with another one, already; rename it"
            taken.append(key)


def _of_name(name: Any, axis: Axis) -> Iterator[str]:
    if not isinstance(name, str) or not name.strip(".") or name.startswith("__") or "/" in name:
        yield f"an axis is named by a string without '/', and not by dots alone; got {name!r}"
    elif is_taken(name):
        free = next((key for key in axis.keys if "/" not in key and not is_taken(key)), "")
        yield (
            f"archives call something else {name!r}; name the axis {free or f'{name} axis'!r}, and "
            f"give its keys as in {{'keys': [...], 'values': [...]}}"
        )
