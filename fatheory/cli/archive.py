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

ArchiveFolder = Annotated[Path, typer.Argument(help="The folder of an archive, finished or not.")]
DAMAGED = 1
"""Exit code of `check` where something is wrong."""
_NOUNS = {"run": "snapshots", "sweep": "cells"}


@archive.command()
def check(folder: ArchiveFolder) -> None:
    """Compare every file with what was written; exit code 1 if something is damaged."""
    from fatheory.archive import check as check_archive
    from fatheory.archive import load

    found = check_archive(folder)
    _report(found)
    if not found.whole:
        err.print(
            f"keep what is whole with: fatheory archive repair {folder}",
            soft_wrap=True,
        )
        raise typer.Exit(DAMAGED)
    # Its files were checked just now; this is whether they can be read together.
    load(folder, verify=False)
    out.print("as it was written")


@archive.command()
def repair(folder: ArchiveFolder) -> None:
    """Make a damaged archive readable again, with everything in it that is whole."""
    from fatheory.archive import repair as repair_archive

    found, kept = repair_archive(folder)
    _report(found)
    if found.whole:
        out.print("as it was written; nothing to repair")
    elif kept is None:
        out.print("repaired; nothing was lost")
    else:
        out.print(f"repaired; the damaged archive is kept as {kept}", soft_wrap=True)


@archive.command()
def export(
    folder: ArchiveFolder,
    file: Annotated[Path, typer.Argument(help="The NetCDF file to make.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
) -> None:
    """Write an archive as a NetCDF 4 file, for other tools."""
    from fatheory.archive import load, to_netcdf

    written = to_netcdf(load(folder), file, overwrite=overwrite)
    out.print(f"wrote {written}", soft_wrap=True)


def _report(found: "Integrity") -> None:
    """Print what there is and what is wrong with it."""
    what = f"{'unfinished ' if found.unfinished else ''}{found.kind}"
    if found.entries:
        noun = _NOUNS.get(found.kind, "entries")
        what += f": {len(found.intact)} of {len(found.entries)} {noun} whole"
    out.print(f"{found.folder}: {what}", soft_wrap=True)
    for problem in found.problems:
        out.print(f"  {problem}", soft_wrap=True)
    if found.lost_variables:
        out.print(f"  lost: {', '.join(found.lost_variables)}", soft_wrap=True)
