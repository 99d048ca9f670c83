"""JSON from elsewhere, read as data and nothing else."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from fatheory.errors import InvalidExperimentError

MAX_DEPTH = 64
"""Ten times as deep as an experiment, and far from where recursion ends."""

_TOO_DEEP = "lists and objects are nested too deeply"


def read_json(text: str | bytes) -> Any:
    """Read JSON in which no key is given twice.

    Raises
    ------
    ValueError
        If the text is not JSON, is nested in more than 64 levels, or gives a key twice, of which
        one would be lost.
    """
    try:
        # By itself `json` takes the last of several equal keys without a word.
        data = json.loads(text, object_pairs_hook=_each_key_once)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    # Level by level, as recursion is what deep nesting breaks.
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
    if level:
        raise ValueError(_TOO_DEEP)
    return data


def read_object(subject: str, text: str | bytes) -> dict[str, Any]:
    """Read the JSON object that describes something.

    Raises
    ------
    InvalidExperimentError
        If the text is not JSON, gives a key twice, or is no object; it names the subject.
    """
    try:
        data = read_json(text)
    except ValueError as error:
        raise InvalidExperimentError(subject, [("", f"not JSON: {error}")]) from None
    if not isinstance(data, dict):
        raise InvalidExperimentError(subject, [("", f"not a JSON object: {text!r:.60}")])
    return data


def written(content: Any) -> str:
    """Write content as JSON in one way: no spaces, keys in order."""
    # Hashes are of this text: any other way of writing it would orphan every stored run.
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


def text_digest(text: str) -> str:
    """Return sixteen hexadecimal digits that change with anything in a text."""
    # 64 bits: two among a million experiments collide with a chance of 3e-8, and names stay short.
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"the key {key!r:.60} is given twice")
        data[key] = value
    return data
