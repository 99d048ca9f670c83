"""Rows of the ledger in words: for a table, for one claim, and for the README."""

import math
from collections import Counter
from collections.abc import Sequence

from fatheory.claims.bound import Bound
from fatheory.claims.ledger import Row
from fatheory.claims.measured import Measured
from fatheory.claims.verdict import Verdict
from fatheory.errors import ClaimError

BEGIN = "<!-- begin: fatheory claims readme -->"
END = "<!-- end: fatheory claims readme -->"
LIST_HEAD = ("id", "paper", "measured", "seeds", "scale", "wanted", "verdict")


def number(value: float, unit: str = "") -> str:
    """Write a number to four digits with its unit."""
    if not math.isfinite(value):
        return "not a number"
    return f"{value:.4g} {unit}".strip()


def measured_text(measured: Measured | None, unit: str) -> str:
    """Write a measured number with its interval."""
    if measured is None:
        return "-"
    text = f"{measured.value:.4g}"
    if measured.has_interval:
        text += f" ({measured.lower:.4g} to {measured.upper:.4g})"
    return f"{text} {unit}".strip()


def list_row(row: Row) -> tuple[str, ...]:
    """Return the cells of a claim in the list, under `LIST_HEAD`."""
    bound, seen = row.bound, row.measured
    unit = bound.unit if bound else ""
    later = " (bound not older than the result)" if row.bound_is_later else ""
    return (
        row.id,
        "-" if bound is None or bound.paper is None else number(bound.paper, unit),
        measured_text(seen, unit),
        str(seen.seeds) if seen else "-",
        row.origin.scale if row.origin else "-",
        str(bound.reproduced) if bound else "-",
        f"{row.verdict}{later}",
    )


def summary(rows: Sequence[Row]) -> str:
    """Count the verdicts in a line."""
    counts = Counter(row.verdict for row in rows)
    return f"{len(rows)} claims: " + ", ".join(f"{counts[one]} {one}" for one in Verdict)


def problems(rows: Sequence[Row]) -> list[str]:
    """Return what is wrong with the ledger or its results, once each, with the claims it stops."""
    # One broken file stops many claims; told once each it would hide the other faults.
    stopped: dict[str, list[str]] = {}
    for row in rows:
        if row.problem:
            stopped.setdefault(row.problem, []).append(row.id)
    return [f"{problem} (claims: {', '.join(ids)})" for problem, ids in stopped.items()]


def details(row: Row) -> list[tuple[str, str]]:
    """Return everything known of a claim, as heads and texts."""
    entry = row.entry
    pairs = [
        ("claim", entry.claim),
        ("paper", f"{entry.paper}: {entry.place}"),
        ("verdict", f"{row.verdict}{f': {row.reason}' if row.reason else ''}"),
    ]
    if row.bound is not None:
        pairs += _of_bound(row.bound)
    if row.measured is not None and row.bound is not None:
        seen = row.measured
        text = f"{measured_text(seen, row.bound.unit)}, {seen.seeds} seeds"
        pairs.append(("measured", f"{text}{f', {seen.note}' if seen.note else ''}"))
    if row.origin is not None:
        made = row.origin
        pairs += [
            ("result", f"{made.path}, scale {made.scale}, of {made.created:%Y-%m-%d %H:%M}"),
            ("sha256", made.sha256),
            ("experiments", ", ".join(made.experiments)),
        ]
    if row.bound_is_later:
        pairs.append(("warning", "the bound is not shown to be older than the result"))
    if entry.note:
        pairs.append(("note", entry.note))
    if row.problem:
        pairs.append(("problem", row.problem))
    return pairs


def _of_bound(bound: Bound) -> list[tuple[str, str]]:
    decides = "the whole interval" if bound.by_interval else "the number"
    pairs = [
        ("measure", bound.what),
        ("reproduced", f"{decides} in: {bound.reproduced} {bound.unit}".rstrip()),
    ]
    if bound.paper is not None:
        pairs.append(("paper's number", number(bound.paper, bound.unit)))
    if bound.direction is not None:
        pairs.append(
            ("same direction", f"the whole interval in: {bound.direction} {bound.unit}".rstrip())
        )
    pairs.append(("because", bound.why))
    if bound.known:
        pairs.append(("known before", bound.known))
    where = f"{bound.fixed.path}{f', by {bound.fixed.text!r}' if bound.fixed.text else ''}"
    pairs.append(("fixed", f"{bound.fixed.date:%Y-%m-%d %H:%M} in {bound.fixed.commit}, {where}"))
    pairs += [
        ("moved later", f"{move.what} ({move.commit}, {move.path}); not followed here")
        for move in bound.moves
    ]
    return pairs


def readme_block(rows: Sequence[Row]) -> str:
    """Return the README's part on results.

    Counts of verdicts; with their numbers all claims for which the paper prints one, and all that
    are not reproduced; and what has not been run, by the reason.
    """
    lines = [
        BEGIN,
        f"{summary(rows)}.",
        "",
        "Measured claims for which the paper prints a number, and all that are not reproduced:",
        "",
        "| claim | paper, or bound | measured (95 % interval) | seeds | scale | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.measured is None or row.bound is None:
            continue
        if row.bound.paper is None and row.verdict is Verdict.REPRODUCED:
            continue
        _, paper, seen, seeds, scale, wanted, verdict = list_row(row)
        said = paper if row.bound.paper is not None else f"{wanted} {row.bound.unit}".rstrip()
        claim = f"`{row.id}`: {row.entry.claim.rstrip('.')}"
        lines.append(f"| {claim} | {said} | {seen} | {seeds} | {scale} | {verdict} |")
    waiting: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict is Verdict.NOT_RUN:
            waiting.setdefault(row.reason or row.problem, []).append(f"`{row.id}`")
    if waiting:
        lines += ["", "Not run:", ""]
    lines += [f"- {reason}: {', '.join(ids)}" for reason, ids in waiting.items()]
    return "\n".join([*lines, END])


def with_block(text: str, block: str) -> str:
    """Return a text with what stands between the marks replaced by the block.

    Raises
    ------
    ClaimError
        If the text lacks the marks.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ClaimError(f"the file must hold the lines {BEGIN!r} and {END!r}, in this order")
    return before + block + after
