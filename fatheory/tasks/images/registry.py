"""The image sets that exist: where their files come from and what those files must be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fatheory.errors import UnknownNameError

Part = Literal["train", "test"]


@dataclass(frozen=True)
class DataFile:
    """One file of an image set.

    Attributes
    ----------
    name : str
        Path inside the set's folder, with forward slashes.
    sha256 : str
        Checksum of the official file, in lower-case hexadecimal.
    size : int
        Its size in bytes.
    urls : tuple of str
        Where it can be downloaded, tried in this order; empty if it comes out of an archive.
    part : {"train", "test"} or None
        The official part that it holds; None for an archive of both.
    """

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...] = ()
    part: Part | None = None


@dataclass(frozen=True)
class ImageSet:
    """What is known about an image set before reading it.

    Attributes
    ----------
    name, title : str
        The name in code and the name in prose.
    layout : {"idx", "cifar", "generated"}
        How the files are laid out; a generated set has none.
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
        The members of the downloaded archive, accepted in its place; for ``"cifar"`` only.
    """

    name: str
    title: str
    layout: Literal["idx", "cifar", "generated"]
    train: int
    test: int
    validation: int
    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    licence: str
    citation: str
    files: tuple[DataFile, ...] = ()
    unpacked: tuple[DataFile, ...] = ()

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def images_in(self, part: Part) -> int:
        """How many images an official part has."""
        return self.train if part == "train" else self.test


_IDX_NAMES: tuple[tuple[str, Part], ...] = (
    ("train-images-idx3-ubyte.gz", "train"),
    ("train-labels-idx1-ubyte.gz", "train"),
    ("t10k-images-idx3-ubyte.gz", "test"),
    ("t10k-labels-idx1-ubyte.gz", "test"),
)


def _idx_files(
    mirrors: Sequence[str], sums_and_sizes: Sequence[tuple[str, int]]
) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(name, sha256, size, tuple(mirror + name for mirror in mirrors), part)
        for (name, part), (sha256, size) in zip(_IDX_NAMES, sums_and_sizes, strict=True)
    )


# Checksums and sizes as in tensorflow/datasets, url_checksums/mnist.txt.
_MNIST = ImageSet(
    name="mnist",
    title="MNIST",
    layout="idx",
    train=60_000,
    test=10_000,
    validation=10_000,
    shape=(28, 28),
    class_names=tuple("0123456789"),
    licence="Copyright Yann LeCun and Corinna Cortes; commonly stated to be CC BY-SA 3.0",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document "
        "recognition. Proceedings of the IEEE 86, 2278-2324 (1998)"
    ),
    files=_idx_files(
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        (
            ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
            ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
            ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
            ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
        ),
    ),
)

# Checksums and sizes as in tensorflow/datasets, url_checksums/fashion_mnist.txt.
_FASHION_MNIST = ImageSet(
    name="fashion-mnist",
    title="Fashion-MNIST",
    layout="idx",
    train=60_000,
    test=10_000,
    validation=10_000,
    shape=(28, 28),
    class_names=(
        *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    licence="MIT, copyright 2017 Zalando SE",
    citation=(
        "H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a novel image dataset for benchmarking "
        "machine learning algorithms. arXiv:1708.07747 (2017)"
    ),
    files=_idx_files(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        (
            ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
            ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
            ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
            ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
        ),
    ),
)

_CIFAR_BATCHES: tuple[tuple[str, str, Part], ...] = (
    ("data_batch_1", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5", "train"),
    ("data_batch_2", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed", "train"),
    ("data_batch_3", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67", "train"),
    ("data_batch_4", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48", "train"),
    ("data_batch_5", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add", "train"),
    ("test_batch", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b", "test"),
)

# The archive's checksum and size as in tensorflow/datasets, url_checksums/cifar10.txt; those of
# its members as in ankane/torchvision-ruby, CIFAR10.
_CIFAR_10 = ImageSet(
    name="cifar-10",
    title="CIFAR-10 (binary version)",
    layout="cifar",
    train=50_000,
    test=10_000,
    validation=5_000,
    shape=(32, 32, 3),
    class_names=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    licence="None stated; the authors ask that their report be cited",
    citation=(
        "A. Krizhevsky. Learning multiple layers of features from tiny images. Technical report, "
        "University of Toronto (2009)"
    ),
    files=(
        DataFile(
            "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170_052_171,
            ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        ),
    ),
    unpacked=tuple(
        DataFile(f"cifar-10-batches-bin/{name}.bin", sha256, 30_730_000, part=part)
        for name, sha256, part in _CIFAR_BATCHES
    ),
)

_SYNTHETIC_DIGITS = ImageSet(
    name="synthetic-digits",
    title="Synthetic digits (generated)",
    layout="generated",
    train=2_500,
    test=500,
    validation=500,
    shape=(8, 8),
    class_names=tuple("0123456789"),
    licence="BSD-3-Clause, generated by fatheory",
    citation="Generated by fatheory: ten smooth random patterns, moved and with noise; no digits",
)

IMAGE_SETS: dict[str, ImageSet] = {
    entry.name: entry for entry in (_MNIST, _FASHION_MNIST, _CIFAR_10, _SYNTHETIC_DIGITS)
}
"""Every image set, by name."""


def image_set(name: str) -> ImageSet:
    """Return what is known about the image set `name`.

    Raises
    ------
    UnknownNameError
        If there is no such set; the message lists those there are.
    """
    if name not in IMAGE_SETS:
        raise UnknownNameError("image set", name, IMAGE_SETS)
    return IMAGE_SETS[name]
