"""The commands about archives: check, repair, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fatheory.cli.console import err, out

if TYPE_CHECKING:
    from fatheory.archive import Integrity

archive = typer.Typer(
    help="Archives on disk: check them, repair them, export them.", no_args_is_help=True
)

Place = Annotated[Path, typer.Argument(help="The folder of an archive, finished or not.")]
DAMAGED = 1
"""Exit code of `check` where something is wrong."""
_NOUNS = {"run": "snapshots", "sweep": "cells"}


@archive.command()
def check(place: Place) -> None:
    """Compare every file with what was written; exit code 1 if something is damaged."""
    from fatheory.archive import check as check_archive
    from fatheory.archive import load

    health = check_archive(place)
    _report(health)
    if not health.whole:
        err.print(
            f"keep what is whole with: fatheory archive repair {place}",
            soft_wrap=True,
        )
        raise typer.Exit(DAMAGED)
    # Its files were checked just now; this is whether they can be read together.
    load(place, verify=False)
    out.print("as it was written")


@archive.command()
def repair(place: Place) -> None:
    """Make a damaged archive readable again, with everything in it that is whole."""
    from fatheory.archive import repair as repair_archive

    health, kept = repair_archive(place)
    _report(health)
    if health.whole:
        out.print("as it was written; nothing to repair")
    elif kept is None:
        out.print("repaired; nothing was lost")
    else:
        out.print(f"repaired; the damaged archive is kept as {kept}", soft_wrap=True)


@archive.command()
def export(
    place: Place,
    file: Annotated[Path, typer.Argument(help="The NetCDF file to make.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
) -> None:
    """Write an archive as a NetCDF 4 file, for other tools."""
    from fatheory.archive import load, to_netcdf

    written = to_netcdf(load(place), file, overwrite=overwrite)
    out.print(f"wrote {written}", soft_wrap=True)


def _report(health: "Integrity") -> None:
    """Print what there is and what is wrong with it."""
    what = f"{'unfinished ' if health.unfinished else ''}{health.kind}"
    if health.entries:
        noun = _NOUNS.get(health.kind, "entries")
        what += f": {len(health.intact)} of {len(health.entries)} {noun} whole"
    out.print(f"{health.folder}: {what}", soft_wrap=True)
    for problem in health.problems:
        out.print(f"  {problem}", soft_wrap=True)
    if health.lost_variables:
        out.print(f"  lost: {', '.join(health.lost_variables)}", soft_wrap=True)
