"""Pairs of a label and what it stands for, found by label as well."""

from collections.abc import Iterator
from typing import Any, TypeVar, overload

from pydantic import BaseModel

from fatheory.errors import UnknownNameError
from fatheory.markup import table

Value = TypeVar("Value")


def _in_words(value: Any) -> str:
    """Write a part by the keys that it says, everything else as it is."""
    said = value.model_dump(mode="json") if isinstance(value, BaseModel) else None
    if said is None:
        return str(value)
    return ", ".join(f"{key} = {inner}" for key, inner in said.items())


class Pairs(tuple[tuple[str, Value], ...]):
    """A frozen sequence of (label, value), which also answers by label: ``rules["backprop"]``.

    It iterates over its pairs, as it always did; `dict` makes a dictionary of it.

    Examples
    --------
    >>> Pairs([("slow", 0.1), ("fast", 0.2)])["fast"]
    0.2
    """

    __slots__ = ()
    kind = "rule"

    @overload  # type: ignore[override]
    def __getitem__(self, key: str) -> Value: ...

    @overload
    def __getitem__(self, key: int) -> tuple[str, Value]: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[tuple[str, Value], ...]: ...

    def __getitem__(self, key: Any) -> Any:
        """Return a value by label, or pairs by place.

        Raises
        ------
        UnknownNameError
            If there is no such label; the message lists the known ones and the nearest.
        """
        if not isinstance(key, str):
            return super().__getitem__(key)
        # No dictionary beside the pairs: a tuple with `__slots__` has no room for one, and there
        # are few rules.
        for label, value in self:
            if label == key:
                return value
        raise UnknownNameError(self.kind, key, self.labels())

    def labels(self) -> list[str]:
        """Return the labels, in order."""
        return [label for label, _ in self]

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return super().__iter__()

    def _ipython_key_completions_(self) -> list[str]:
        return self.labels()

    def _repr_html_(self) -> str:
        shown = ((label, _in_words(value)) for label, value in self)
        return table(shown, ("label", ""))


class AxisPairs(Pairs[Value]):
    """The axes of a sweep, found by name."""

    __slots__ = ()
    kind = "axis"
