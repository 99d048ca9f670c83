"""An archive that grows: written entry by entry, readable and resumable at any moment.

It is an ordinary Zarr folder whose arrays have their full size from the start. The files of an
entry, such as a snapshot, are written first and exist for readers once the journal lists them. What
a killed writer left between two commits is never seen, and overwritten later. An archive that is
done becomes an ordinary one of the same files.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from fatheory import labels
from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.closing import Closing
from fatheory.archive.files import FileRecord, deviations, files_in, refuse_damage, sync
from fatheory.archive.layout import Template
from fatheory.archive.listed import ListedStore
from fatheory.archive.lock import WriterLock
from fatheory.archive.place import check_free, refuse_inside_archive
from fatheory.archive.plain import plain
from fatheory.archive.state import State, read_state, write_state
from fatheory.errors import ArchiveError, ArchiveWriteError


class GrowingArchive(Closing):
    """The one writer of an archive that grows. Made by `create` or `resume`; a context manager.

    Parameters
    ----------
    target : Path
        Where it lies.
    lock : WriterLock
        Held until it is finished or closed.
    past : Journal
        What was committed so far.
    """

    def __init__(self, target: Path, lock: WriterLock, past: journal.Journal) -> None:
        self.path, self._lock = target, lock
        self._entries = list(past.entries)
        self.along: tuple[str, ...] = tuple(past.began["along"])
        with _failing_clearly(target):
            self._arrays = layout.open_arrays(target, past.began["entrywise"])
        self._fresh: set[str] = set()
        self._places: list[dict[str, int]] = []

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        static: xr.Dataset,
        templates: Mapping[str, Template],
        along: Iterable[str],
        *,
        kind: str,
        overwrite: bool = False,
    ) -> "GrowingArchive":
        """Begin an archive.

        Parameters
        ----------
        path : path
            The folder to make. Its parents are made too.
        static : Dataset
            Coordinates, attributes, and variables that are known from the start.
        templates : mapping of str to Template
            The variables that grow.
        along : iterable of str
            The dimensions along which they do: an entry has one place along each.
        kind : str
            What it will be: `manifest.RUN` or `manifest.SWEEP`.
        overwrite : bool
            Whether to replace an archive at `path`.

        Raises
        ------
        ArchiveWriteError
            If something stands there that would not be replaced, another process writes there,
            or the place cannot be written to.
        """
        target = Path(os.path.realpath(path))
        refuse_inside_archive(target)
        lock, along = WriterLock(target), tuple(along)
        try:
            with replacement.writing(target) as temporary:
                check_free(target, overwrite)
                layout.write(plain(static), temporary)
                layout.make_arrays(temporary, templates, along)
                _begin_journal(temporary, kind, along, sorted(templates))
                replacement.publish_folder(temporary, target)
            return cls(target, lock, journal.read(target))
        except BaseException:
            lock.close()
            raise

    @classmethod
    def resume(cls, path: str | os.PathLike[str]) -> "GrowingArchive":
        """Go on with an archive that is not done.

        Raises
        ------
        ArchiveWriteError
            If another process writes it, or it cannot be written to.
        DamagedArchiveError
            If it is not as it was written.
        ArchiveError
            If there is none.
        """
        target = Path(os.path.realpath(path))
        lock = WriterLock(target)
        try:
            with _failing_clearly(target):
                replacement.recover(target)
            if not journal.is_growing(target):
                raise ArchiveError(f"there is no unfinished archive at {target}")
            past = _whole_journal(target, hashes=True)
            with _failing_clearly(target):
                # A torn last line would spoil the one that follows it.
                journal.rewrite(target, past.entries)
            return cls(target, lock, past)
        except BaseException:
            lock.close()
            raise

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes with which it began."""
        return dict(zarr.open_group(self.path, mode="r", zarr_format=3).attrs)

    @property
    def notes(self) -> list[Mapping[str, Any]]:
        """The notes of all commits, in order."""
        return [entry.note for entry in self._entries[1:]]

    @property
    def places(self) -> list[Mapping[str, int]]:
        """The places of what was committed, in order."""
        return [place for entry in self._entries for place in entry.places]

    def state(self) -> dict[str, dict[str, np.ndarray]] | None:
        """Read the state of the last commit; None if it came with none.

        Raises
        ------
        DamagedArchiveError
            If it is not as it was written.
        """
        listing = self._entries[-1].note.get("state")
        return None if listing is None else read_state(self.path / journal.FOLDER, listing)

    def write(self, place: Mapping[str, int], values: Mapping[str, np.ndarray]) -> None:
        """Write an entry; readers see it after `commit`.

        Parameters
        ----------
        place : mapping of str to int
            Its index along every dimension of growth.
        values : mapping of str to array
            Of some of the variables that grow, without these dimensions.

        Raises
        ------
        ArchiveWriteError
            If it cannot be written, as when the disk is full; what was committed stays.
        """
        with _failing_clearly(self.path):
            for name, value in values.items():
                array = self._arrays[name]
                # Fill values stand where no chunk is listed, whatever a killed writer has left.
                if not layout.is_fill(array, value):
                    self._fresh.add(f"{name}/{layout.write_chunk(array, place, value)}")
        self._places.append(dict(place))

    def commit(self, note: Mapping[str, Any], state: State | None = None) -> None:
        """Make everything written since the last commit part of the archive, durably, or nothing.

        Parameters
        ----------
        note : mapping
            What to keep with it, as JSON has it.
        state : mapping, optional
            Arrays by which the writer can go on from here; those of the last commit are deleted.

        Raises
        ------
        ArchiveWriteError
            If it cannot be written, as when the disk is full; what was committed stays.
        """
        with _failing_clearly(self.path):
            files = {path: FileRecord.of(self.path / path) for path in sorted(self._fresh)}
            for path in files:
                sync(self.path / path)
            for folder in {str(Path(path).parent) for path in files}:
                sync(self.path / folder)
            number, note = len(self._entries), dict(note)
            if state is not None:
                file = self.path / journal.FOLDER / f"state-{number}.bin"
                note["state"] = write_state(file, state)
                sync(file.parent)
            entry = journal.Entry(files, tuple(self._places), note)
            journal.append(self.path, number, entry)
            self._entries.append(entry)
            self._fresh, self._places = set(), []
            if state is not None:
                self._clear_states(keep=f"state-{number}.bin")

    def finish(self, late: xr.Dataset | None = None) -> Path:
        """Turn it into an ordinary archive, whole or not at all, and give the lock back.

        Parameters
        ----------
        late : Dataset, optional
            Variables and attributes that are known only now.

        Raises
        ------
        ArchiveWriteError
            If it cannot be written, as when the disk is full; it stays as unfinished as it was.
        """
        began = self._entries[0].note
        listed = {path: r for entry in self._entries for path, r in entry.files.items()}
        with replacement.writing(self.path) as temporary:
            for path in listed:
                if path.partition("/")[0] != journal.FOLDER:
                    _linked(self.path / path, temporary / path)
            if late is not None:
                layout.add_arrays(temporary, late)
            # Attributes of the root are known only now; all else is as it was committed.
            del listed["zarr.json"]
            made = manifest.Manifest.of(
                temporary, began["kind"], self.along, began["entrywise"], known=listed
            )
            manifest.write_manifest(temporary, made)
            replacement.publish_folder(temporary, self.path)
        self.close()
        return self.path

    def close(self) -> None:
        """Give the lock back; the archive stays as it is."""
        self._lock.close()

    def _clear_states(self, keep: str) -> None:
        for path in (self.path / journal.FOLDER).glob("state-*.bin"):
            if path.name != keep:
                path.unlink()


