"""Which image of a folder belongs to which class and part, and in which order."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, zip_longest

import numpy as np
from jaxtyping import UInt8

from fatheory.errors import DataError
from fatheory.tasks.images.entry import Part
from fatheory.tasks.images.tree import Parts

_PARTS: tuple[Part, ...] = ("train", "test")
_TEST_EVERY = 5
_VALIDATION_EVERY = 10
_LAYOUTS = "train/<class>/<image> and test/<class>/<image>, or <class>/<image> throughout"

Picture = UInt8[np.ndarray, "_height _width *_colours"]
Labelled = tuple[int, Picture]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Pictures in order, with their labels.

    Attributes
    ----------
    class_names : tuple of str
        Sorted.
    parts : dict of list of (int, array)
        Label and picture of each image of ``"train"`` and ``"test"``.
    validation : int
        How many at the end of ``"train"`` are for validation.
    """

    class_names: tuple[str, ...]
    parts: dict[Part, list[Labelled]]
    validation: int


def arrange(
    where: str, pictures: Mapping[Parts, Picture], folders: Collection[Parts]
) -> Arrangement:
    """Sort pictures into parts and classes by their paths, as `read_folder` states.

    Parameters
    ----------
    where : str
        The name of the whole in messages.
    pictures : mapping of path to array
        The pictures.
    folders : collection of path
        All folders, those without pictures too.

    Raises
    ------
    DataError
        If paths are laid out otherwise, a class has no pictures, or a class's name cannot be
        printed.
    """
    top = _outer_folder(pictures)
    # Sorted: file systems and archives list files in an order of their own.
    inside = {path[len(top) :]: picture for path, picture in sorted(pictures.items())}
    parted = _is_parted(where, inside)
    found = [path[len(top) :] for path in folders if path[: len(top)] == top]
    if parted:
        # Of both parts together, so that a class that one of them lacks is missed and not
        # renumbered.
        names = sorted({path[1] for path in found if len(path) == 2 and path[0] in _PARTS})
        wanted: list[Parts] = list(product(_PARTS, names))
    else:
        names = sorted(path[0] for path in found if len(path) == 1)
        wanted = [(name,) for name in names]
    _check_names(where, names)
    classes = _by_folder(where, inside, wanted)
    if parted:
        train, test = classes[: len(names)], classes[len(names) :]
    else:
        train, test = _split(classes, _TEST_EVERY)
    train, held_out = _split(train, _VALIDATION_EVERY)
    validation = _in_turns(held_out)
    parts: dict[Part, list[Labelled]] = {
        "train": _in_turns(train) + validation,
        "test": _in_turns(test),
    }
    return Arrangement(tuple(names), parts, len(validation))


def _outer_folder(paths: Collection[Parts]) -> Parts:
    """Return the one folder around all classes or parts, if there is one; archives have it."""
    firsts = {path[0] for path in paths}
    around = len(firsts) == 1 and firsts.isdisjoint(_PARTS) and min(map(len, paths)) > 2
    return tuple(firsts) if around else ()


def _is_parted(where: str, paths: Iterable[Parts]) -> bool:
    """Tell the two layouts apart, and refuse what is neither."""
    kinds = {(len(path), path[0] in _PARTS): "/".join(path) for path in paths}
    if set(kinds) not in ({(3, True)}, {(2, False)}):
        raise DataError(
            f"{where} is no folder of images: expected {_LAYOUTS}; found "
            f"{' and '.join(kinds.values()) or 'no images'}"
        )
    return (3, True) in kinds


def _check_names(where: str, names: Iterable[str]) -> None:
    for name in names:
        if not name.isprintable():  # neither can it be stored with a run
            raise DataError(f"{where} has a class of the name {name!r}, which cannot be printed")


def _by_folder(
    where: str, inside: Mapping[Parts, Picture], folders: Sequence[Parts]
) -> list[list[Picture]]:
    found: dict[Parts, list[Picture]] = {folder: [] for folder in folders}
    for path, picture in inside.items():
        found[path[:-1]].append(picture)
    empty = ["/".join(folder) for folder, some in found.items() if not some]
    if empty:
        raise DataError(
            f"{where} has classes without images: {', '.join(empty)}; add images that can be read, "
            "or remove the folders"
        )
    return list(found.values())


def _split(
    classes: Sequence[Sequence[Picture]], every: int
) -> tuple[list[list[Picture]], list[list[Picture]]]:
    """Take one of `every` pictures out of each class, and return the others first."""
    # By counting and not by a draw: a folder that gains a class keeps the split of the others.
    kept = [[one for k, one in enumerate(some, 1) if k % every] for some in classes]
    return kept, [list(some[every - 1 :: every]) for some in classes]


def _in_turns(classes: Sequence[Sequence[Picture]]) -> list[Labelled]:
    """Order pictures so that classes take turns, as long as they last."""
    turns = zip_longest(*classes)
    return [(c, one) for turn in turns for c, one in enumerate(turn) if one is not None]
