"""A run's archive, written snapshot by snapshot while the run goes on."""

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from fatheory import labels
from fatheory.archive import manifest
from fatheory.archive.appendable import AppendableArchive, is_unfinished
from fatheory.archive.assembly import assemble, joined_origin
from fatheory.archive.files import resolved
from fatheory.archive.journal import State
from fatheory.archive.layout import Template
from fatheory.archive.replacement import Closing
from fatheory.errors import ArchiveWriteError, ResumeWarning

DONE = -1
"""Position of a run of which nothing is left but to finish its archive."""


class RunWriter(Closing):
    """Writes one run and knows how far it is. A context manager.

    Readers see the archive from the first commit on. Whatever writes raises an `ArchiveWriteError`
    if it cannot, as when the disk is full; what was committed stays.

    Parameters
    ----------
    path : path
        Where the archive goes. An unfinished one of the same experiment is continued.
    static : Dataset
        Coordinates, attributes and drawn variables, as `assemble` labels them.
    equations : mapping of str to str, optional
        Of recorded variables, where they are others than `fatheory.labels` says.
    overwrite : bool
        Whether to replace an archive that stands there instead of continuing it.

    Raises
    ------
    ArchiveWriteError
        If another process writes it, it cannot be written to, or it is another experiment's.
    DamagedArchiveError
        If an unfinished archive is not as it was written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        static: xr.Dataset,
        *,
        equations: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = resolved(path)
        self._static, self._equations, self._overwrite = static, equations or {}, overwrite
        self._archive: AppendableArchive | None = None
        if is_unfinished(self.path) and not overwrite:
            self._archive = self._resumed()

    @property
    def position(self) -> int:
        """The step to go on from, or `DONE`."""
        return self._last.get("position", 0)

    @property
    def diverged_at(self) -> np.ndarray | None:
        """First steps with a non-finite error, (rule, seed), up to there; None at the start."""
        known = self._last.get(labels.DIVERGED_AT)
        return None if known is None else np.array(known, dtype=np.int64)

    @property
    def wall_time(self) -> float:
        """How many seconds were spent on what was committed."""
        return self._last.get(labels.ATTR_WALL_TIME, 0.0)

    @property
    def begun(self) -> bool:
        """Whether there is an archive: it begins with the first snapshot."""
        return self._archive is not None

    @property
    def recorded(self) -> int:
        """How many snapshots were committed."""
        return 0 if self._archive is None else len(self._archive.places)

    def state(self) -> dict[str, dict[str, np.ndarray]] | None:
        """Read the state of the run at `position`; None at the start.

        Raises
        ------
        DamagedArchiveError
            If it is not as it was written.
        """
        return self._archive.state() if self._archive else None

    def record(self, place: int, values: Mapping[str, np.ndarray]) -> None:
        """Write a snapshot: the arrays (rule, seed, ...) of the `place`-th recorded step."""
        if self._archive is None:
            self._archive = AppendableArchive.create(
                self.path,
                self._static,
                _templates(values, self._static, self._equations),
                (labels.STEP,),
                kind=manifest.RUN,
                overwrite=self._overwrite,
                # Seen from the first commit on, when there is something to go on from.
                visible=False,
            )
        self._archive.write({labels.STEP: place}, values)

    def commit(
        self, position: int, diverged_at: np.ndarray, wall_time: float, state: State
    ) -> None:
        """Keep the snapshots so far, and the state from which the run can go on at `position`."""
        assert self._archive is not None  # a run begins with a snapshot
        self._archive.commit(self._note(position, diverged_at, wall_time), state)

    def finish(self, diverged_at: np.ndarray, wall_time: float) -> None:
        """Make the archive an ordinary one, with whether runs diverged and how long they took."""
        assert self._archive is not None
        late, note = _divergence(diverged_at), self._note(DONE, diverged_at, wall_time)
        notes = [*self._archive.notes, note]
        late.attrs = {
            labels.ATTR_WALL_TIME: float(wall_time),
            **joined_origin(
                [note[labels.ATTR_DEVICE] for note in notes],
                [note[labels.ATTR_VERSIONS] for note in notes],
            ),
        }
        self._archive.finish(late, note)

    def close(self) -> None:
        """Let others write; what was committed stays."""
        if self._archive is not None:
            self._archive.close()

    @property
    def _last(self) -> Mapping[str, Any]:
        notes: Sequence[Mapping[str, Any]] = self._archive.notes if self._archive else ()
        return notes[-1] if notes else {}

    def _resumed(self) -> AppendableArchive:
        archive = AppendableArchive.resume(self.path)
        try:
            attrs = self._static.attrs
            wanted = {name: attrs[name] for name in (labels.ATTR_HASH, labels.ATTR_SOURCE)}
            what = f"{self.path} is the unfinished archive of another run"
            refuse_another(what, archive.attrs, wanted)
            # With the last commit only: what came before was told of when it was continued.
            for note in archive.notes[-1:]:
                for name in (labels.ATTR_VERSIONS, labels.ATTR_DEVICE):
                    if note[name] != attrs[name]:
                        warnings.warn(
                            f"{self.path} continues with {name} {attrs[name]}; so far it was "
                            f"{note[name]}: last digits may differ from an uninterrupted run's",
                            ResumeWarning,
                            stacklevel=4,
                        )
        except BaseException:
            archive.close()
            raise
        return archive

    def _note(self, position: int, diverged_at: np.ndarray, wall_time: float) -> dict[str, Any]:
        attrs = self._static.attrs
        return {
            "position": position,
            # In the note of the commit; as a variable it would have to be written anew each time.
            labels.DIVERGED_AT: diverged_at.tolist(),
            labels.ATTR_WALL_TIME: wall_time,
            labels.ATTR_DEVICE: attrs[labels.ATTR_DEVICE],
            labels.ATTR_VERSIONS: attrs[labels.ATTR_VERSIONS],
        }


ADVICE = "choose another path, or pass restart=True (on the command line --restart)"


def refuse_another(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse an archive of other attributes than are wanted: an error that begins with `what`."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ArchiveWriteError(
                f"{what} ({name} {found.get(name)!r}; asked is {value!r}); {ADVICE} to replace it"
            )


def run_so_far(ds: xr.Dataset, places: Sequence[int], note: Mapping[str, Any]) -> xr.Dataset:
    """Return what an unfinished run's archive holds.

    `ds` is what its folder reads as, with fill values where nothing was committed; `places` are
    the recorded steps that were, and `note` is that of the last commit.
    """
    shape = (ds.sizes[labels.RULE], ds.sizes[labels.SEED])
    known = note.get(labels.DIVERGED_AT, np.full(shape, -1))
    cut = ds.isel(step=sorted(places)).assign(_divergence(np.array(known, dtype=np.int64)))
    cut.attrs[labels.ATTR_WALL_TIME] = note.get(labels.ATTR_WALL_TIME, 0.0)
    cut.attrs[labels.ATTR_UNFINISHED] = f"{len(places)} of {ds.sizes[labels.STEP]} snapshots"
    return cut


def _divergence(diverged_at: np.ndarray) -> xr.Dataset:
    return assemble({labels.DIVERGED: diverged_at >= 0, labels.DIVERGED_AT: diverged_at}, {}, {})


def _templates(
    values: Mapping[str, np.ndarray], static: xr.Dataset, equations: Mapping[str, str]
) -> dict[str, Template]:
    """Return the templates of recorded variables from their values at one step."""
    steps = static.sizes[labels.STEP]

    def spread(value: np.ndarray) -> np.ndarray:
        # Of the full shape without its memory: it may be large when all steps are there.
        return np.broadcast_to(
            np.zeros((), value.dtype), (*value.shape[:2], steps, *value.shape[2:])
        )

    layer = {labels.LAYER: static[labels.LAYER]} if labels.LAYER in static.coords else {}
    labelled = assemble({name: spread(value) for name, value in values.items()}, layer, {})
    return {
        name: Template(
            dims=tuple(str(dim) for dim in array.dims),
            shape=array.shape,
            dtype=array.dtype,
            attrs=array.attrs | ({"equation": equations[name]} if name in equations else {}),
            # Integers have no NaN; which snapshots are there is for the journal to say.
            fill=math.nan if array.dtype.kind == "f" else 0,
        )
        for name, array in ((str(key), array) for key, array in labelled.data_vars.items())
    }
