"""How far a sweep is, read from its archive while another process may write it."""

import math
import os
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import commits, is_unfinished, load
from fatheory.errors import ArchiveError
from fatheory.sweep import labels as sweep_labels


@dataclass(frozen=True)
class SweepStatus:
    """How far a sweep is.

    Attributes
    ----------
    counts : dict of str to int
        How many cells are ``pending``, ``done``, ``diverged`` and ``failed``.
    finished : bool
        Whether the archive is complete. Cells that failed are tried again even then.
    batches_left : int
        How many batches of cells are still to come.
    time_left : float
        How long they will take at the pace so far, in seconds; NaN while there is none.
    """

    counts: dict[str, int]
    finished: bool
    batches_left: int
    time_left: float


def sweep_status(path: str | os.PathLike[str]) -> SweepStatus:
    """Read how far the sweep at `path` is. Nothing is written.

    Raises
    ------
    DamagedArchiveError
        If it is not as it was written.
    ArchiveError
        If there is no sweep.
    """
    stored = load_sweep(path)
    found = np.bincount(
        stored[sweep_labels.STATUS].values.ravel(), minlength=len(sweep_labels.STATUS_NAMES)
    )
    counts = {
        name: int(count) for name, count in zip(sweep_labels.STATUS_NAMES, found, strict=True)
    }
    if labels.ATTR_UNFINISHED not in stored.attrs:
        return SweepStatus(counts, True, 0, 0.0)
    if not is_unfinished(path):
        return sweep_status(path)  # it was finished meanwhile
    notes = commits(path)
    # Cells that were taken over, or could not be made, took no time and would flatter the pace.
    timed = [note for note in notes if note["cells"] and note["seconds"]]
    if not timed:
        return SweepStatus(counts, False, notes[-1]["left"] if notes else 0, math.nan)
    pace = sum(len(note["cells"]) for note in timed) / sum(note["seconds"] for note in timed)
    return SweepStatus(counts, False, notes[-1]["left"], counts["pending"] / pace)


def load_sweep(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read the archive of a sweep, as far as it is.

    Raises
    ------
    DamagedArchiveError
        If it is not as it was written.
    ArchiveError
        If there is none.
    """
    stored = load(path)
    if sweep_labels.ATTR_SWEEP not in stored.attrs:
        raise ArchiveError(
            f"{path} is an archive, and none of a sweep; see fatheory inspect {path}"
        )
    return stored
