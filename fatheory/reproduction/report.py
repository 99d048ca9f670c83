"""The ledger of claims as one page: every claim, and the figures drawn from stored results."""

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fatheory.archive import replacement
from fatheory.claims import LIAO, LILLICRAP, Row, Verdict, words
from fatheory.errors import ArchiveError
from fatheory.figures import style
from fatheory.reproduction.stored_figures import stored_figures

COLOURS = {
    Verdict.REPRODUCED: "#1b7837",
    Verdict.OTHER_NUMBER: "#b8860b",
    Verdict.NOT_REPRODUCED: "#b2182b",
    Verdict.NOT_DECIDABLE: "#555555",
    Verdict.NOT_RUN: "#888888",
}
_DPI = 100
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem;
  color: #222; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; padding: .35rem .5rem; text-align: left;
  vertical-align: top; }
th { position: sticky; top: 0; background: #fff; }
tr:target { background: #fffbe0; }
code { font-size: 12px; }
.verdict { color: #fff; border-radius: .3rem; padding: .1rem .45rem; white-space: nowrap;
  display: inline-block; }
.small { color: #666; font-size: 12px; overflow-wrap: anywhere; }
img { max-width: 100%; }
figure { margin: 1.5rem 0 2.5rem; }
figcaption { color: #444; font-size: 13px; }
.wrong { border: 2px solid #b2182b; padding: .5rem 1rem; }
"""


def write_report(rows: Sequence[Row], folder: Path, target: Path) -> Path:
    """Write the ledger as one HTML page that needs no other file.

    Parameters
    ----------
    rows : sequence of Row
        From `fatheory.claims.ledger`.
    folder : Path
        The folder with the figures' scripts and results, whose figures are drawn.
    target : Path
        The page; its folder is made.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ArchiveWriteError
        If the page cannot be written.
    """
    page = report_page(rows, folder)
    # Whole or not at all: a reader of the page never sees half of it.
    with replacement.writing(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
        replacement.publish_file(temporary, target)
    return target


def report_page(rows: Sequence[Row], folder: Path) -> str:
    """Return the page's text; see `write_report`."""
    wrong = "".join(f"<li>{escape(problem)}</li>" for problem in words.problems(rows))
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>Claims of two papers, measured</title><style>{_STYLE}</style></head><body>",
        "<h1>What two papers claim, and what is measured here</h1>",
        f"<p>{escape(words.summary(rows))}.</p>",
        f"<div class='wrong'><b>Cannot be used:</b><ul>{wrong}</ul></div>" if wrong else "",
        _rules(),
        _overview(rows),
        _moved(rows),
        *(_section(paper, rows) for paper in (LILLICRAP, LIAO)),
        "<h2>Figures, drawn from the stored results</h2>",
        *_figures(folder),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _rules() -> str:
    meanings = {
        Verdict.REPRODUCED: "the number lies in the range that was fixed; where the paper prints a "
        "number, that is this number and a tolerance",
        Verdict.OTHER_NUMBER: "not so, but the whole interval lies on the claim's side",
        Verdict.NOT_REPRODUCED: "neither",
        Verdict.NOT_DECIDABLE: "no run of ours can decide the claim; the reason is given",
        Verdict.NOT_RUN: "what would decide it has not been run; the reason is given",
    }
    items = "".join(f"<li>{_badge(one)} {escape(text)}</li>" for one, text in meanings.items())
    return (
        f"<h2>How verdicts are given</h2><ul>{items}</ul><p>Intervals are of 95 % confidence of "
        "the mean over seeds. Bounds are judged as they were first committed, also where a script "
        "moved them later. A bound of no earlier date than the result it judges is marked.</p>"
    )


def _overview(rows: Sequence[Row]) -> str:
    """Draw the numbers that the paper prints beside those measured."""
    shown = [row for row in rows if row.measured and row.bound and row.bound.paper is not None]
    if not shown:
        return ""
    with style():
        figure, axes = plt.subplots(figsize=(9, 1.2 + 0.5 * len(shown)))
        for place, row in enumerate(reversed(shown)):
            _draw_beside_paper(row, place, axes)
        axes.set_yticks(range(len(shown)), [row.id for row in reversed(shown)])
        axes.axvline(0, color="0.4", linewidth=0.8, linestyle=":")
        axes.set(xlabel="measured minus the paper's number, in units of that number's tolerance")
        low, high = axes.get_xlim()
        # Differences have both signs and span decades; symlog is linear around zero, where
        # agreement shows.
        axes.set(xlim=(min(low, -2), max(high, 2)), xscale="symlog")
        axes.set_ylim(-0.6, len(shown) - 0.4)
        image = _image(figure, "measured numbers beside the paper's")
    caption = "Bands: what counts as the paper's number. Bars: 95 % intervals over seeds."
    head = "<h2>Numbers that the papers print</h2>"
    return f"{head}<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _draw_beside_paper(row: Row, place: int, axes: Axes) -> None:
    assert row.bound is not None
    assert row.bound.paper is not None
    assert row.measured is not None
    paper, wanted, seen = row.bound.paper, row.bound.reproduced, row.measured
    unit = (wanted.high - wanted.low) / 2
    axes.barh(place, 2, 0.5, (wanted.low - paper) / unit, color="0.88")
    colour = COLOURS[row.verdict]
    at = (seen.value - paper) / unit
    if seen.has_interval:
        ends = np.array([[seen.value - seen.lower], [seen.upper - seen.value]]) / unit
        axes.errorbar(at, place, xerr=ends, color=colour, capsize=3)
    axes.plot(at, place, "o", color=colour)


def _moved(rows: Sequence[Row]) -> str:
    """List the bounds that scripts moved after a result was seen."""
    moves = {move: None for row in rows if row.bound for move in row.bound.moves}
    items = "".join(
        f"<li>{escape(move.what)} (<code>{escape(move.commit)}</code>, "
        f"<code>{escape(move.path)}</code>; {escape(', '.join(move.claims))})</li>"
        for move in moves
    )
    if not items:
        return ""
    return f"<h2>Bounds that scripts moved after a result was seen</h2><ul>{items}</ul>"


def _section(paper: str, rows: Sequence[Row]) -> str:
    body = "".join(_row(row) for row in rows if row.entry.paper == paper)
    heads = "".join(
        f"<th>{head}</th>" for head in ("claim", "bound", "measured", "result", "verdict")
    )
    return f"<h2>{escape(paper)}</h2><table><tr>{heads}</tr>{body}</table>"


def _row(row: Row) -> str:
    pairs = words.details(row)
    first = {head: text for head, text in pairs if head != "moved later"}
    moved = "".join(f"; moved later: {text}" for head, text in pairs if head == "moved later")

    def small(*heads: str) -> str:
        return "".join(_small(f"{head}: {first[head]}") for head in heads if head in first)

    bound = row.bound
    cells = (
        f"<code>{escape(row.id)}</code><br>{escape(row.entry.claim)}"
        f"{_small(row.entry.place)}{small('note')}",
        (escape(bound.what) + "<br>" if bound else "")
        + small("paper's number", "reproduced", "same direction", "because", "known before")
        + (_small(f"fixed: {first['fixed']}{moved}") if bound else ""),
        escape(first.get("measured", "-")),
        small("result", "sha256", "experiments") or "-",
        f"{_badge(row.verdict)}{_small(row.reason)}{small('warning', 'problem')}",
    )
    return f"<tr id='{escape(row.id)}'>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _small(text: str) -> str:
    return f"<div class='small'>{escape(text)}</div>"


def _badge(verdict: Verdict) -> str:
    return f"<span class='verdict' style='background:{COLOURS[verdict]}'>{escape(verdict)}</span>"


def _figures(folder: Path) -> Iterator[str]:
    """Draw every figure whose result is stored, by its script."""
    for stored in stored_figures(folder):
        try:
            with style():
                image = _image(stored.draw(), stored.figure.title)
        except ArchiveError as error:
            yield f"<figure class='wrong'>{escape(str(error))}</figure>"
            continue
        yield (
            f"<h3>{escape(stored.figure.name)}</h3><figure>{image}"
            f"<figcaption>{escape(stored.caption)}</figcaption></figure>"
        )


def _image(figure: Figure, alt: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    # Dozens of figures are drawn in one process, and pyplot keeps every one that is not closed.
    plt.close(figure)
    # Within the page, so that one file can be sent and opened anywhere.
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"<img alt='{escape(alt, quote=True)}' src='data:image/png;base64,{data}'>"
