"""Keeping what is whole of a damaged archive."""

import os
import secrets
from pathlib import Path

import xarray as xr

from fatheory import labels
from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.files import reading, sync
from fatheory.archive.health import Health, check
from fatheory.archive.listed import ListedStore
from fatheory.archive.lock import WriterLock
from fatheory.archive.plain import plain
from fatheory.archive.run_writer import run_so_far
from fatheory.archive.schema import validate
from fatheory.errors import ArchiveError


def repair(path: str | os.PathLike[str]) -> tuple[Health, Path | None]:
    """Make an archive readable again, with every entry that is whole.

    Where the content of all damaged files is known, they are written anew and nothing is lost; an
    unfinished run can then be continued. Otherwise the whole snapshots of a run, or cells of a
    sweep, become a new archive with the attribute ``repaired``, and the damaged one is kept beside
    it.

    Parameters
    ----------
    path : path
        The folder of the archive.

    Returns
    -------
    Health, Path or None
        What was wrong, and where the damaged archive is kept if it had to be.

    Raises
    ------
    ArchiveError
        If nothing is there, or nothing that it holds can be trusted.
    ArchiveWriteError
        If it cannot be written to, or another process writes it.
    """
    target = Path(os.path.realpath(path))
    with WriterLock(target):
        replacement.recover(target)
        health = check(target)
        if health.whole:
            return health, None
        if _restorable(health):
            with replacement.writing(target) as temporary:
                _restore(health, temporary)
            return health, None
        whole = _whole_part(health)
        with replacement.writing(target) as temporary:
            entrywise = layout.write(plain(whole), temporary, health.along)
            made = manifest.Manifest.of(temporary, health.kind, health.along, entrywise)
            manifest.write_manifest(temporary, made)
            replacement.sync_folder(temporary)
            kept = target.parent / f"{target.name}.damaged-{secrets.token_hex(3)}"
            os.rename(target, kept)
            os.rename(temporary, target)
            sync(target.parent)
    return health, kept


def _restorable(health: Health) -> bool:
    """Whether writing damaged files anew makes everything as it was."""
    beside = [text for text in health.problems if text.endswith("does not belong to it")]
    return (
        not (health.lost or health.lost_variables or beside)
        and (health.can_continue or not health.unfinished)
        and bool(health.files)
    )


def _restore(health: Health, temporary: Path) -> None:
    """Write the files whose content is known, and the lists of files, each in one step."""
    folder = health.folder
    for path, content in health.restored.items():
        _put(content, temporary, folder / path)
    if health.unfinished:
        journal.rewrite(folder, journal.read(folder).entries)
        return
    for name, other in ((manifest.FILE, manifest.COPY), (manifest.COPY, manifest.FILE)):
        try:
            manifest.read_manifest(folder, name)
        except ArchiveError:
            _put((folder / other).read_bytes(), temporary, folder / name)


def _put(content: bytes, temporary: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_bytes(content)
    replacement.publish_file(temporary, target)


def _whole_part(health: Health) -> xr.Dataset:
    """Return what is whole, as a Dataset that says what is missing."""
    if not health.along or not health.intact:
        raise ArchiveError(
            f"{health.folder} cannot be repaired: nothing in it is whole ({health.problems[0]}); "
            f"run its experiment again"
        )
    with reading(health.folder):
        ds = layout.read(ListedStore.of(health.folder, health.files, health.restored))
        ds = ds.drop_vars([name for name in health.lost_variables if name in ds.variables])
        if health.kind == manifest.RUN:
            ds = _whole_snapshots(ds, health)
        lost = len(health.entries) - len(health.intact)
        ds.attrs[labels.ATTR_REPAIRED] = (
            f"{len(health.intact)} of {len(health.entries)} entries were whole, {lost} were not"
            + "".join(f"; {name} was lost" for name in health.lost_variables)
        )
    if health.kind == manifest.RUN:
        validate(ds)
    return ds


def _whole_snapshots(ds: xr.Dataset, health: Health) -> xr.Dataset:
    places = [dict(place)[labels.STEP] for place in health.intact]
    if not health.unfinished:
        return ds.isel(step=places)
    return run_so_far(ds, places, journal.read(health.folder).last)
