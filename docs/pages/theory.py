"""The theory, statement by statement: rendered from the catalogue, one page for every part."""

import re
from pathlib import Path

from fatheory.theory.statements import Entry, residual_text, residuals
from fatheory.theory.statements.collect import PARTS
from pages.links import homes
from pages.markdown import literal, table


def theory_pages(folder: Path) -> dict[str, str]:
    """Return the pages of the theory."""
    del folder
    names = {title: f"theory-{re.sub(r'[^a-z0-9]+', '-', title.lower())}" for title in PARTS}
    pages = {f"{names[title]}.md": _part(title) for title in PARTS}
    return pages | {"theory.md": _overview(names)}


def _overview(names: dict[str, str]) -> str:
    measured = residuals()
    entries = sum(map(len, PARTS.values()))
    worst = [
        (
            f"[{title}]({names[title]}.md)",
            str(len(part)),
            f"{max(measured[entry.id] for entry in part):.1e}",
        )
        for title, part in PARTS.items()
    ]
    listed = "\n".join(names.values())
    return f"""# Theory

{entries} statements. Each is computed by the function that stands with it, and verified by
independent routes in the tests: a closed form against an ODE, an ODE against training, all against
loops written out. The residual is the worst that these tests measured, in double precision;
relative or absolute as the test says, 0 for a proof by SymPy. Time is learning rate times step.
Derivations are in the docstrings of the functions.

`fatheory theory list` and `fatheory theory show ID` print the same.

{table(("part", "statements", "worst residual"), worst)}
```{{toctree}}
:hidden:

{listed}
```
"""


def _part(title: str) -> str:
    measured = residuals()
    return "\n".join([f"# {title}\n", *(_entry(entry, measured) for entry in PARTS[title])])


def _entry(entry: Entry, measured: dict[str, float]) -> str:
    function = homes().get(entry.function, entry.function)
    return f"""({entry.id})=
## {literal(entry.id)}

$$
{entry.statement}
$$

Holds for
: {literal(entry.assumptions)}.

Source
: {literal(entry.source)}.

Computed by
: {{py:obj}}`{entry.function} <{function}>`

Verified by
: {literal(entry.verified)}.

Worst residual
: {residual_text(entry, measured)}
"""
