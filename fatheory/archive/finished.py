"""Whether a run has been carried out already."""

import os
from pathlib import Path

import xarray as xr

from fatheory import labels
from fatheory.archive import replacement
from fatheory.archive.growing import is_unfinished
from fatheory.archive.run_writer import ADVICE, refuse_another
from fatheory.archive.store import load
from fatheory.errors import ArchiveWriteError


def finished_run(
    path: str | os.PathLike[str], source: str, experiment_hash: str
) -> xr.Dataset | None:
    """Return the archive of a run that is done; None if there is none, or an unfinished one.

    Raises
    ------
    ArchiveWriteError
        If something else stands there.
    ArchiveError
        If it cannot be read.
    """
    target = Path(os.path.realpath(path))
    if not replacement.standing(target).exists() or is_unfinished(target):
        return None
    found = load(target)
    wanted = {labels.ATTR_SOURCE: source, labels.ATTR_HASH: experiment_hash}
    refuse_another(f"{target} holds another archive", found.attrs, wanted)
    for name in (labels.ATTR_REPAIRED, labels.ATTR_UNFINISHED):
        if name in found.attrs:
            raise ArchiveWriteError(
                f"{target} holds a part of this run ({name}: {found.attrs[name]}), which cannot be "
                f"continued; {ADVICE} to run it again"
            )
    return found
