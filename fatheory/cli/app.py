"""The command ``fatheory``: parse arguments, call one function, set the exit code."""

import os
import signal
import sys
import warnings
from typing import Annotated, NoReturn

import typer

import fatheory
from fatheory.cli.archive import archive
from fatheory.cli.console import INTERRUPTED, err
from fatheory.cli.data import data
from fatheory.cli.runs import compare, run, solve
from fatheory.cli.show import inspect, list_known
from fatheory.cli.sweep import sweep
from fatheory.cli.theory import theory
from fatheory.errors import FatheoryError

REFUSED = 1
"""Exit code when fatheory refuses; 2 is for wrong usage."""

app = typer.Typer(
    name="fatheory",
    help="Theory and simulation of feedback alignment, side by side.\n\n"
    "Begin with: fatheory list; fatheory run lillicrap2016/fig2 --out sim.zarr; "
    "fatheory solve lillicrap2016/fig2 --out theory.zarr; fatheory compare theory.zarr sim.zarr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_known)
app.command()(run)
app.command()(solve)
app.command()(compare)
app.command()(inspect)
app.add_typer(archive, name="archive")
app.add_typer(data, name="data")
app.add_typer(sweep, name="sweep")
app.add_typer(theory, name="theory")


def _version(wanted: bool | None) -> None:
    if wanted:
        typer.echo(f"fatheory {fatheory.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = None,
) -> None:
    del version


def _show_warning(message: Warning | str, *where: object, **more: object) -> None:
    """Show a warning as one message; the line of code that gave it is no news to a user."""
    del where, more
    err.print("[bold yellow]warning:[/]", end=" ")
    err.print(str(message), markup=False, soft_wrap=True)


def _refuse(message: str) -> NoReturn:
    # Markup in the message, such as [0], is meant literally.
    err.print("[bold red]error:[/]", end=" ")
    err.print(message, markup=False, emoji=False, soft_wrap=True)
    sys.exit(REFUSED)


def main() -> None:
    """Run the command line; refusals become one message and an exit code."""
    warnings.showwarning = _show_warning
    try:
        app()
    except FatheoryError as error:
        _refuse(str(error))
    except MemoryError as error:
        _refuse(f"not enough memory: {error}")
    except OSError as error:
        # Of archives and data our own errors tell; what is left is standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _refuse(f"could not write the output: {error}")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            # From here on once more is the system's affair, who does it without a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            err.print("interrupted; what was named above as stored is whole")
        raise
