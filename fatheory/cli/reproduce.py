"""The command ``reproduce``: a figure or table of a paper, computed or drawn again."""

from pathlib import Path
from typing import Annotated

import typer

from fatheory.cli.console import out, show_table


def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="PAPER/FIGURE", help="As --list shows it.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the figures and tables.")] = False,
    scale: Annotated[
        str | None,
        typer.Option(help="How large to compute: quick, which is the default, or paper."),
    ] = None,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Compute nothing; draw the stored result.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="Compute nothing; draw the data that an earlier run wrote.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where the files go (default: out/PAPER).")
    ] = None,
) -> None:
    """Compute and draw a figure or table of a paper, and check the paper's claims.

    Exit code 1 if a claim does not hold, 2 if the figure cannot be made.
    """
    if show or name is None:
        _list()
        return
    from fatheory.reproduction import find_script

    if data is not None:
        redraw = True
    if redraw and scale is not None:
        raise typer.BadParameter("a stored figure has its scale; leave out --scale or --redraw")
    arguments = [] if scale is None else ["--scale", scale]
    if redraw:
        arguments += ["--redraw"] if data is None else ["--redraw", str(data)]
    if folder is not None:
        arguments += ["--out", str(folder)]
    raise typer.Exit(find_script(name).run(arguments))


def _list() -> None:
    from fatheory.reproduction import figure_scripts

    rows = [
        (script.name, "yes" if script.results else "", script.title)
        for script in figure_scripts().values()
    ]
    show_table("Figures and tables of the papers", ("name", "stored", "what"), rows)
    out.print("\nfatheory reproduce NAME computes one; with --redraw the stored result is drawn.")
