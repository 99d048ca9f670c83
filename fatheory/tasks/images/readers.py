"""How the files of each layout become pixels and labels."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8

from fatheory.errors import DataError
from fatheory.tasks.images.cifar import decode
from fatheory.tasks.images.entry import ImageSet, Layout, Part
from fatheory.tasks.images.folder import read_folder
from fatheory.tasks.images.folder_name import split_name
from fatheory.tasks.images.idx import read_idx
from fatheory.tasks.images.mat import read_mat
from fatheory.tasks.images.stl import decode_images
from fatheory.tasks.images.synthetic import synthetic_digits
from fatheory.tasks.images.tarball import read_archive, read_batch

_Pixels = UInt8[np.ndarray, "n height width *colours"]
_Labels = Integer[np.ndarray, " n"]
_PixelsAndLabels = tuple[_Pixels, _Labels]


def _read_idx_pair(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    images_file, labels_file = (file.name for file in entry.files if file.part == part)
    count = entry.images_in(part)
    labels = read_idx(paths[labels_file], (count,))
    # Labels first: they are small, and tell a damaged set before the images are decompressed.
    _check_labels(str(paths[labels_file]), labels, entry.classes)
    return read_idx(paths[images_file], (count, *entry.shape)), labels


def _members(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> list[tuple[str, bytes]]:
    """Return the members of a part: where each was found, and its content."""
    members = [member for member in entry.unpacked if member.part == part]
    archive = paths.get(entry.files[0].name)
    if archive is not None:
        contents = read_archive(archive, members)
        return [(f"{archive}: {one.name}", contents[one.name]) for one in members]
    return [(str(paths[one.name]), read_batch(paths[one.name], one)) for one in members]


def _read_cifar(
    entry: ImageSet, part: Part, paths: Mapping[str, Path], label_bytes: int
) -> _PixelsAndLabels:
    pieces = []
    for where, content in _members(entry, part, paths):
        pieces.append(decode(content, entry.shape, label_bytes))
        _check_labels(where, pieces[-1][1], entry.classes)
    pixels, labels = zip(*pieces, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def _read_stl(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    (_, images), (where, content) = _members(entry, part, paths)
    labels = np.frombuffer(content, np.uint8)
    _check_labels(where, labels, entry.classes, first=1)
    return decode_images(images, entry.shape), labels - 1


def _read_svhn(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    (path,) = (paths[file.name] for file in entry.files if file.part == part)
    count = entry.images_in(part)
    arrays = read_mat(path, {"X": (*entry.shape, count), "y": (count, 1)})
    labels = arrays["y"].ravel()
    _check_labels(str(path), labels, entry.classes, first=1)
    return arrays["X"].transpose(3, 0, 1, 2), labels % entry.classes  # the digit 0 is stored as 10


def _read_folder(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    (path,) = paths.values()
    found = read_folder(path, split_name(entry.name)[1])
    return found.pixels[part], found.labels[part]


def _generate(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    del paths  # a generated set has no files
    height, width = entry.shape
    # Streams of their own, so that the test images do not repeat the training images.
    stream = {"train": 1, "test": 2}[part]
    return synthetic_digits(entry.images_in(part), entry.classes, (height, width), stream)


READERS: dict[Layout, Callable[[ImageSet, Part, Mapping[str, Path]], _PixelsAndLabels]] = {
    "idx": _read_idx_pair,
    "cifar": partial(_read_cifar, label_bytes=1),
    "cifar-100": partial(_read_cifar, label_bytes=2),
    "svhn": _read_svhn,
    "stl-10": _read_stl,
    "folder": _read_folder,
    "generated": _generate,
}
"""What reads a part of an image set from its files, by layout."""


def _check_labels(where: str, labels: _Labels, classes: int, first: int = 0) -> None:
    bad = (labels < first) | (labels >= first + classes)
    if bad.any():
        image = int(np.argmax(bad))
        raise DataError(
            f"{where} is damaged: found label {labels[image]} at image {image}; expected {first} "
            f"to {first + classes - 1}"
        )
