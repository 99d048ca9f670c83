"""Where an archive is, whatever a user calls the place."""

import os
from pathlib import Path

from fatheory.errors import ArchiveError


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path with all links followed.

    Raises
    ------
    ArchiveError
        If it is none: the systems' own calls refuse NUL and halves of surrogate pairs with errors
        that are not about files.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:
        raise ArchiveError(f"{os.fspath(path)!r} is no path: {error}") from None
