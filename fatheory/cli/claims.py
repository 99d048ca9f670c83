"""The commands about the papers' claims: list, show, report, readme."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fatheory.cli.console import err, out

if TYPE_CHECKING:
    from fatheory.claims import Row

claims = typer.Typer(
    help="The papers' claims: bounds, measured numbers, verdicts.", no_args_is_help=True
)

Folder = Annotated[
    Path | None,
    typer.Option("--results", help="The folder paper_figs of a checkout; found by itself in one."),
]
WRONG = 1
"""Exit code where a result or an entry cannot be used; verdicts do not change it."""


@claims.command("list")
def list_claims(
    verdict: Annotated[
        str | None, typer.Option("--verdict", help="Only claims whose verdict begins so.")
    ] = None,
    results: Folder = None,
) -> None:
    """List all claims with their numbers and verdicts; exit code 1 if a result cannot be used."""
    from fatheory.claims import aligned, words

    rows = _rows(results)
    chosen = [row for row in rows if row.verdict.startswith(verdict or "")]
    table = [words.LIST_HEAD, *map(words.list_row, chosen)]
    if out.is_terminal and out.width < max(map(len, aligned(table).splitlines())):
        _print_narrow(table)
    else:
        # Lines as long as they are: other programs read them line by line.
        out.print(aligned(table), soft_wrap=True)
    out.print()
    out.print(words.summary(rows), soft_wrap=True)
    _leave_if_wrong(rows)


@claims.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")],
    results: Folder = None,
) -> None:
    """Show one claim: its place, bound, number, result and verdict."""
    from fatheory.claims import Results, find_entry, ledger, results_folder, words

    entry = find_entry(name)
    (row,) = ledger(Results(results_folder(results)), [entry])
    for head, text in words.details(row):
        out.print(head, style="bold")
        out.print(text, soft_wrap=True)
    _leave_if_wrong([row])


@claims.command()
def report(
    file: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path(
        "out/claims.html"
    ),
    results: Folder = None,
) -> None:
    """Write the ledger as one page with figures, which needs no other file."""
    from fatheory.claims import Results, ledger, results_folder
    from fatheory.reproduction import write_report

    folder = results_folder(results)
    rows = ledger(Results(folder))
    written = write_report(rows, folder, file)
    out.print(f"wrote {written}", soft_wrap=True)
    _leave_if_wrong(rows)


@claims.command()
def readme(
    file: Annotated[Path, typer.Argument(help="The file with the marks to write between.")] = Path(
        "README.md"
    ),
    check: Annotated[bool, typer.Option("--check", help="Only say whether it differs.")] = False,
    results: Folder = None,
) -> None:
    """Write the measured numbers into the README; with --check exit code 1 if they differ."""
    from fatheory.claims import words

    rows = _rows(results)
    _leave_if_wrong(rows)
    text = file.read_text(encoding="utf-8")
    new = words.with_block(text, words.readme_block(rows))
    if check and new != text:
        err.print(
            f"{file} differs from the ledger; write it with: fatheory claims readme {file}",
            soft_wrap=True,
        )
        raise typer.Exit(WRONG)
    if not check:
        file.write_text(new, encoding="utf-8")
        out.print(f"wrote {file}", soft_wrap=True)


def _print_narrow(table: "list[tuple[str, ...]]") -> None:
    """Print a claim on two lines where one is too long: ids are copied, and must not fold."""
    head, *rows = table
    for row in rows:
        said = (f"{name} {text}" for name, text in zip(head[1:-1], row[1:-1], strict=True)
                if text != "-")  # fmt: skip
        out.print(row[0], style="bold")
        out.print(f"  {row[-1]}" + "".join(f"; {text}" for text in said))


def _rows(folder: Path | None) -> "list[Row]":
    from fatheory.claims import Results, ledger, results_folder

    return ledger(Results(results_folder(folder)))


def _leave_if_wrong(rows: "list[Row]") -> None:
    """Name what cannot be used, and leave with an exit code that says so."""
    from fatheory.claims import words

    found = words.problems(rows)
    for problem in found:
        err.print("error:", end=" ", style="bold red")
        err.print(problem, soft_wrap=True)
    if found:
        raise typer.Exit(WRONG)
