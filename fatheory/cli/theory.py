"""The commands about the catalogue of theory: list, show."""

from typing import Annotated

import typer

from fatheory.cli.console import out, show_table

theory = typer.Typer(
    help="The catalogue of theory: every statement, its function and how it is verified.",
    no_args_is_help=True,
)
_ROOM = "fatheory.theory."


@theory.command("list")
def list_entries() -> None:
    """List the statements with the worst residual that the tests measured."""
    from fatheory.theory.statements import catalogue, residual_text, residuals

    measured = residuals()
    rows = [(e.id, residual_text(e, measured), e.function.removeprefix(_ROOM)) for e in catalogue()]
    show_table("Theory", ("id", "residual", f"function in {_ROOM.rstrip('.')}"), rows)


@theory.command()
def show(name: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")]) -> None:
    """Show one statement: in LaTeX, with its assumptions, source and verification."""
    from fatheory.theory.statements import find_entry, residual_text, residuals

    entry = find_entry(name)
    rows = [
        ("statement", entry.statement),
        ("holds for", entry.assumptions),
        ("source", entry.source),
        ("computed by", entry.function),
        ("verified by", entry.verified),
        ("worst residual", residual_text(entry, residuals())),
    ]
    for head, text in rows:
        out.print(head, style="bold")
        out.print(text, soft_wrap=True)
