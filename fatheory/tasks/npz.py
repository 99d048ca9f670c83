"""Arrays in an ``.npz`` file."""

import zipfile
from pathlib import Path

import numpy as np

from fatheory.errors import DataError, suggestion
from fatheory.tasks.array_set import Validation

_OWN = ("inputs", "targets")
_HELD_OUT = ("validation_inputs", "validation_targets")


def read_npz(
    path: str | Path, validation: Validation = None
) -> tuple[np.ndarray, np.ndarray, Validation]:
    """Read inputs, targets, and validation examples where there are any.

    Parameters
    ----------
    path : path
        The file; nothing but plain arrays is read from it.
    validation : float or (inputs, targets), optional
        What to hold out of a file that has no validation examples.

    Raises
    ------
    DataError
        If it is no such file, lacks an array, has others, or holds objects.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise DataError(
            f"{path} cannot be read, for there is no such file: "
            f"numpy.savez({str(path)!r}, inputs=X, targets=Y) writes one"
        ) from error
    # What `np.load` raises of damaged files; the last two of a plain ``.npy`` array, which is no
    # archive.
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read as an .npz file of plain arrays, as numpy.savez writes one: "
            f"{error}"
        ) from error
    known = (*_OWN, *_HELD_OUT)
    for name in found:
        if name not in known:
            raise DataError(
                f"{path} holds {name!r}, an array that tasks do not have{suggestion(name, known)}"
            )
    missing = [name for name in _OWN if name not in found]
    held = [name for name in _HELD_OUT if name in found]
    missing += [name for name in _HELD_OUT if held and name not in held]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(found)}")
    if held and validation is not None:
        raise DataError(f"{path} has validation examples of its own; leave validation out")
    if held:
        validation = (found[_HELD_OUT[0]], found[_HELD_OUT[1]])
    return found["inputs"], found["targets"], validation