def is_unfinished(path: str | os.PathLike[str]) -> bool:
    """Whether an archive that is not done stands at `path`; it may be growing right now."""
    return journal.is_growing(replacement.standing(Path(os.path.realpath(path))))


def read_growing(folder: Path, *, verify: bool) -> tuple[xr.Dataset, journal.Journal]:
    """Read what was committed to an archive that is not done.

    Returns
    -------
    Dataset, Journal
        With the attribute ``unfinished``. Where nothing was committed it holds fill values.

    Raises
    ------
    DamagedArchiveError
        If it is not as it was written.
    """
    past = _whole_journal(folder, hashes=verify)
    ds = layout.read(ListedStore.of(folder, past.files))
    total = int(np.prod([ds.sizes[dim] for dim in past.began["along"]]))
    ds.attrs[labels.ATTR_UNFINISHED] = f"{len(past.places)} of {total} entries"
    return ds, past


def _whole_journal(folder: Path, *, hashes: bool) -> journal.Journal:
    """Read the journal of an archive; refuse one that, or whose files, are not as written."""
    past = journal.read(folder)
    found = [f"{name} is not as it was written" for name in past.damaged]
    found += [f"entry {number} of its journal is lost" for number in past.missing]
    refuse_damage(folder, found)
    refuse_damage(folder, deviations(folder, past.files, hashes=hashes))
    return past


def _begin_journal(folder: Path, kind: str, along: tuple[str, ...], entrywise: list[str]) -> None:
    zarr.create_group(folder, path=journal.FOLDER, zarr_format=3)
    files = {path: FileRecord.of(folder / path) for path in sorted(files_in(folder))}
    note = {
        "format_version": journal.FORMAT_VERSION,
        "kind": kind,
        "along": list(along),
        "entrywise": entrywise,
        "kept": manifest.kept_content(folder, files, entrywise),
    }
    journal.append(folder, 0, journal.Entry(files, note=note))


def _linked(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no such thing.

    The root's attributes are changed later, by replacing the file; its first name keeps the old.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def _failing_clearly(target: Path) -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # whatever the file system and zarr raise
        raise ArchiveWriteError(
            f"could not write {target}: {type(error).__name__}: {error}; what was committed to "
            f"it before is whole, and the run can go on from there"
        ) from error
