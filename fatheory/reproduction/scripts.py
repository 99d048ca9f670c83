"""The scripts of the papers' figures and tables by name, in a checkout and in an installation."""

import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fatheory.archive.small_result import SUFFIX
from fatheory.claims import own_folder
from fatheory.errors import UnknownNameError


@dataclass(frozen=True)
class FigureScript:
    """A script that computes and draws a figure or table of a paper.

    Attributes
    ----------
    name : str
        Paper and figure, such as ``"lillicrap2016/fig2"``.
    path : Path
        The file, which also runs on its own.
    """

    name: str
    path: Path

    @property
    def title(self) -> str:
        """What the figure shows: the heading that the script opens with."""
        return self.path.read_text(encoding="utf-8").partition("\n# # ")[2].partition("\n")[0]

    @property
    def results(self) -> list[Path]:
        """The files of stored results that it draws: its own, or those of its panels; or none."""
        folder = self.path.parent / "results"
        own = folder / f"{self.path.stem}{SUFFIX}"
        return [own] if own.exists() else sorted(folder.glob(f"{self.path.stem}[a-z]{SUFFIX}"))

    def run(self, arguments: Sequence[str] = ()) -> int:
        """Run the script as its own command line would, and return its exit code.

        Parameters
        ----------
        arguments : sequence of str
            Such as ``["--redraw"]``; the script's ``--help`` lists them.

        Returns
        -------
        int
            0 if all claims hold, 1 if one does not, 2 if it refused, 130 after Ctrl-C.
        """
        with _command_line([str(self.path), *arguments]):
            try:
                # In this process, which has imported JAX already.
                runpy.run_path(str(self.path), run_name="__main__")
            except SystemExit as left:
                # As Python has it: no code is success, and a text is failure.
                return left.code if isinstance(left.code, int) else int(left.code is not None)
        return 0


def figure_scripts(folder: Path | None = None) -> dict[str, FigureScript]:
    """Return the scripts of all figures and tables, by name.

    Parameters
    ----------
    folder : Path, optional
        Holds a folder for every paper. Left out, what came with the package: ``paper_figs`` of a
        checkout, or its copy in an installation.

    Raises
    ------
    ClaimError
        If no scripts came with the package.

    Examples
    --------
    >>> figure_scripts()["lillicrap2016/fig2"].title
    'Fig. 2 of Lillicrap et al. 2016: feedback alignment learns a linear function'
    """
    found = sorted((own_folder() if folder is None else folder).glob("*/*.py"))
    scripts = [FigureScript(f"{path.parent.name}/{path.stem}", path) for path in found]
    return {script.name: script for script in scripts}


def find_script(name: str) -> FigureScript:
    """Return the script of this name.

    Raises
    ------
    UnknownNameError
        If there is none; the message lists all.
    """
    scripts = figure_scripts()
    if name not in scripts:
        raise UnknownNameError("figure or table", name, scripts)
    return scripts[name]


@contextmanager
def _command_line(argv: list[str]) -> Iterator[None]:
    """Let a script find its own command line."""
    before = sys.argv
    sys.argv = argv
    try:
        yield
    finally:
        sys.argv = before
