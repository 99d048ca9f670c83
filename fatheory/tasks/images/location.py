"""Where data sets are kept."""

import os
from pathlib import Path

FOLDER_VARIABLE = "FATHEORY_DATA_DIR"
"""The environment variable that names the folder of data sets."""


def data_folder() -> Path:
    """Return the folder of data sets; the files of a set lie in a folder of the set's name.

    It is the environment variable ``FATHEORY_DATA_DIR`` if that is set, and otherwise the user's
    cache folder for fatheory. It need not exist.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import pooch  # slow to import, and needed for nothing but this

    return Path(pooch.os_cache("fatheory"))
