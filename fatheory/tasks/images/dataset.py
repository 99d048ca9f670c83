"""Image sets in memory: images in [0, 1] with labels, split for training and evaluation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from fatheory.errors import DataError, UnknownNameError
from fatheory.tasks.images.cifar import decode, read_archive, read_batch
from fatheory.tasks.images.download import fetch
from fatheory.tasks.images.idx import read_idx
from fatheory.tasks.images.registry import ImageSet, Part, image_set
from fatheory.tasks.images.store import usable_files
from fatheory.tasks.images.synthetic import synthetic_digits

Split = Literal["train", "validation", "test", "train+validation"]

_Pixels = UInt8[np.ndarray, "n height width *colours"]
_Labels = UInt8[np.ndarray, " n"]
_PixelsAndLabels = tuple[_Pixels, _Labels]


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels.

    Attributes
    ----------
    images : array of shape (n, height, width) or (n, height, width, 3)
        Grey or colour values in [0, 1], in single precision.
    labels : array of shape (n,)
        Classes, from 0.
    name : str
        The image set; ends in `` (unverified)`` where a file was not the official one.
    split : str
        Which part of the set.
    classes : int
        How many classes the set has.
    """

    images: Float32[np.ndarray, "n height width *colours"]
    labels: Int64[np.ndarray, " n"]
    name: str
    split: str
    classes: int

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels)

    def flattened(self) -> Float32[np.ndarray, "n pixels"]:
        """Return the images as rows: the inputs of a dense network."""
        return self.images.reshape(len(self), -1)

    def one_hot(self) -> Float32[np.ndarray, "n classes"]:
        """Return the labels as rows that are 1 at the class and 0 elsewhere: targets."""
        return np.eye(self.classes, dtype=np.float32)[self.labels]


def load(
    name: str,
    split: str = "train",
    *,
    download: bool = False,
    verify: bool = True,
    folder: Path | None = None,
) -> Images:
    """Read a split of an image set, in the official order.

    ``"validation"`` is the last part of the official training set: 10,000 images of MNIST and
    Fashion-MNIST, 5,000 of CIFAR-10, 500 of the synthetic digits. ``"train"`` is what precedes
    it, ``"train+validation"`` the whole official training set, ``"test"`` the official test set.
    Pixels are divided by 255 and otherwise as they are: neither centred nor scaled.

    Parameters
    ----------
    name : str
        A name in `IMAGE_SETS`.
    split : {"train", "validation", "test", "train+validation"}
        Which part.
    download : bool
        Whether to `fetch` the files that are missing or damaged first.
    verify : bool
        Whether the files must be the official ones. If False, others of the same layout are read
        too, and the result's name says so.
    folder : Path, optional
        The folder of data sets, `data_folder` by default.

    Raises
    ------
    UnknownNameError
        If there is no such set or split.
    DataError
        If a file is missing, damaged, or not laid out as it should be.
    """
    entry = image_set(name)
    if split not in get_args(Split):
        raise UnknownNameError("split", split, get_args(Split))
    part: Part = "test" if split == "test" else "train"
    if download:
        fetch(name, folder=folder)
    paths, official = usable_files(name, folder, verify_checksums=verify)
    pixels, labels = _READERS[entry.layout](entry, part, paths)
    chosen = _rows(entry, split)
    return Images(
        images=np.divide(pixels[chosen], 255, dtype=np.float32, order="C"),
        labels=labels[chosen].astype(np.int64),
        name=entry.name if official else f"{entry.name} (unverified)",
        split=split,
        classes=entry.classes,
    )


def _rows(entry: ImageSet, split: str) -> slice:
    """Return which images of the official part make up a split."""
    kept = entry.train - entry.validation
    return {"train": slice(0, kept), "validation": slice(kept, None)}.get(split, slice(None))


def _read_idx_pair(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    images_file, labels_file = (file.name for file in entry.files if file.part == part)
    count = entry.images_in(part)
    labels = read_idx(paths[labels_file], (count,))
    _check_labels(str(paths[labels_file]), labels, entry.classes)
    return read_idx(paths[images_file], (count, *entry.shape)), labels


def _read_cifar(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    batches = [batch for batch in entry.unpacked if batch.part == part]
    archive = paths.get(entry.files[0].name)
    if archive is not None:
        contents = read_archive(archive, batches)
    else:
        contents = {batch.name: read_batch(paths[batch.name], batch) for batch in batches}
    pieces = []
    for batch in batches:
        pieces.append(decode(contents[batch.name], entry.shape))
        where = paths.get(batch.name, f"{archive}: {batch.name}")
        _check_labels(str(where), pieces[-1][1], entry.classes)
    pixels, labels = zip(*pieces, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def _generate(entry: ImageSet, part: Part, paths: Mapping[str, Path]) -> _PixelsAndLabels:
    del paths  # a generated set has no files
    height, width = entry.shape
    stream = {"train": 1, "test": 2}[part]
    return synthetic_digits(entry.images_in(part), entry.classes, (height, width), stream)


_READERS: dict[str, Callable[[ImageSet, Part, Mapping[str, Path]], _PixelsAndLabels]] = {
    "idx": _read_idx_pair,
    "cifar": _read_cifar,
    "generated": _generate,
}


def _check_labels(where: str, labels: _Labels, classes: int) -> None:
    if labels.max() >= classes:
        first = int(np.argmax(labels >= classes))
        raise DataError(
            f"{where} is damaged: found label {labels[first]} at image {first}; expected 0 to "
            f"{classes - 1}"
        )
