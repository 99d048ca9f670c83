"""One statement of the theory, with what it rests on and what verifies it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A row of the catalogue of results.

    Attributes
    ----------
    id : str
        Short name, such as ``"reduction.flow"``; tests refer to it by the marker ``catalogue``.
    statement : str
        The result in LaTeX, without dollar signs.
    assumptions : str
        The regime in which it holds.
    source : str
        Paper and equation, or "derived for this project".
    function : str
        Dotted path of the function that computes it.
    verified : str
        The independent routes by which the tests check it.
    """

    id: str
    statement: str
    assumptions: str
    source: str
    function: str
    verified: str

    def _repr_markdown_(self) -> str:
        return (
            f"### {self.id}\n\n"
            f"$$\n{self.statement}\n$$\n\n"
            f"- Holds for: {_literal(self.assumptions)}.\n"
            f"- Source: {_literal(self.source)}.\n"
            f"- Computed by: `{self.function}`\n"
            f"- Verified by: {_literal(self.verified)}.\n"
        )


def _literal(prose: str) -> str:
    """Keep formulas in prose from being read as Markdown: x*, W_l, |W|."""
    # The backslash first, or those that mark the others would be marked themselves.
    for mark in "\\*_|":
        prose = prose.replace(mark, f"\\{mark}")
    return prose
