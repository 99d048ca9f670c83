"""The names of folders of images: ``folder/PATH`` and ``folder/PATH@HEIGHTxWIDTH``."""

import re
from pathlib import Path, PurePosixPath

from fatheory.errors import DataError
from fatheory.tasks.images.location import FOLDER_VARIABLE, data_folder
from fatheory.tasks.images.picture import MAX_PIXELS, Size

_PREFIX = "folder/"
_DIGITS = 9
_NAME = re.compile(r"folder/(.+?)(?:@([0-9]+)x([0-9]+))?")


def is_folder_name(name: str) -> bool:
    """Tell whether `name` is meant as that of a folder of images."""
    return name.startswith(_PREFIX)


def split_name(name: str) -> tuple[PurePosixPath, Size | None]:
    """Return path and size (height, width) of the name of a folder of images.

    Raises
    ------
    DataError
        If the name is of another form, its path is absolute or climbs, or its size is too large.
    """
    match = _NAME.fullmatch(name)
    path = PurePosixPath(match[1] if match else "")
    if match is None or path.is_absolute() or ".." in path.parts or not path.parts:
        raise DataError(
            f"{name!r} names no folder of images; expected folder/PATH or "
            "folder/PATH@HEIGHTxWIDTH, with PATH relative to the folder of data sets and inside it"
        )
    if not match[2]:
        return path, None
    if max(map(len, match.groups()[1:])) > _DIGITS:
        raise DataError(f"{name!r:.60} names a size of more than {_DIGITS} digits")
    return path, _checked((int(match[2]), int(match[3])))


def joined_name(path: PurePosixPath, size: Size | None) -> str:
    """Return the name of the folder at `path`, its images brought to `size` (height, width)."""
    return f"{_PREFIX}{path}" + (f"@{size[0]}x{size[1]}" if size else "")


def with_size(name: str, size: Size) -> str:
    """Return the name of the same folder of images, brought to a size (height, width).

    Raises
    ------
    DataError
        If it is no such name, names another size, or the size is not positive or too large.
    """
    if not is_folder_name(name):
        raise DataError(
            f"the images of {name!r} have a size of their own; got size {size}, which is for "
            "names of the form folder/PATH"
        )
    path, named = split_name(name)
    if named not in (None, size):
        raise DataError(f"{name!r} names another size than {size}; give one of the two")
    return joined_name(path, _checked(size))


def folder_path(name: str, folder: Path | None = None) -> Path:
    """Return where a folder of images, or its archive, lies; it exists.

    Raises
    ------
    DataError
        If it is not there, or the name is not of the form or leads out of the folder of data
        sets, by a link too.
    """
    root = (folder or data_folder()).resolve()
    inside = split_name(name)[0]
    try:
        # Links are followed before the check: one inside the folder may lead out of it.
        path = (root / inside).resolve()
        present = path.exists()
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise DataError(f"{name!r:.80} is no name of a folder: {error!s:.80}") from error
    if not path.is_relative_to(root):
        raise DataError(f"{name!r} is refused: it leaves the folder of data sets, {root}")
    if not present:
        raise DataError(
            f"{name!r} cannot be read: {path} is not there; put it there, or choose another folder "
            f"of data sets by {FOLDER_VARIABLE}"
        )
    return path


def _checked(size: Size) -> Size:
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise DataError(f"images cannot have size {size}; allowed are 1 to {MAX_PIXELS:,} pixels")
    return size
