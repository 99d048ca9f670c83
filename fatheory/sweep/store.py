"""A sweep's archive: begun, gone on with, or begun with what that of another sweep holds."""

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import (
    SWEEP,
    AppendableArchive,
    Closing,
    WriterLock,
    check_free,
    commits,
    is_unfinished,
    joined_origin,
    load,
    publish_folder,
    recover,
    writing,
)
from fatheory.errors import ArchiveWriteError
from fatheory.sweep import labels as sweep_labels
from fatheory.sweep.cell import Cell
from fatheory.sweep.description import SweepDescription
from fatheory.sweep.disk import require_disk
from fatheory.sweep.grid import Grid, coordinates_of
from fatheory.sweep.plan import Batch, Plan, rows
from fatheory.sweep.result import Result
from fatheory.train.stored import completed

_FINISHED = (sweep_labels.DONE, sweep_labels.DIVERGED)
"""What is never computed again."""


class SweepStore(Closing):
    """The one writer of a sweep's archive. A context manager.

    Parameters
    ----------
    grid : Grid
        What the archive holds.
    planned : Plan
        How the sweep is carried out.
    archive : AppendableArchive
        Where it grows.
    renamed : mapping of str to str, optional
        From content hashes that an earlier version gave to those that the experiments have now.
    """

    def __init__(
        self,
        grid: Grid,
        planned: Plan,
        archive: AppendableArchive,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        self._grid, self._planned, self._archive = grid, planned, archive
        self._renamed = renamed or {}
        self._known = set(self._noted("cells"))
        self._leading = len(archive.along)
        self._rows = rows(grid.cells, math.prod(grid.sweep.shape[self._leading :]))
        self._rows_of: dict[str, list[int]] = {}
        for i, row in enumerate(self._rows):
            for content_hash in {cell.content_hash for cell in row}:
                self._rows_of.setdefault(content_hash, []).append(i)
        # Of equal cells the first is carried out, and its order of rules is that of the values.
        self._experiments = {cell.content_hash: cell.experiment for cell in reversed(grid.cells)}
        self._since = time.perf_counter()
        # Of cells that are no experiments nothing is ever carried out that would write them.
        if not archive.notes:
            for row in self._rows:
                if all(cell.experiment is None for cell in row):
                    self._write(row, {})
            self._add({}, 0.0)

    @classmethod
    def at(cls, path: Path, grid: Grid, planned: Plan, *, restart: bool) -> "SweepStore | None":
        """Open the archive of a sweep for writing; None if nothing is left to write.

        Parameters
        ----------
        path : Path
            Its place, without symbolic links.
        grid : Grid
            What it is to hold.
        planned : Plan
            How the sweep is carried out.
        restart : bool
            Whether to replace what stands there.

        Raises
        ------
        ArchiveWriteError
            If what stands at `path` cannot be gone on with or replaced, another process writes
            there, or the place cannot be written to.
        DiskEstimateError
            If it would not fit there.
        """
        # A replacement that was cut short is completed or undone before anyone looks what is there.
        with WriterLock(path):
            recover(path)
        if restart or not os.path.lexists(path):
            require_disk(grid, path)
            return cls(grid, planned, _begun(path, grid, planned.leading, overwrite=restart))
        # What is taken over gets hashes of its own, so damage must not get this far.
        stored, before = _standing(path, grid)
        hashes = _hashes(before)
        found, same = _finished(stored, hashes), before == grid.sweep
        if (
            same
            and is_unfinished(path)
            and stored.attrs.get(sweep_labels.ATTR_FORM) == sweep_labels.FORM
        ):
            renamed = dict(
                zip(stored[sweep_labels.EXPERIMENT_HASH].values.flat, hashes, strict=True)
            )
            require_disk(grid, path)
            return cls(grid, planned, AppendableArchive.resume(path), renamed)
        wanted = {content_hash for batch in planned.batches for content_hash in batch.hashes}
        if same and not is_unfinished(path) and wanted <= set(found):
            return None
        # Replaced only by what has something in common with it: another sweep may be somebody's
        # result.
        if not same and wanted.isdisjoint(found):
            raise ArchiveWriteError(
                f"what stands at {path} is no sweep that shares finished cells with this one; "
                f"choose another path, or pass restart=True (on the command line --restart) to "
                f"replace it"
            )
        require_disk(grid, path)
        return cls._taken_over(path, grid, planned)

    @property
    def known(self) -> int:
        """How many experiments have a result."""
        return len(self._known)

    @property
    def pending(self) -> list[Batch]:
        """What is left of the batches."""
        return _left(self._planned, self._known)

    def add(self, found: Mapping[str, Result]) -> None:
        """Write the results of experiments, by content hash: all of them or none.

        Raises
        ------
        ArchiveWriteError
            If they cannot be written; what was written before stays.
        """
        now = time.perf_counter()
        self._add(found, now - self._since)
        self._since = now

    def finish(self) -> None:
        """Make the archive an ordinary one.

        Raises
        ------
        ArchiveWriteError
            If it cannot be written; it stays as unfinished as it was.
        """
        notes = self._archive.notes
        done = self._noted("done")
        experiment = self._experiments[done[0]] if done else None
        late = xr.Dataset() if experiment is None else self._grid.alike(experiment)
        late.attrs = {
            labels.ATTR_WALL_TIME: float(sum(note["seconds"] for note in notes)),
            **_computed_by(notes),
        }
        self._archive.finish(late)

    def close(self) -> None:
        """Let others write; what was added stays."""
        self._archive.close()

    def _noted(self, name: str) -> list[str]:
        """Return the content hashes that the commits so far have noted under a name."""
        noted = (key for note in self._archive.notes for key in note[name])
        return [self._renamed.get(key, key) for key in noted]

    @classmethod
    def _taken_over(
        cls,
        path: Path,
        grid: Grid,
        planned: Plan,
    ) -> "SweepStore":
        """Begin an archive with the finished cells of the one that it replaces, at once.

        No cells share files in it, for those of a row are not all there.
        """
        # Beside it: what stands at the path stays whole until everything is taken over.
        # A fixed name: what a killed process left there is found, and begun anew, by the next one.
        beside, axes = path.with_name(f".{path.name}.taking-over"), len(grid.sweep.dims)
        with WriterLock(path):
            with writing(path):
                check_free(path, overwrite=True)
            # Another process may have added to it until the lock was ours.
            stored, before = _standing(path, grid)
            found = _finished(stored, _hashes(before))
            with cls(grid, planned, _begun(beside, grid, axes, overwrite=True)) as store:
                origin = _origin(stored, path)
                taken = {
                    content_hash: store._taken(stored, found[content_hash], content_hash, origin)
                    for content_hash in store._experiments
                    if content_hash in found
                }
                store._add({key: result for key, result in taken.items() if result}, 0.0)
            with writing(path):
                publish_folder(beside, path)
        return cls(grid, planned, AppendableArchive.resume(path))

    def _taken(
        self,
        stored: xr.Dataset,
        place: tuple[int, ...],
        content_hash: str,
        origin: Mapping[str, str],
    ) -> Result | None:
        """Read a finished cell; None if variables are wanted that it has not kept."""
        experiment = self._experiments[content_hash]
        assert experiment is not None  # it was carried out
        filled = self._grid.filled[content_hash]
        # Computed anew: a cell with a part of its variables would look done for ever.
        if not set(filled) <= set(stored.data_vars):
            return None
        wanted = list(filled)
        axes = stored[sweep_labels.STATUS].dims
        cell = stored.isel(dict(zip(axes, place, strict=True)))
        own = coordinates_of(experiment)
        run = cell[wanted].sel(
            {dim: own[dim] for dim in sweep_labels.SHARED if dim in cell[wanted].dims}
        )
        of_cell = [cell[name].item() for name in sweep_labels.DTYPES if name in cell]
        status, error, wall_time, *absent = of_cell
        values = {name: run[name].values for name in wanted}
        return Result(status, error, wall_time, values, origin, *absent)

    def _add(self, found: Mapping[str, Result], seconds: float) -> None:
        # Batches are whole rows, or rows single cells.
        for i in sorted({i for content_hash in found for i in self._rows_of[content_hash]}):
            self._write(self._rows[i], found)
        origins = [result.origin for result in found.values()]
        known = self._known | set(found)
        self._archive.commit(
            {
                "cells": list(found),
                "left": len(_left(self._planned, known)),
                "done": [key for key, result in found.items() if result.status in _FINISHED],
                "seconds": seconds,
                "devices": _occurring(labels.ATTR_DEVICE, origins),
                "versions": _occurring(labels.ATTR_VERSIONS, origins),
            }
        )
        self._known = known

    def _write(self, row: Sequence[Cell], found: Mapping[str, Result]) -> None:
        sweep, leading = self._grid.sweep, self._leading
        of_cells = []
        for cell in row:
            wrong = cell.experiment is None
            result = Result.failed(cell.error) if wrong else found[cell.content_hash]
            values = {**result.values, **result.of_cell}
            # The values are those of the one that was carried out of all that are equal.
            of_cells.append(self._grid.fitted(self._experiments[cell.content_hash], values))
        inner = sweep.shape[leading:]
        values = {
            name: np.stack([own[name] for own in of_cells]).reshape((*inner, *first.shape))
            for name, first in of_cells[0].items()
        }
        self._archive.write(dict(zip(sweep.dims, row[0].place[:leading], strict=False)), values)


def _left(planned: Plan, known: set[str]) -> list[Batch]:
    rest = (batch.without(known) for batch in planned.batches)
    return [batch for batch in rest if batch.hashes]


def _occurring(name: str, of_runs: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({attrs[name] for attrs in of_runs if name in attrs})


def _begun(path: Path, grid: Grid, leading: int, *, overwrite: bool) -> AppendableArchive:
    static, templates, along = grid.static, grid.templates, grid.sweep.dims[:leading]
    return AppendableArchive.create(path, static, templates, along, kind=SWEEP, overwrite=overwrite)


def stored_sweep(
    attrs: Mapping[str, Any], description: SweepDescription
) -> SweepDescription | None:
    """Return the sweep that an archive of these attributes answers; None if it answers none.

    Raises
    ------
    InvalidExperimentError
        If it was described by a newer version, or with parts of packages that are not here.
    """
    text = attrs.get(sweep_labels.ATTR_SWEEP)
    if not isinstance(text, str):
        return None
    stored = type(description).from_json(text)
    experiment = completed(stored.experiment, description.experiment)
    return stored if experiment is stored.experiment else stored.replaced(experiment=experiment)


def _standing(path: Path, grid: Grid) -> tuple[xr.Dataset, SweepDescription | None]:
    """Read what stands at a path, and the sweep that it answers.

    Raises
    ------
    ArchiveWriteError
        If that is a sweep of another source.
    """
    stored = load(path)
    before = stored_sweep(stored.attrs, grid.sweep)
    if before is not None and stored.attrs.get(labels.ATTR_SOURCE) != grid.source:
        raise ArchiveWriteError(
            f"what stands at {path} is a sweep of {stored.attrs.get(labels.ATTR_SOURCE)}, and "
            f"this one is of {grid.source}; choose another path for it, or pass restart=True "
            f"(on the command line --restart) to replace it"
        )
    return stored, before


def _hashes(sweep: SweepDescription | None) -> list[str]:
    """Return the content hashes of all cells, as this version computes them."""
    return [] if sweep is None else [cell.content_hash for cell in sweep.cells()]


def _finished(stored: xr.Dataset, hashes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the places of the finished cells of a sweep, by content hash."""
    if not hashes or sweep_labels.STATUS not in stored.variables:
        return {}
    status = stored[sweep_labels.STATUS].values
    of_places = np.reshape(hashes, status.shape)
    finished = zip(*np.nonzero(np.isin(status, _FINISHED)), strict=True)
    return {str(of_places[place]): tuple(map(int, place)) for place in finished}


def _origin(stored: xr.Dataset, path: Path) -> dict[str, str]:
    """Return the devices and versions that computed a sweep."""
    if not is_unfinished(path):
        known = (labels.ATTR_DEVICE, labels.ATTR_VERSIONS)
        return {name: stored.attrs[name] for name in known if name in stored.attrs}
    return _computed_by(commits(path))


def _computed_by(notes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the devices and versions that the notes of a sweep name."""
    return joined_origin(
        [text for note in notes for text in note["devices"]],
        [text for note in notes for text in note["versions"]],
    )
