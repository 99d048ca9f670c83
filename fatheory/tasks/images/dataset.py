"""Image sets in memory: images in [0, 1] with labels, split for training and evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32, Int64

from fatheory.errors import DataError, UnknownNameError
from fatheory.tasks.images.download import fetch
from fatheory.tasks.images.entry import ImageSet, Part
from fatheory.tasks.images.folder_name import with_size
from fatheory.tasks.images.readers import READERS
from fatheory.tasks.images.registry import image_set
from fatheory.tasks.images.store import usable_files

Split = Literal["train", "validation", "test", "train+validation"]


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels.

    Attributes
    ----------
    images : array of shape (n, height, width) or (n, height, width, 3)
        Grey or colour values in single precision, in [0, 1] until they are `standardized`.
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
    size: tuple[int, int] | None = None,
) -> Images:
    """Read a split of an image set, in the official order.

    ``"validation"`` is the last part of the official training set: 10,000 images of MNIST and
    Fashion-MNIST, 500 of the synthetic digits, and of the others a tenth: 5,000 of CIFAR-10 and
    CIFAR-100, 7,325 of SVHN, 500 of STL-10. ``"train"`` is what precedes it,
    ``"train+validation"`` the whole official training set, ``"test"`` the official test set.
    How a folder of images is split and ordered, `read_folder` says. Pixels are divided by 255 and
    otherwise as they are: neither centred nor scaled, as `standardized` does.

    The labels of CIFAR-100 are the fine ones. The archive of STL-10 is read through to its end,
    2.6 GB, at each call; unpacked it is quicker. Its unlabelled images are not used.

    Parameters
    ----------
    name : str
        A name in `IMAGE_SETS`, or ``folder/PATH`` for a folder of images per class or an archive
        of one in the folder of data sets, or ``folder/PATH@HEIGHTxWIDTH`` for its images brought
        to one size.
    split : {"train", "validation", "test", "train+validation"}
        Which part.
    download : bool
        Whether to `fetch` the files that are missing or damaged first.
    verify : bool
        Whether the files must be the official ones. If False, others of the same layout are read
        too, and the result's name says so.
    folder : Path, optional
        The folder of data sets, `data_folder` by default.
    size : (int, int), optional
        Height and width, for a folder of images only: the same as in its name.

    Raises
    ------
    UnknownNameError
        If there is no such set or split.
    DataError
        If a file is missing, damaged, or not laid out as it should be, or the split is empty.
    """
    if size is not None:
        name = with_size(name, size)
    entry = image_set(name, folder)
    if split not in get_args(Split):
        raise UnknownNameError("split", split, get_args(Split))
    part: Part = "test" if split == "test" else "train"
    if download:
        fetch(name, folder=folder)
    paths, official = usable_files(name, folder, verify_checksums=verify)
    pixels, labels = READERS[entry.layout](entry, part, paths)
    chosen = _rows(entry, split)
    if not len(labels[chosen]):
        raise DataError(
            f"{name} has no images for {split!r}: its classes are too small to give any"
        )
    return Images(
        # In one pass: a copy in single precision that is divided afterwards would need the room
        # twice. In C order, as transposed pixels would make rows of inputs slow to gather.
        images=np.divide(pixels[chosen], 255, dtype=np.float32, order="C"),
        labels=labels[chosen].astype(np.int64),
        name=entry.name if official else f"{entry.name} (unverified)",
        split=split,
        classes=entry.classes,
    )


def _rows(entry: ImageSet, split: str) -> slice:
    """Return which images of the official part make up a split."""
    kept = entry.train - entry.validation
    # The last part of each; `arrange` puts that of folders last, too.
    return {"train": slice(0, kept), "validation": slice(kept, None)}.get(split, slice(None))
