"""The commands about the catalogue of theory: list, show."""

from typing import Annotated

import typer

from fatheory.cli.console import out, show_table

theory = typer.Typer(
    help="The catalogue of theory: every statement, its function and how it is verified.",
    no_args_is_help=True,
)


@theory.command("list")
def list_entries() -> None:
    """List the statements with the worst residual that the tests measured."""
    from fatheory.theory import catalogue

    rows = [(entry.id, measured(entry.id), entry.function) for entry in catalogue.catalogue()]
    show_table("Theory", ("id", "worst residual", "function"), rows)


@theory.command()
def show(name: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")]) -> None:
    """Show one statement: in LaTeX, with its assumptions, source and verification."""
    from fatheory.theory import catalogue

    entry = catalogue.find_entry(name)
    rows = [
        ("statement", entry.statement),
        ("holds for", entry.assumptions),
        ("source", entry.source),
        ("computed by", entry.function),
        ("verified by", entry.verified),
        ("worst residual", measured(entry.id)),
    ]
    for head, text in rows:
        out.print(f"[bold]{head}[/]")
        out.print(text, markup=False, soft_wrap=True)


def measured(name: str) -> str:
    """Return the worst residual of an entry as the tests measured it."""
    from fatheory.theory import catalogue

    residuals = catalogue.residuals()
    return f"{residuals[name]:.1e}" if name in residuals else "not measured"
