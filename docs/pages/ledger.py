"""The ledger of claims: what the papers say, what is measured here, and the verdict."""

from collections import Counter
from pathlib import Path

from sphinx.application import Sphinx

from fatheory.claims import (
    LIAO,
    LILLICRAP,
    Results,
    Row,
    Verdict,
    ledger,
    own_folder,
    words,
)
from fatheory.errors import ClaimError
from fatheory.reproduction import write_report
from pages.markdown import code, literal, table

REPORT = "claims-report.html"


def ledger_pages(folder: Path) -> dict[str, str]:
    """Return the page of the ledger."""
    del folder
    rows = ledger(Results(own_folder()))
    wrong = words.problems(rows)
    if wrong:
        raise ClaimError("; ".join(wrong))
    return {"claims.md": _page(rows)}


def write_report_beside(app: Sphinx, failed: Exception | None) -> None:
    """Write the long form, with bounds and figures, beside the pages of a build that succeeded."""
    if failed is None and app.builder.format == "html":
        folder = own_folder()
        write_report(ledger(Results(folder)), folder, Path(app.outdir) / REPORT)


def _page(rows: list[Row]) -> str:
    counts = Counter(row.verdict for row in rows)
    total = table(
        ("verdict", "claims"), [(_verdict(one), str(counts[one])) for one in Verdict if counts[one]]
    )
    papers = "\n".join(_paper(paper, rows) for paper in (LILLICRAP, LIAO))
    return f"""# What the papers claim, and what is measured

Every claim of both papers has its place in the text, the bound that decides it with the commit that
fixed it, the number measured, and a verdict by rule. A number that differs from the paper's is not
reproduced for lying below a bound. Intervals are of 95 % confidence of the mean over seeds.

{total}
[The long form](../{REPORT}){{.external}} has bounds, origins and figures; `fatheory claims list`,
`show` and `report` print and write the same.

{papers}"""


def _paper(paper: str, rows: list[Row]) -> str:
    cells = [
        (
            f"{code(row.id)}<br>{literal(row.entry.claim)}",
            literal(words.list_row(row)[1]),
            literal(words.measured_text(row.measured, row.bound.unit if row.bound else "")),
            str(row.measured.seeds) if row.measured else "-",
            _verdict(row.verdict) + (f"<br>{literal(row.reason)}" if row.reason else ""),
        )
        for row in rows
        if row.entry.paper == paper
    ]
    heads = ("claim", "paper's number", "measured (95 % interval)", "seeds", "verdict")
    return f"## {literal(paper)}\n\n{table(heads, cells)}"


def _verdict(verdict: Verdict) -> str:
    kind = "-".join(verdict.replace(",", "").split())
    return f"<span class='verdict verdict-{kind}'>{verdict}</span>"
