"""What is known about an image set before it is read."""

from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "test"]
Layout = Literal["idx", "cifar", "cifar-100", "svhn", "stl-10", "folder", "generated"]


@dataclass(frozen=True)
class DataFile:
    """One file of an image set.

    Attributes
    ----------
    name : str
        Path inside the set's folder, with forward slashes.
    sha256 : str or None
        Checksum of the official file, in lower-case hexadecimal; None where only `md5` is known.
    size : int
        Its size in bytes.
    urls : tuple of str
        Where it can be downloaded, tried in this order; empty if it comes out of an archive.
    part : {"train", "test"} or None
        The official part that it holds; None for an archive of both.
    md5 : str or None
        What takes the place of an unknown `sha256`. It tells a damaged file from the official
        one, and not a forged one.
    """

    name: str
    sha256: str | None
    size: int
    urls: tuple[str, ...] = ()
    part: Part | None = None
    md5: str | None = None

    @property
    def checksum(self) -> str:
        """The official checksum with its algorithm, such as ``"sha256:5feceb66..."``."""
        # Of some members only MD5 sums are published; against damage they serve as well.
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}"


@dataclass(frozen=True)
class ImageSet:
    """What is known about an image set before reading it.

    Attributes
    ----------
    name, title : str
        The name in code and the name in prose.
    layout : {"idx", "cifar", "cifar-100", "svhn", "stl-10", "folder", "generated"}
        How the files are laid out. A folder of images has no official ones, a generated set none.
    train, test : int
        Images in the official training and test sets.
    validation : int
        How many images at the end of the training set the split ``"validation"`` takes.
    shape : tuple of int
        Height and width, and 3 where there are colours.
    class_names : tuple of str
        What the labels 0, 1, ... stand for.
    licence, citation : str
        Under which terms and with which reference the set may be used.
    files : tuple of DataFile
        What is downloaded. For ``"idx"``: images, then labels, of each part.
    unpacked : tuple of DataFile
        The members of a downloaded archive, accepted in its place.
    digest : str
        Of the images of a folder, which have no official checksums; empty where it is not known.
    """

    name: str
    title: str
    layout: Layout
    train: int
    test: int
    validation: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    licence: str
    citation: str
    files: tuple[DataFile, ...] = ()
    unpacked: tuple[DataFile, ...] = ()
    digest: str = ""

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def images_in(self, part: Part) -> int:
        """How many images an official part has."""
        return self.train if part == "train" else self.test
