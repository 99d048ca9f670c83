"""Arguments of scripts that also run as notebooks."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


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
    """Whether this process is the kernel of a notebook."""
    return "ipykernel" in sys.modules and Path(sys.argv[0]).name.startswith("ipykernel")


def beside_script(scope: Mapping[str, Any], name: str) -> Path:
    """Return a path beside the script whose ``globals()`` are given.

    In a notebook, which knows no file of its own, it is in the folder in which it runs.
    """
    here = scope.get("__file__")
    return (Path.cwd() if here is None else Path(here).parent) / name
