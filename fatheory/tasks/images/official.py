"""The official image sets: where their files come from and what those files must be."""

from collections.abc import Sequence

from fatheory.tasks.images.entry import DataFile, ImageSet, Part

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
MNIST = ImageSet(
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
FASHION_MNIST = ImageSet(
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
CIFAR_10 = ImageSet(
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

_CIFAR_100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
bowl boy bridge bus butterfly camel can castle caterpillar cattle
chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

# The archive's checksum and size as in tensorflow/datasets, url_checksums/cifar100.txt; those of
# its members as in ankane/torchvision-ruby, CIFAR100.
CIFAR_100 = ImageSet(
    name="cifar-100",
    title="CIFAR-100 (binary version)",
    layout="cifar-100",
    train=50_000,
    test=10_000,
    validation=5_000,
    shape=(32, 32, 3),
    class_names=tuple(_CIFAR_100_CLASSES.split()),
    licence=CIFAR_10.licence,
    citation=CIFAR_10.citation,
    files=(
        DataFile(
            "cifar-100-binary.tar.gz",
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            168_513_733,
            ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
        ),
    ),
    unpacked=(
        DataFile(
            "cifar-100-binary/train.bin",
            "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
            153_700_000,
            part="train",
        ),
        DataFile(
            "cifar-100-binary/test.bin",
            "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
            30_740_000,
            part="test",
        ),
    ),
)

# Checksums and sizes as in tensorflow/datasets, url_checksums/svhn_cropped.txt.
SVHN = ImageSet(
    name="svhn",
    title="SVHN (cropped digits)",
    layout="svhn",
    train=73_257,
    test=26_032,
    validation=7_325,
    shape=(32, 32, 3),
    class_names=tuple("0123456789"),
    licence="For non-commercial use only",
    citation=(
        "Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng. Reading digits in natural "
        "images with unsupervised feature learning. NIPS Workshop on Deep Learning and "
        "Unsupervised Feature Learning (2011)"
    ),
    files=(
        DataFile(
            "train_32x32.mat",
            "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            182_040_794,
            ("http://ufldl.stanford.edu/housenumbers/train_32x32.mat",),
            "train",
        ),
        DataFile(
            "test_32x32.mat",
            "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            64_275_384,
            ("http://ufldl.stanford.edu/housenumbers/test_32x32.mat",),
            "test",
        ),
    ),
)

_STL_MEMBERS: tuple[tuple[str, str, int, Part], ...] = (
    ("train_X.bin", "918c2871b30a85fa023e0c44e0bee87f", 138_240_000, "train"),
    ("train_y.bin", "5a34089d4802c674881badbb80307741", 5_000, "train"),
    ("test_X.bin", "7f263ba9f9e0b06b93213547f721ac82", 221_184_000, "test"),
    ("test_y.bin", "36f9794fa4beb8a2c72628de14fa638e", 8_000, "test"),
)

# The archive's checksum and size as in tensorflow/datasets, url_checksums/stl10.txt; those of its
# members as in pytorch/vision, STL10.
STL_10 = ImageSet(
    name="stl-10",
    title="STL-10 (labelled images)",
    layout="stl-10",
    train=5_000,
    test=8_000,
    validation=500,
    shape=(96, 96, 3),
    class_names=(
        *("airplane", "bird", "car", "cat", "deer"),
        *("dog", "horse", "monkey", "ship", "truck"),
    ),
    licence="None stated; the images are ImageNet's, and the authors ask to be cited",
    citation=(
        "A. Coates, H. Lee, A. Y. Ng. An analysis of single-layer networks in unsupervised "
        "feature learning. AISTATS (2011)"
    ),
    files=(
        DataFile(
            "stl10_binary.tar.gz",
            "f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
            2_640_397_119,
            (
                "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
            ),
        ),
    ),
    unpacked=tuple(
        DataFile(f"stl10_binary/{name}", None, size, part=part, md5=md5)
        for name, md5, size, part in _STL_MEMBERS
    ),
)
