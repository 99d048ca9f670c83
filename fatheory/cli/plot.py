"""The command that draws an archive: plot."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fatheory.cli import completion
from fatheory.cli.console import out
from fatheory.errors import FatheoryError, UnknownNameError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".pdf", ".svg")
_OF_RUNS = ("curves", "angles", "units", "rasters", "compare")
_OF_SWEEPS = ("lines", "heatmap")
_WITH_VARIABLE = ("curves", "lines", "heatmap", "compare")


def plot(
    archive: Annotated[Path, typer.Argument(help="The archive of a run or of a sweep.")],
    kind: Annotated[
        str | None,
        typer.Option(
            help="Of runs: curves, angles, units, rasters, compare; of sweeps: lines, heatmap.",
            show_default="curves; of sweeps heatmap, or lines along one axis",
            autocompletion=completion.among(*_OF_RUNS, *_OF_SWEEPS),
        ),
    ] = None,
    variable: Annotated[
        str | None,
        typer.Option(
            help="What is drawn by curves, compare, lines and heatmap; of angles: delta, weight.",
            show_default="loss",
            autocompletion=completion.variables_of_archive,
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            help="Draw this rule alone, by its label.",
            show_default="all",
            autocompletion=completion.rules_of_archive,
        ),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Draw this layer alone.", show_default="all")
    ] = None,
    theory: Annotated[
        Path | None,
        typer.Option(help="Of compare: the archive of theory, drawn over the simulation."),
    ] = None,
    out_path: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The image to make, .png, .pdf or .svg; one that is there is replaced.",
            show_default="./ARCHIVE-KIND-VARIABLE.png",
        ),
    ] = None,
) -> None:
    """Draw an archive: learning curves, angles, theory over simulation, sweeps."""
    image = _image_path(out_path)
    from fatheory.archive import load

    stored = load(archive)
    is_sweep = "status" in stored
    chosen = _kind(kind, stored, is_sweep)
    if (theory is not None) != (chosen == "compare"):
        raise FatheoryError(
            "--kind compare takes the archive of theory by --theory, and no other kind does"
        )
    figure = _drawn(chosen, stored, variable, rule, layer, theory)
    words = [archive.resolve().stem, chosen]
    if chosen in (*_WITH_VARIABLE, "angles") and (variable or chosen in _WITH_VARIABLE):
        words.append(variable or "loss")
    image = image or Path("-".join(words) + ".png")
    _write(figure, image)
    out.print(f"drew {image}", soft_wrap=True)


def _image_path(wanted: Path | None) -> Path | None:
    if wanted is not None and wanted.suffix.lower() not in _SUFFIXES:
        raise FatheoryError(f"images are {', '.join(_SUFFIXES)} files; got --out {str(wanted)!r}")
    return wanted


def _kind(asked: str | None, stored: "xr.Dataset", is_sweep: bool) -> str:
    """Choose what to draw, and refuse what the archive cannot be drawn as."""
    known = _OF_SWEEPS if is_sweep else _OF_RUNS
    if asked is None:
        if not is_sweep:
            return known[0]
        status = stored["status"]
        return "heatmap" if sum(n > 1 for n in status.sizes.values()) > 1 else "lines"
    if asked not in (*_OF_RUNS, *_OF_SWEEPS):
        raise UnknownNameError("kind of figure", asked, (*_OF_RUNS, *_OF_SWEEPS))
    if asked not in known:
        what = "a sweep" if is_sweep else "a run"
        raise FatheoryError(f"{asked} is not drawn of {what}; of one: {', '.join(known)}")
    return asked


def _drawn(
    kind: str,
    stored: "xr.Dataset",
    variable: str | None,
    rule: str | None,
    layer: int | None,
    theory: Path | None,
) -> "Figure":
    import matplotlib

    # Whatever is configured: the command line shows no windows.
    matplotlib.use("agg")
    import numpy as np

    from fatheory import plot as figures
    from fatheory.plot.values import selected

    points: dict[str, Any] = {"rule": rule, "layer": layer}
    points = {key: value for key, value in points.items() if value is not None}
    of: Any = variable
    named: dict[str, Any] = {} if variable is None else {"variable": variable}
    calls: dict[str, Callable[[], Any]] = {
        "curves": lambda: figures.curves(selected(stored, **points), **named),
        "angles": lambda: figures.angles(selected(stored, rule=rule), of, layer=layer),
        "units": lambda: figures.units(stored, rule=rule, layer=layer),
        "rasters": lambda: figures.rasters(stored, rule=rule, **_given(layer=layer)),
        "compare": lambda: figures.compare(_loaded(theory), selected(stored, **points), **named),
        "lines": lambda: figures.lines(stored, variable, points=points),
        "heatmap": lambda: figures.heatmap(stored, variable, points=points),
    }
    figure: Figure = np.ravel(calls[kind]())[0].figure
    return figure


def _loaded(path: Path | None) -> "xr.Dataset":
    from fatheory.archive import load

    assert path is not None  # checked with the kind
    return load(path)


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _write(figure: "Figure", path: Path) -> None:
    try:
        # Without its date the file depends on the data alone.
        # A date in the file would make it another one at every drawing.
        metadata = {"CreationDate": None} if path.suffix.lower() == ".pdf" else None
        figure.savefig(path, metadata=metadata)
    except OSError as error:
        raise FatheoryError(f"could not write {str(path)!r}: {error.strerror or error}") from error
