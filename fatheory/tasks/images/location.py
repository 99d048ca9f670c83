"""Where data sets are kept."""

import os
from pathlib import Path

from fatheory.errors import DataError

FOLDER_VARIABLE = "FATHEORY_DATA_DIR"
"""The environment variable that names the folder of data sets."""


def data_folder() -> Path:
    """Return the folder of data sets; the files of a set lie in a folder of the set's name.

    It is the environment variable ``FATHEORY_DATA_DIR`` if that is set, and otherwise the user's
    cache folder for fatheory. It need not exist.

    Raises
    ------
    DataError
        If the variable begins with ``~`` and there is no such home.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        try:
            # A shell expands ``~`` only where it begins a word, as in a file of settings it does
            # not.
            return Path(chosen).expanduser()
        except RuntimeError as error:
            raise DataError(f"{FOLDER_VARIABLE} is {chosen!r}: {error}") from error
    import pooch  # slow to import, and needed for nothing but this

    return Path(pooch.os_cache("fatheory"))
