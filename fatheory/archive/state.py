"""The state of a run on disk: arrays by rule and name, one after another in one file."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fatheory.archive.files import FileRecord
from fatheory.errors import DamagedArchiveError

State = Mapping[str, Mapping[str, np.ndarray]]
"""From a rule's label and an array's name to the array."""


def write_state(path: Path, state: State) -> dict[str, Any]:
    """Write a state durably and return the listing by which `read_state` finds its arrays."""
    arrays = []
    with path.open("wb") as file:
        for label, of_rule in state.items():
            for name, array in of_rule.items():
                file.write(np.ascontiguousarray(array).data)
                arrays.append([label, name, array.dtype.str, list(array.shape)])
        file.flush()
        os.fsync(file.fileno())
    record = FileRecord.of(path)
    return {"file": path.name, "size": record.size, "sha256": record.sha256, "arrays": arrays}


def read_state(folder: Path, listing: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Read what `write_state` wrote.

    Raises
    ------
    DamagedArchiveError
        If the file is missing, was changed, or is not of the size that the listing asks for.
    """
    path = folder / Path(listing["file"]).name
    expected = FileRecord(listing["size"], listing["sha256"])
    kinds = [(np.dtype(dtype), tuple(shape)) for _, _, dtype, shape in listing["arrays"]]
    needed = sum(dtype.itemsize * math.prod(shape) for dtype, shape in kinds)
    if (
        not path.is_file()
        or path.is_symlink()
        or path.stat().st_size != needed
        or any(dtype.hasobject for dtype, _ in kinds)
        or FileRecord.of(path) != expected
    ):
        raise DamagedArchiveError(
            f"{path} is missing or not as it was written, so the run cannot go on from there; "
            f"what it recorded is kept by: fatheory archive repair"
        )
    state: dict[str, dict[str, np.ndarray]] = {}
    with path.open("rb") as file:
        for (label, name, _, _), (dtype, shape) in zip(listing["arrays"], kinds, strict=True):
            values = np.fromfile(file, dtype, math.prod(shape))
            state.setdefault(label, {})[name] = values.reshape(shape)
    return state
