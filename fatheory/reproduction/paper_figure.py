"""A figure of a paper as a program: compute, store, check the claims, draw."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from fatheory import labels
from fatheory.archive import check_destination, load, load_result, save, store_result
from fatheory.archive.small_result import SUFFIX
from fatheory.claims import Claim, claims_dataset, claims_from_dataset, claims_table
from fatheory.errors import ArchiveError, FatheoryError, visible_lines
from fatheory.figures import save_figure, style
from fatheory.reproduction.arguments import in_kernel, script_arguments
from fatheory.reproduction.origin import origin_note, require_origin
from fatheory.reproduction.run_cache import RunCache, run_cache

REPRODUCED, NOT_REPRODUCED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all claims hold, one does not, fatheory refused (or wrong usage), Ctrl-C."""


@dataclass(frozen=True)
class PaperFigure:
    """How a figure or table of a paper is computed and drawn; `main` is its command line.

    Attributes
    ----------
    name : str
        Stem of the files written, such as ``"fig3ab"``.
    title : str
        What it shows, in a line.
    compute : callable
        From a scale, and where runs are kept, to the data to draw and the claims they decide. The
        data carry the attributes of `fatheory.reproduction.origin`. Long computations show their
        own progress. Beyond the default scale runs are kept beside the figure's data, and a
        computation that was interrupted goes on from there.
    draw : callable
        From the data, as stored and read back, to the figure. It computes nothing.
    folder : Path
        Where its files go unless ``--out`` says otherwise.
    results : Path
        Folder of stored results, beside the script.
    scales : tuple of str
        The sizes at which `compute` works, the default first and the paper's last.
    table : callable, optional
        From the data to a text that is printed above the claims.
    check : callable, optional
        From stored data to the claims they decide by today's bounds, which a redrawing shows. Left
        out, it shows the claims as they were stored.
    """

    name: str
    title: str
    compute: Callable[[str, RunCache], tuple[xr.Dataset, Sequence[Claim]]]
    draw: Callable[[xr.Dataset], Figure]
    folder: Path
    results: Path
    scales: tuple[str, ...] = ("quick", "paper")
    table: Callable[[xr.Dataset], str] | None = None
    check: Callable[[xr.Dataset], Sequence[Claim]] | None = None

    @property
    def result(self) -> Path:
        """The file of the stored result."""
        return self.results / f"{self.name}{SUFFIX}"

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Run the command line and return the exit code.

        Data that were computed are stored before anything else can fail. A claim that is not
        reproduced is a result: it is printed, stored and drawn like the others.

        Parameters
        ----------
        argv : sequence of str, optional
            The arguments; those of the process when left out.

        Returns
        -------
        int
            0 if all claims hold, 1 if one does not, 2 if fatheory refused, 130 after Ctrl-C.
        """
        options = script_arguments(self._parser(), argv)
        try:
            return self._run(options)
        except FatheoryError as error:
            print(f"error: {visible_lines(str(error))}", file=sys.stderr)
            return REFUSED
        # No traceback: Ctrl-C is an answer, and runs that are kept go on at the next call.
        except KeyboardInterrupt:
            print("interrupted; what was named above as stored is whole", file=sys.stderr)
            return INTERRUPTED

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(description=self.title)
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            "--scale",
            choices=self.scales,
            default=self.scales[0],
            help="how large to compute (default: %(default)s)",
        )
        source.add_argument(
            "--redraw",
            nargs="?",
            type=Path,
            const=self.result,
            metavar="DATA",
            help="compute nothing; draw the stored result, or the data that an earlier run wrote",
        )
        parser.add_argument(
            "--out",
            type=Path,
            default=self.folder,
            metavar="DIR",
            help="where the files go (default: %(default)s)",
        )
        parser.add_argument(
            "--store", action="store_true", help=f"also store the data as {self.result.name}"
        )
        return parser

    def _run(self, options: argparse.Namespace) -> int:
        began = time.perf_counter()
        if options.redraw is None:
            data = self._computed(options.scale, options.out)
        else:
            data = self._stored(options.redraw)
            print(f"{visible_lines(str(options.redraw))}: {visible_lines(origin_note(data))}\n")
        claims = claims_from_dataset(data)
        if options.redraw is not None:
            claims = self._checked_again(data, claims)
        if self.table:
            print(f"{visible_lines(self.table(data))}\n")
        # Flushed, so that the table is seen whatever becomes of the drawing.
        print(visible_lines(claims_table(claims)), flush=True)
        written = self._drawn(data, options.out / self.name)
        if options.store:
            require_origin(data)
            written.append(store_result(data, self.result))
        names = ", ".join(str(path) for path in written)
        redrawn = "" if options.redraw is None else " to draw"
        print(f"\n{time.perf_counter() - began:.1f} s{redrawn}; wrote {names}")
        return REPRODUCED if all(claim.holds for claim in claims) else NOT_REPRODUCED

    def _computed(self, scale: str, folder: Path) -> xr.Dataset:
        """Compute, store, and return what was stored: a redrawing sees the same data."""
        path = folder / f"{self.name}.zarr"
        # Before computing: an hour of training must not end at a folder that cannot be written.
        check_destination(path, overwrite=True)
        # The quick scale takes minutes, so it is always computed anew, and leaves nothing behind.
        runs = None if scale == self.scales[0] else folder / f"{self.name}-runs"
        if runs is not None:
            print(f"runs are kept in {runs} and continued there", flush=True)
        began = time.perf_counter()
        computed, claims = self.compute(scale, run_cache(runs))
        took = time.perf_counter() - began
        data = computed.merge(claims_dataset(claims))
        data.attrs = computed.attrs | {
            labels.ATTR_FIGURE: self.name,
            labels.ATTR_SCALE: scale,
            # Runs that were continued took longer than this process.
            labels.ATTR_WALL_TIME: max(took, computed.attrs.get(labels.ATTR_WALL_TIME, 0.0)),
        }
        # Stored before the origin is checked: what a mistake in the script leaves out can be mended
        # by hand, the computing cannot.
        save(data, path, overwrite=True)
        print(f"stored {path}\n", flush=True)
        require_origin(data)
        # Read back, since what cannot be stored as it is would otherwise be seen by the first
        # drawing alone.
        return load(path)

    def _stored(self, path: Path) -> xr.Dataset:
        if path == self.result and not path.exists():
            raise ArchiveError(
                f"there is no stored result {path}; make it with: "
                f"python {sys.argv[0]} --scale {self.scales[-1]} --store"
            )
        data = load_result(path) if path.is_file() else load(path)
        found = data.attrs.get(labels.ATTR_FIGURE)
        if found != self.name:
            raise ArchiveError(
                f"{path} must hold the data of {self.name!r}; its attribute "
                f"{labels.ATTR_FIGURE!r} is {found!r}; pass what this script wrote, "
                f"{self.name}.zarr or {self.result.name}"
            )
        return data

    def drawn(self, data: xr.Dataset) -> Figure:
        """Draw, and say at which scale the data were computed."""
        figure = self.draw(data)
        scale = data.attrs.get(labels.ATTR_SCALE)
        if scale is not None:
            # On the picture itself, which travels without its caption: a quick run must not pass
            # for the paper's.
            said = figure.get_suptitle()
            figure.suptitle(f"{said}{'. ' if said else ''}Scale: {scale}", fontsize=9)
        return figure

    def _checked_again(self, data: xr.Dataset, stored: list[Claim]) -> list[Claim]:
        """Return the claims by today's bounds, where the data hold what these need."""
        if self.check is None:
            return stored
        try:
            return list(self.check(data))
        # Bounds that were added since ask for variables that an older file never had.
        except (KeyError, ValueError) as lacking:
            print(f"bounds as they were when computed; today's need more: {lacking}\n")
            return stored

    def _drawn(self, data: xr.Dataset, stem: Path) -> list[Path]:
        with style():
            figure = self.drawn(data)
            written = save_figure(figure, stem)
        if not in_kernel():
            # A notebook shows what is open when a cell ends, and closes it.
            plt.close(figure)
        return written
