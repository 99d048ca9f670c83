"""Signatures of descriptions as a reader needs them: fields with their kinds in words."""

import inspect
import re
from typing import Any, get_args

from pydantic import BaseModel

# As numpydoc writes parameters, ``name : kind``; so a kind is said once, where readers look.
_FIELDS = re.compile(r"^(\w+(?:, \w+)*) : (.+)$", re.MULTILINE)


class _Words:
    """An annotation that is written as the docstring says it: ``int or sequence of int``."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class _Default:
    """A default that is written in short: a part by its class alone where nothing was chosen."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        if isinstance(self._value, BaseModel):
            kind = type(self._value)
            fields = kind.model_fields
            own = {
                name: value
                for name, value in self._value
                if fields[name].is_required() or value != fields[name].get_default()
            }
            inner = ", ".join(f"{name}={value!r}" for name, value in own.items())
            return f"{kind.__name__}({inner})"
        return repr(self._value)


def readable_signature(kind: type[BaseModel]) -> inspect.Signature:
    """Return the signature of a description: required fields first, with kinds as documented.

    Fields that only say which class it is are left out.
    """
    told = _documented(kind)
    required: list[inspect.Parameter] = []
    optional: list[inspect.Parameter] = []
    for name, field in kind.model_fields.items():
        annotation = _worded(told.get(name, ""))
        default = field.get_default(call_default_factory=True)
        is_tag = len(get_args(field.annotation)) == 1 and isinstance(default, str)
        if is_tag:
            continue
        given = inspect.Parameter.empty if field.is_required() else _Default(default)
        one = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=given
        )
        (required if field.is_required() else optional).append(one)
    return inspect.Signature([*required, *optional])


def own_signature(kind: type[BaseModel]) -> inspect.Signature:
    """Return the signature of a part that takes something else than its fields, as documented."""
    told = _documented(kind)
    _, *own = inspect.signature(kind.__init__).parameters.values()
    return inspect.Signature(
        [one.replace(annotation=_worded(told.get(one.name, ""))) for one in own]
    )


def _worded(words: str) -> Any:
    """Return a kind in words as an annotation; none where it is not documented."""
    words = re.sub(r", optional$", " or None", words)
    return _Words(words) if words else inspect.Parameter.empty


def _documented(kind: type) -> dict[str, str]:
    """Return what docstrings say of fields, those of bases where the own one is silent."""
    told: dict[str, str] = {}
    # From the base down, so that the class itself has the last word.
    for base in reversed(kind.__mro__):
        for names, words in _FIELDS.findall(inspect.cleandoc(base.__doc__ or "")):
            told |= dict.fromkeys(names.split(", "), words)
    return told
