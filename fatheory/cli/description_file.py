"""Descriptions in files: JSON, YAML and TOML, or standard input, all read as JSON's data."""

import datetime
import json
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from fatheory.errors import FatheoryError
from fatheory.experiment.description import MAX_NUMBER
from fatheory.experiment.json_text import read_json

MAX_BYTES = 1 << 26
"""Larger files are refused: an experiment with a million seeds has a tenth of that."""
STANDARD_INPUT = "-"
_LISTED = 5
"""More numbers that are none are not listed."""
Reader = Callable[[str], str]


def is_description(name: str) -> bool:
    """Whether a command's argument names a file of a description, or standard input."""
    return name == STANDARD_INPUT or Path(name).suffix.lower() in _READERS


def read_description(name: str) -> str:
    """Read the file of an experiment or a sweep, or standard input, and return it as JSON.

    Standard input may be JSON or YAML: what is JSON is read as JSON.

    Parameters
    ----------
    name
        A path that ends in ``.json``, ``.yaml``, ``.yml`` or ``.toml``; or ``-``.

    Raises
    ------
    FatheoryError
        If it is too large, is not of its kind, gives a key twice, or holds what JSON has not:
        anchors and aliases (a few bytes of them unfold to gigabytes), tags, dates.
    OSError
        If it cannot be read.
    """
    reader: Reader
    if name == STANDARD_INPUT:
        # One more than allowed, which shows that there is more; the rest is left unread.
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        told, reader = "standard input", _json_or_yaml
    else:
        with Path(name).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        told, reader = name, _READERS[Path(name).suffix.lower()]
    if len(content) > MAX_BYTES:
        raise FatheoryError(f"{told} is no description: it has more than {MAX_BYTES:,} bytes")
    if not content.strip():
        raise FatheoryError(f"cannot read {told}: it is empty")
    try:
        # Editors on Windows begin files with a mark that JSON does not know.
        return reader(content.decode("utf-8-sig"))
    except RecursionError:
        raise FatheoryError(f"cannot read {told}: its lists are nested too deeply") from None
    except (ValueError, yaml.YAMLError) as error:
        raise FatheoryError(f"cannot read {told}: {_in_one_line(error)}") from error


def to_yaml(text: str) -> str:
    """Return a description that is JSON as YAML, keys in the same order."""
    return yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True, width=100)


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, without anchors, tags and repeated keys.

    PyYAML's own loader follows YAML 1.1, where ``1e-3`` is text, ``no`` is false, ``010`` is eight
    and ``2020-01-01`` a date: each would silently be another description.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ValueError(f"anchors and aliases are not taken here (line {_line(event)})")
        if getattr(event, "tag", None) not in (None, "!"):
            raise ValueError(f"tags are not taken here; got {event.tag!r} (line {_line(event)})")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if not isinstance(key, str):
                raise ValueError(f"keys are text; got {key!r} (line {_line(node)}): quote it")
            if key in keys[:place]:
                raise ValueError(f"the key {key!r:.60} is given twice (line {_line(node)})")
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )
# YAML 1.1's own readers take 010 for eight and 1:30 for ninety.
_CoreLoader.add_constructor(
    "tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node))
)
_CoreLoader.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: _number(loader.construct_scalar(node))
)


class _NotFinite(float):
    """A number of a file that is none of floating point, with how it was written."""

    def __new__(cls, text: str) -> "_NotFinite":
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _NotFinite(text)


def _not_finite(node: Any, where: str = "") -> Iterator[str]:
    """Find numbers that are not finite in nested lists and tables."""
    if isinstance(node, _NotFinite):
        yield f"{where} is {node.text}"
    inner: Any = node.items() if isinstance(node, dict) else ()
    for key, value in enumerate(node) if isinstance(node, list) else inner:
        yield from _not_finite(value, f"{where}.{key}" if where else str(key))


def _from_json(text: str) -> str:
    read_json(text)
    return text


def _from_yaml(text: str) -> str:
    data = yaml.load(text, _CoreLoader)
    if data is None:
        raise ValueError("it holds nothing but comments, or null")
    return _as_json(data)


def _from_toml(text: str) -> str:
    return _as_json(tomllib.loads(text, parse_float=_number))


def _json_or_yaml(text: str) -> str:
    try:
        return _from_json(text)
    except ValueError as problem:
        # What begins like JSON and is none is told as JSON.
        if text.lstrip()[:1] in ("{", "["):
            raise ValueError(f"not JSON: {problem}") from problem
    return _from_yaml(text)


def _as_json(data: Any) -> str:
    if wrong := list(_not_finite(data)):
        raise ValueError(
            f"{'; '.join(wrong[:_LISTED])}: numbers of descriptions are finite, and of at most "
            f"{MAX_NUMBER:g} in size"
        )
    return _from_json(json.dumps(data, allow_nan=False, default=_refuse))


def _refuse(value: Any) -> str:
    kind = "a date or time" if isinstance(value, datetime.date | datetime.time) else "no JSON value"
    raise ValueError(f"{value!r} is {kind}; descriptions have numbers, text, lists and tables")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


_READERS: dict[str, Reader] = {
    ".json": lambda text: text,  # told by the description itself, with its own words
    ".yaml": _from_yaml,
    ".yml": _from_yaml,
    ".toml": _from_toml,
}
