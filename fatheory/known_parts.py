"""Parts by name, as a console and a notebook show them."""

from typing import Any, TypeVar

from fatheory.markup import heading, table

Part = TypeVar("Part")


class KnownParts(dict[str, Part]):
    """A dictionary of parts by name, which says one line on each.

    Parameters
    ----------
    kind : str
        What the parts are, in the singular: ``"rule"``.
    parts : mapping of str to part
        By name.
    """

    def __init__(self, kind: str, parts: dict[str, Part]) -> None:
        super().__init__(parts)
        self.kind = kind

    def __repr__(self) -> str:
        longest = max(map(len, self), default=0)
        return "\n".join(f"{name.ljust(longest)}  {_what(part)}" for name, part in self.items())

    def _repr_html_(self) -> str:
        # Quantities of one's own, and tasks, need not name a source.
        sourced = any(_source(part) for part in self.values())
        rows = [
            (name, _what(part), *([_source(part)] if sourced else []))
            for name, part in self.items()
        ]
        head = ("name", "what", *(["source"] if sourced else []))
        return heading(_plural(self.kind)) + table(rows, head)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def _plural(kind: str) -> str:
    return f"Known {kind.removeprefix('kind of ')}s".replace("ys", "ies")


def _what(part: Any) -> str:
    """Say what a part is: its summary, or the first line of its class's text."""
    text = getattr(part, "summary", None) or getattr(part, "__doc__", None) or ""
    return str(text).strip().partition("\n")[0]


def _source(part: Any) -> str:
    return str(getattr(part, "source", ""))
