"""Arrays of one's own, read back from an archive that holds them."""

from typing import Any

import numpy as np

from fatheory import labels
from fatheory.errors import DataError
from fatheory.experiment.array_contents import ArrayContents
from fatheory.tasks.array_set import ArraySet
from fatheory.tasks.own_arrays import GivenArrays, OwnArrays, RecordedArrays


def recorded_arrays(archive: Any, contents: ArrayContents, root_seed: int) -> OwnArrays | None:
    """Return the arrays that an archive holds; None if it holds none.

    Parameters
    ----------
    archive : Dataset
        Of a run, or of a sweep whose cells all learn the same arrays.
    contents : ArrayContents
        What they are said to be.
    root_seed : int
        Of the experiment that drew them, where each seed has its own.

    Raises
    ------
    DataError
        If they are others. Only of arrays that all seeds share can that be told: of those that a
        function draws the description knows the function, not what it drew for each seed.
    """
    each = bool(contents.drawn_by)
    names = [labels.of_each_seed(name) if each else name for name in labels.OWN_EXAMPLES]
    wanted = names if contents.held_out else names[:2]
    if not all(name in archive and archive[name].ndim == 2 + each for name in wanted):
        return None
    stored = [_by_label(archive[name], each, contents.precision) for name in wanted]
    # Drawn arrays have no digest of their content: that in the description is of what draws them.
    if not each:
        held = _array_set(stored, contents)
        if held.digest != contents.digest:
            raise DataError(
                f"the arrays of the archive are not those of its description (SHA-256 "
                f"{held.digest:.16}...; expected {contents.digest:.16}...): it was changed"
            )
        return GivenArrays(held)
    seeds = np.atleast_1d(archive[labels.SEED].values)
    drawn = {
        (root_seed, int(seed)): _array_set([array[i] for array in stored], contents)
        for i, seed in enumerate(seeds)
    }
    return RecordedArrays(contents.digest, drawn)


def _by_label(values: Any, each: bool, precision: str) -> np.ndarray:
    # Somebody may have transposed the archive, and square arrays would not tell.
    sample = {labels.EXAMPLE, labels.HELD_OUT_EXAMPLE} & set(values.dims)
    first = ((labels.SEED,) if each else ()) + tuple(sample)
    return np.asarray(values.transpose(*first, ...).values, precision)


def _array_set(stored: list[np.ndarray], contents: ArrayContents) -> ArraySet:
    # Copies, as sets of arrays are made read-only, and the archive is somebody's.
    inputs, targets, *held_out = (array.copy() for array in stored)
    X, Y = held_out or (inputs[:0], targets[:0])
    if targets.shape[1] > contents.outputs:  # unit by unit, of which spiking networks have groups
        group = targets.shape[1] // contents.outputs
        targets, Y = (np.ascontiguousarray(array[:, ::group]) for array in (targets, Y))
    return ArraySet(inputs, targets, X, Y, contents.shape, contents.of_classes)
