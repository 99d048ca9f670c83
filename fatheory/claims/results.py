"""The committed results that claims are measured on."""

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import xarray as xr

from fatheory import labels
from fatheory.archive import load_result
from fatheory.archive.small_result import SUFFIX
from fatheory.claims.protocol import OlderProtocolError, experiment_hashes, require_protocol
from fatheory.errors import ArchiveError, ClaimError

FOLDER = "paper_figs"
_INSTALLED = "_paper_figs"
"""Where a wheel puts that folder, within the package."""
_PAPERS = ("lillicrap2016", "liao2016")


class MissingResultError(ClaimError):
    """No result of this name is stored."""


class NotMeasuredError(ClaimError):
    """A stored result does not hold the number that a claim is about; the message says why."""


@dataclass(frozen=True)
class Origin:
    """Where a result comes from: file, hash of its bytes, scale, date, experiments."""

    path: Path
    sha256: str
    scale: str
    created: datetime
    experiments: tuple[str, ...]


def results_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds the papers' folders of results.

    Parameters
    ----------
    given : path, optional
        That folder. Left out, ``paper_figs`` in the working directory, or what came with the
        package.

    Raises
    ------
    ClaimError
        If there is none.
    """
    return _first_with_results(
        # The working folder before the package's: in a checkout beside an installed wheel, one
        # means one's own results.
        [Path(given)] if given is not None else [Path(FOLDER), *_with_the_package()]
    )


def own_folder() -> Path:
    """Return the folder of the papers' scripts and results that came with this package.

    It is ``paper_figs`` beside the package in a checkout, and its copy within the package where a
    wheel was installed.

    Raises
    ------
    ClaimError
        If there is neither.
    """
    return _first_with_results(_with_the_package())


def _with_the_package() -> list[Path]:
    package = Path(__file__).parents[1]
    return [package.parent / FOLDER, package / _INSTALLED]


def _first_with_results(places: list[Path]) -> Path:
    for place in places:
        if any((place / paper / "results").is_dir() for paper in _PAPERS):
            return place
    listed = " or ".join(str(place) for place in places)
    raise ClaimError(
        f"{listed} holds no results of papers ({_PAPERS[0]}/results/...{SUFFIX}); run in a "
        f"checkout of fatheory, or name its folder {FOLDER} by --results"
    )


class Results:
    """Stored results by name, such as ``lillicrap2016/fig3ab``; read once, and verified.

    Parameters
    ----------
    folder : Path
        As `results_folder` returns it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, xr.Dataset | ClaimError] = {}
        self._origins: dict[str, Origin] = {}

    def path(self, name: str) -> Path:
        """Return where a result is stored, if it is."""
        paper, figure = name.split("/")
        return self.folder / paper / "results" / f"{figure}{SUFFIX}"

    def __getitem__(self, name: str) -> xr.Dataset:
        """Return a result that is whole, and of the protocol that its bounds are about.

        Raises
        ------
        MissingResultError
            If there is no such file.
        OlderProtocolError
            If it is of a protocol that the presets no longer have.
        ClaimError
            If it was edited or cut, or is of another figure, experiment or version.
        """
        if name not in self._read:
            self._read[name] = self._result(name)
        # Errors are remembered, too: many claims ask for one result, and each is to say why not.
        found = self._read[name]
        if isinstance(found, ClaimError):
            raise found
        return found

    def _result(self, name: str) -> xr.Dataset | ClaimError:
        path = self.path(name)
        if not path.exists():
            return MissingResultError(f"there is no result {path}")
        try:
            data = load_result(path)
        except ArchiveError as error:
            return ClaimError(str(error))
        try:
            require_protocol(name, data)
        except OlderProtocolError as older:
            return OlderProtocolError(f"{older} ({path.name} is of an older one)")
        except ClaimError as error:
            return ClaimError(f"{path}: {error}")
        return data

    def origin(self, name: str) -> Origin:
        """Return where a result that can be read comes from."""
        if name not in self._origins:
            path, data = self.path(name), self[name]
            self._origins[name] = Origin(
                path=path,
                # Of the bytes, so that a verdict names the very file, which can be compared without
                # this package.
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                scale=str(data.attrs[labels.ATTR_SCALE]),
                # The date within the data: a checkout stamps all files with the hour at which it
                # was made.
                created=datetime.fromisoformat(data.attrs[labels.ATTR_CREATED]),
                experiments=tuple(experiment_hashes(data).values()),
            )
        return self._origins[name]
