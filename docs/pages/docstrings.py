"""Formulas in docstrings as they are meant: plain text, in which bars and stars mark nothing up."""

import re
from collections.abc import Iterator
from typing import Any

_CODE = re.compile(r"(``.+?``|:\w+:`[^`]+`|`[^`]+`)")
_PAIRED_STAR = re.compile(r"(?<![\w*\\])(\*{1,2})(?=[^\s*])[^*]*[^\s*]\1(?![\w*])")
_OPENING_STAR = re.compile(r"(?<![\w\\*])\*(?=[^\s*])")
_BLOCK = re.compile(r"(\s*)(\.\. (math|code-block)::|.*[^:]::$)")


def keep_formulas(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Escape what reStructuredText would read as markup in ``|x|``, ``(*runs, layer)``."""
    del app, what, name, thing, options
    lines[:] = list(_escaped(lines))


def _escaped(lines: list[str]) -> Iterator[str]:
    block: int | None = None  # indentation of a block that is kept as it is
    example = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if block is not None or example:
            yield line
            continue
        opened = _BLOCK.match(line)
        if opened:
            block = indent
            yield line
        else:
            yield _prose(line)


def _prose(line: str) -> str:
    """Escape a line of prose, but for code in it; ``*args : type`` is numpydoc's."""
    if re.match(r"\s*\*{1,2}\w+( :|$)", line):
        return line
    parts = _CODE.split(line)
    return "".join(part if at % 2 else _plain(part) for at, part in enumerate(parts))


def _plain(text: str) -> str:
    text = re.sub(r"(?<!\\)\|", r"\\|", text)
    return text if _PAIRED_STAR.search(text) else _OPENING_STAR.sub(r"\\*", text)
