"""The command ``fatheory``: parse arguments, call one function, set the exit code."""

import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NoReturn

import typer
from typer import rich_utils

import fatheory
from fatheory.cli.archive import archive
from fatheory.cli.claims import claims
from fatheory.cli.console import INTERRUPTED, err
from fatheory.cli.data import data
from fatheory.cli.plot import plot
from fatheory.cli.reproduce import reproduce
from fatheory.cli.runs import Printing, compare, run, solve
from fatheory.cli.show import inspect, list_known
from fatheory.cli.sweep import sweep
from fatheory.cli.theory import theory
from fatheory.errors import DivergedWarning, FatheoryError, visible_lines

_WrongUsage: Any = typer.BadParameter.__mro__[2]
"""Click's ClickException, of the click that typer uses: some versions bring their own."""
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
app.command(cls=Printing)(run)
app.command()(solve)
app.command()(compare)
app.command()(inspect)
app.command()(plot)
app.command()(reproduce)
app.add_typer(archive, name="archive")
app.add_typer(claims, name="claims")
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
    err.print("warning:", end=" ", style="bold yellow")
    err.print(str(message), soft_wrap=True)


def _refuse(message: str) -> NoReturn:
    err.print("error:", end=" ", style="bold red")
    err.print(message, soft_wrap=True)
    sys.exit(REFUSED)


def _stop_at_once(kind: int, frame: object) -> None:
    """Leave at the last of several Ctrl-C, whatever is under way; archives survive it."""
    del kind, frame
    # A handler may run amid a `print`, whose buffer must not be entered twice.
    os.write(sys.stderr.fileno(), b"\ninterrupted; what was stored is whole\n")
    # Not `sys.exit`: that waits for threads, which is what the second Ctrl-C is against.
    os._exit(INTERRUPTED)


_WORD = b"\nstopping (seconds); what is stored is whole. Once more stops at once\n"


def _interrupted(kind: int, frame: object) -> None:
    """Raise KeyboardInterrupt once; the way out is not to be interrupted by another.

    SIGTERM, which clusters send, is Ctrl-C by another hand: it stops sweeps and solutions, too.
    """
    for own in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(own) is _interrupted:
            signal.signal(own, _stop_at_once)
    if kind == signal.SIGTERM:
        with suppress(OSError):
            os.write(2, _WORD)  # not through sys.stderr, which may be in the middle of a word
    signal.default_int_handler(kind, frame)  # type: ignore[arg-type]


@contextmanager
def _leaving_at_the_last_interrupt() -> Iterator[None]:
    """Let the Ctrl-C after the one that stops the command end the process, with no traceback.

    A run that is stored takes one before, as a wish to stop when everything is stored.
    """
    own = threading.current_thread() is threading.main_thread()
    # A script starts what it puts in the background with SIGINT ignored. So it stays, but SIGTERM,
    # which ends such a command, is heard all the same.
    known = (signal.default_int_handler, signal.SIG_IGN)
    if not own or signal.getsignal(signal.SIGINT) not in known:
        yield
        return
    former: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    taken = [kind for kind, handler in former.items() if signal.getsignal(kind) == handler]
    for kind in taken:
        signal.signal(kind, _interrupted)
    try:
        yield
    finally:
        # Once interrupted it stays, for the interpreter's own way out takes time, too.
        for kind in taken:
            if signal.getsignal(kind) is _interrupted:
                signal.signal(kind, former[kind])


def _told(error: OSError) -> str:
    """Say what could not be done, where, and why."""
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)!r}: {why}"
    # Of archives and data our own errors tell; what has no name is standard output.
    return f"could not write the output: {error}"


def _carry_out() -> None:
    """Parse the arguments and call the command; wrong usage quotes what was typed, visibly."""
    try:
        code = app(standalone_mode=False)
    except _WrongUsage as error:
        error.message = visible_lines(error.message)
        rich_utils.rich_format_error(error)
        code = error.exit_code
    sys.exit(code)  # of typer.Exit; commands return nothing, which is 0


def main() -> None:
    """Run the command line; refusals become one message and an exit code."""
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal, or a pipe, that lacks a letter shows its number.
            stream.reconfigure(errors="backslashreplace")
    # Python shows a warning once for a line of code; every run that diverged is news.
    warnings.filterwarnings("always", category=DivergedWarning)
    # Python hides these from users, as news for programmers; but names are typed here.
    warnings.filterwarnings("always", message=".* is called ", category=DeprecationWarning)
    try:
        with _leaving_at_the_last_interrupt():
            _carry_out()
    except FatheoryError as error:
        _refuse(str(error))
    except MemoryError as error:
        _refuse(f"not enough memory: {error}")
    except OSError as error:
        if error.filename is None:
            # Or the interpreter's last flush fails at the closed pipe again, and says so.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _refuse(_told(error))
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            # From here on once more is the system's affair, who does it without a traceback.
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
            err.print("interrupted; what was named above as stored is whole")
        raise
