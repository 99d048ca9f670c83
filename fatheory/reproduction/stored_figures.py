"""The figures whose results are stored, one after the other, for pages that show them all."""

import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from fatheory.archive import load_result
from fatheory.reproduction.origin import origin_note
from fatheory.reproduction.paper_figure import PaperFigure
from fatheory.reproduction.protocol import protocol_note
from fatheory.reproduction.scripts import figure_scripts


@dataclass(frozen=True)
class StoredFigure:
    """A figure of a paper whose result is stored.

    Attributes
    ----------
    name : str
        Paper and figure, such as ``"lillicrap2016/fig4"``.
    figure : PaperFigure
        How it is computed and drawn.
    """

    name: str
    figure: PaperFigure

    def data(self) -> xr.Dataset:
        """Return the stored data.

        Raises
        ------
        ArchiveError
            If they are not whole.
        """
        return load_result(self.figure.result)

    def draw(self) -> Figure:
        """Draw the stored data, in the style that is set."""
        return self.figure.drawn(self.data())

    @property
    def caption(self) -> str:
        """What it shows, by which protocol, and where its data come from."""
        data = self.data()
        said = ". ".join(filter(None, [self.figure.title.rstrip("."), protocol_note(data)]))
        return f"{said}; {origin_note(data)}"


def stored_figures(folder: Path) -> Iterator[StoredFigure]:
    """Yield the figures of a folder of papers that declare themselves and have a stored result.

    Parameters
    ----------
    folder : Path
        As `fatheory.claims.results_folder` returns it.
    """
    for script in figure_scripts(folder).values():
        # Run as a module and not as "__main__": the script declares its figure, and computes
        # nothing.
        figure = runpy.run_path(str(script.path)).get("FIGURE")
        if isinstance(figure, PaperFigure) and figure.result.exists():
            yield StoredFigure(script.name, figure)
