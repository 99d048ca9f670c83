"""An archive that is written entry by entry, readable and resumable at any moment.

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

from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.files import ListedFiles, refuse_damage, sync
from fatheory.archive.journal import State, read_state, write_state
from fatheory.archive.layout import Template
from fatheory.archive.lock import Closing, WriterLock
from fatheory.archive.place import resolved
from fatheory.errors import ArchiveError, ArchiveWriteError


class AppendableArchive(Closing):
    """The one writer of an unfinished archive. Made by `create` or `resume`; a context manager.

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
        self._files = ListedFiles(target, past.files)
        with _failing_clearly(target):
            self._arrays = layout.open_arrays(self._files, past.began["entrywise"])
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
    ) -> "AppendableArchive":
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
        target = resolved(path)
        replacement.refuse_inside_archive(target)
        lock, along = WriterLock(target), tuple(along)
        try:
            with replacement.writing(target) as temporary:
                replacement.check_free(target, overwrite)
                files = ListedFiles(temporary)
                layout.write(layout.storable(static), files)
                layout.make_arrays(files, templates, along)
                zarr.create_group(files.store(), path=journal.FOLDER, zarr_format=3)
                listed, entrywise = dict(sorted(files.records.items())), sorted(templates)
                note = {
                    "format_version": journal.FORMAT_VERSION,
                    "kind": kind,
                    "along": list(along),
                    "entrywise": entrywise,
                    "kept": manifest.kept_content(temporary, listed, entrywise),
                }
                journal.append(temporary, 0, journal.Entry(listed, note=note))
                replacement.publish_folder(temporary, target)
            return cls(target, lock, journal.read(target))
        except BaseException:
            lock.close()
            raise

    @classmethod
    def resume(cls, path: str | os.PathLike[str]) -> "AppendableArchive":
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
        target = resolved(path)
        lock = WriterLock(target)
        try:
            with _failing_clearly(target):
                replacement.recover(target)
            if not journal.is_growing(target):
                raise ArchiveError(f"there is no unfinished archive at {target}")
            past, _ = _whole_journal(target, verify=True)
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
        return dict(zarr.open_group(self._files.store(), mode="r", zarr_format=3).attrs)

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
        return None if listing is None else read_state(self.path, listing)

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
            files = {path: self._files.records[path] for path in sorted(self._fresh)}
            for path in files:
                sync(self.path / path)
            for folder in {str(Path(path).parent) for path in files}:
                sync(self.path / folder)
            number, note = len(self._entries), dict(note)
            if state is not None:
                file = self.path / journal.FOLDER / journal.state_file(number)
                note["state"] = write_state(file, state)
                sync(file.parent)
            entry = journal.Entry(files, tuple(self._places), note)
            journal.append(self.path, number, entry)
            self._entries.append(entry)
            self._fresh, self._places = set(), []
            if state is not None:
                for former in (self.path / journal.FOLDER).glob("state-*.bin"):
                    if former != file:
                        former.unlink()

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
        done = {path: r for path, r in listed.items() if path.partition("/")[0] != journal.FOLDER}
        with replacement.writing(self.path) as temporary:
            for path in done:
                second_name(self.path / path, temporary / path)
            files = ListedFiles(temporary, done)
            if late is not None:
                layout.add_arrays(files, late)
            made = manifest.Manifest.of(
                temporary, began["kind"], self.along, began["entrywise"], known=files.records
            )
            manifest.write_manifest(temporary, made)
            replacement.publish_folder(temporary, self.path)
        self.close()
        return self.path

    def close(self) -> None:
        """Give the lock back; the archive stays as it is."""
        self._lock.close()


def is_unfinished(path: str | os.PathLike[str]) -> bool:
    """Whether an archive that is not done stands at `path`; it may be growing right now."""
    return journal.is_growing(replacement.standing(resolved(path)))


def read_unfinished(folder: Path, *, verify: bool) -> tuple[xr.Dataset, journal.Journal]:
    """Read what was committed to an archive that is not done.

    Returns
    -------
    Dataset, Journal
        Where nothing was committed the Dataset holds fill values.

    Raises
    ------
    DamagedArchiveError
        If it is not as it was written.
    """
    past, files = _whole_journal(folder, verify=verify)
    return layout.read(files), past


def second_name(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no such thing.

    Files of archives are changed by replacing them only, so the first name keeps what it has.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _whole_journal(folder: Path, *, verify: bool) -> tuple[journal.Journal, ListedFiles]:
    """Read the journal of an archive; refuse one that, or whose files, are not as written."""
    past = journal.read(folder)
    refuse_damage(folder, past.problems)
    files = ListedFiles(folder, past.files, verify=verify)
    refuse_damage(folder, (f"{path} {what}" for path, what in files.damage().items()))
    return past, files


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
