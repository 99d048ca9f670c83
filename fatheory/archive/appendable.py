"""An archive that is written entry by entry, readable and resumable from its first commit on.

It is an ordinary Zarr folder whose arrays have their full size from the start. The files of an
entry, such as a snapshot, are written first and exist for readers once the journal lists them. What
a killed writer left between two commits is never seen, and overwritten later. An archive that is
done becomes an ordinary one of the same files.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from fatheory.archive import journal, layout, manifest, replacement
from fatheory.archive.files import ListedFiles, failing_as, resolved, second_name, sync
from fatheory.archive.journal import State, read_state, write_state
from fatheory.archive.layout import Template
from fatheory.archive.replacement import Closing, WriterLock
from fatheory.errors import ArchiveError, ArchiveWriteError


class AppendableArchive(Closing):
    """The one writer of an unfinished archive. Made by `create` or `resume`; a context manager.

    Whatever writes raises an `ArchiveWriteError` if it cannot, as when the disk is full; what was
    committed stays, and the archive as unfinished as it was.

    Parameters
    ----------
    target : Path
        Where it lies, or will.
    files : ListedFiles
        Those that it has so far.
    listed : Manifest
        What it is.
    entries : iterable of Entry
        What was committed so far; nothing as long as nobody but its writer knows of it.
    """

    def __init__(
        self,
        target: Path,
        files: ListedFiles,
        listed: manifest.Manifest,
        entries: Iterable[journal.Entry] = (),
    ) -> None:
        self.path, self._files, self._listed = target, files, listed
        self._entries = list(entries)
        with _failing_clearly(target):
            self._arrays = layout.open_arrays(files, listed.entrywise)
        self._fresh: set[str] = set()
        self._places: list[dict[str, int]] = []
        self._held = ExitStack()

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
        visible: bool = True,
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
        visible : bool
            Whether it stands at `path` at once, or from the first commit on. One that is done
            before is written once and not twice.

        Raises
        ------
        ArchiveWriteError
            If something stands there that would not be replaced, another process writes there,
            or the place cannot be written to.
        """
        target = resolved(path)
        replacement.refuse_inside_archive(target)
        with ExitStack() as held:
            # The lock before anything is looked at: what is free now could be taken a moment later.
            held.enter_context(WriterLock(target))
            temporary = held.enter_context(replacement.writing(target))
            replacement.check_free(target, overwrite)
            files = ListedFiles(temporary)
            layout.write(layout.storable(static), files)
            layout.make_arrays(files, templates, along := tuple(along))
            listed = manifest.Manifest(kind, {}, along, tuple(sorted(templates)))
            archive = cls(target, files, listed)
            # Else it stands at its path from the first commit on: a run that fails before it leaves
            # nothing.
            if visible:
                archive._publish()
            # The lock goes on to the archive; up to here any failure gives it back.
            archive._held = held.pop_all()
            return archive

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
        with ExitStack() as held:
            held.enter_context(WriterLock(target))
            replacement.recover(target)
            if not journal.is_growing(target):
                raise ArchiveError(f"there is no unfinished archive at {target}")
            listed, files = manifest.whole(target)
            assert listed.past is not None  # for it is growing
            with _failing_clearly(target):
                # A torn last line would spoil the one that follows it.
                journal.rewrite(target, listed.past.entries)
            archive = cls(target, files, listed.manifest, listed.past.entries)
            archive._held = held.pop_all()
            return archive

    @property
    def along(self) -> tuple[str, ...]:
        """The dimensions of growth."""
        return self._listed.along

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
        """Read the state of the last commit, as `journal.read_state` does; None if none came."""
        listing = self._entries[-1].note.get("state") if self._entries else None
        return None if listing is None else read_state(self.path, listing)

    def write(self, place: Mapping[str, int], values: Mapping[str, np.ndarray]) -> None:
        """Write an entry; readers see it after `commit`.

        Parameters
        ----------
        place : mapping of str to int
            Its index along every dimension of growth.
        values : mapping of str to array
            Of some of the variables that grow, without these dimensions.
        """
        with _failing_clearly(self.path):
            for name, value in values.items():
                array = self._arrays[name]
                # Fill values stand where no chunk is listed, whatever a killed writer has left.
                if not layout.is_fill(array, value):
                    self._fresh.add(f"{name}/{layout.write_chunk(array, place, value)}")
        # Also of an entry that is all fill values and so has no file: it was recorded.
        self._places.append(dict(place))

    def commit(self, note: Mapping[str, Any], state: State | None = None) -> None:
        """Make everything written since the last commit part of the archive, durably, or nothing.

        Parameters
        ----------
        note : mapping
            What to keep with it, as JSON has it.
        state : mapping, optional
            Arrays by which the writer can go on from here; those of the last commit are deleted.
        """
        with _failing_clearly(self.path):
            if not self._entries:
                self._publish()
            files = {path: self._files.records[path] for path in sorted(self._fresh)}
            # Files, then the folders that name them, then the journal: what is listed is on the
            # disk, wherever a power cut comes.
            sync(self.path / path for path in files)
            sync({(self.path / path).parent for path in files})
            number, note = len(self._entries), dict(note)
            if state is not None:
                file = self.path / journal.FOLDER / journal.state_file(number)
                note["state"] = write_state(file, state)
            entry = journal.Entry(files, tuple(self._places), note)
            journal.append(self.path, number, entry)
            self._entries.append(entry)
            self._fresh, self._places = set(), []
            if state is not None:
                # Not before: until the journal had its entry, the former state was the one to go on
                # from.
                for former in file.parent.glob("state-*.bin"):
                    if former != file:
                        former.unlink()

    def finish(self, late: xr.Dataset | None = None, note: Mapping[str, Any] | None = None) -> Path:
        """Turn it into an ordinary archive, whole or not at all, and give the lock back.

        Parameters
        ----------
        late : Dataset, optional
            Variables and attributes that are known only now.
        note : mapping, optional
            Commit with this note before, so that what was written stays if the rest cannot be;
            an archive of which there is no commit yet stays one that nobody sees.
        """
        if note is not None and self._entries:
            self.commit(note)
        committed = {path: r for entry in self._entries for path, r in entry.files.items()}
        # The journal is of the unfinished archive; an ordinary one has a manifest.
        own = {path: r for path, r in committed.items() if path.split("/")[0] != journal.FOLDER}
        with ExitStack() as stack:
            if self._entries:
                temporary = stack.enter_context(replacement.writing(self.path))
                files = ListedFiles(temporary, own)
                # Second names and no copies: an archive may be as large as what is left of the
                # disk.
                linked = [p for p in own if second_name(self.path / p, temporary / p)]
            else:
                stack.enter_context(_failing_clearly(self.path))
                files, temporary, linked = self._files, self._files.folder, []
            if late is not None:
                layout.add_arrays(files, late)
            kind, entrywise = self._listed.kind, self._listed.entrywise
            made = manifest.Manifest.of(temporary, kind, self.along, entrywise, files.records)
            manifest.write_manifest(temporary, made)
            # Under their first names they were committed, but for those that were written anew.
            durable = {temporary / path for path in linked if files.records[path] is own[path]}
            replacement.publish_folder(temporary, self.path, durable)
        self.close()
        return self.path

    def close(self) -> None:
        """Give the lock back; the archive stays as it is."""
        self._held.close()

    def _publish(self) -> None:
        """Let it stand at its path, with a journal of what it begins with."""
        zarr.create_group(self._files.store(), path=journal.FOLDER, zarr_format=3)
        folder, began = self._files.folder, self._listed
        files = {p: r for p, r in sorted(self._files.records.items()) if p not in self._fresh}
        note = {
            "format_version": journal.FORMAT_VERSION,
            "kind": began.kind,
            "along": list(began.along),
            "entrywise": list(began.entrywise),
            "kept": manifest.kept_content(folder, files, began.entrywise),
        }
        entry = journal.Entry(files, note=note)
        journal.append(folder, 0, entry)
        replacement.publish_folder(folder, self.path)
        self._entries, self._files.folder = [entry], self.path


def is_unfinished(path: str | os.PathLike[str]) -> bool:
    """Whether an archive that is not done stands at `path`; it may be growing right now."""
    return journal.is_growing(replacement.standing(resolved(path)))


def _failing_clearly(target: Path) -> AbstractContextManager[None]:
    then = "; what was committed to it before is whole, and the run can go on from there"
    return failing_as(ArchiveWriteError, f"could not write {target}", then)
