"""Arguments and exit codes of scripts that also run as notebooks."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_LAUNCHERS = {"ipykernel_launcher", "colab_kernel_launcher"}


def script_arguments(
    parser: argparse.ArgumentParser, given: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read a script's arguments from the command line; in a notebook all have their defaults.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        What the script takes. Everything needs a default.
    given : sequence of str, optional
        Arguments in the place of the command line's.
    """
    if given is None and in_kernel():
        # A kernel's command line is Jupyter's, and no word to the script.
        given = []
    return parser.parse_args(given)


def in_kernel() -> bool:
    """Whether what runs is a cell of a notebook, whose process has Jupyter's command line.

    A script that a cell starts by ``%run script.py --option`` has a command line of its own.
    """
    launcher = Path(sys.argv[0] if sys.argv else "")
    as_module = launcher.name == "__main__.py" and launcher.parent.name == "ipykernel"
    # Both are asked: scripts may import ipykernel, and a file may be called like a launcher.
    return "ipykernel" in sys.modules and (launcher.stem in _LAUNCHERS or as_module)


def leave(code: int) -> None:
    """End a script with an exit code; a notebook goes on.

    Parameters
    ----------
    code : int
        0 for success. What is not is printed in a notebook, where leaving would be a traceback.
    """
    if not in_kernel():
        # In a notebook this would print a traceback for a figure that is done.
        sys.exit(code)
    if code:
        print(f"exit code {code}")


def beside_script(scope: Mapping[str, Any], name: str) -> Path:
    """Return a path beside the script whose ``globals()`` are given.

    In a notebook, which knows no file of its own, it is in the folder in which it runs.
    """
    here = scope.get("__file__")
    return (Path.cwd() if here is None else Path(here).parent) / name
