import gzip
import io
import os

import numpy as np
import pytest
from scipy.io import savemat

from fatheory.errors import DataError, UnknownNameError
from fatheory.tasks.images import Images, load, status, verify


def check_split(tiny, split: str, part: str, rows: slice) -> None:
    found = load(tiny.name, split)
    assert found.images.dtype == np.float32
    assert found.labels.dtype == np.int64
    assert found.images.flags.c_contiguous
    np.testing.assert_allclose(found.images, tiny.pixels[part][rows] / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(found.labels, tiny.labels[part][rows])
    assert (found.name, found.split, found.classes) == (tiny.name, split, 3)


SPLITS = [
    ("train", "train", slice(0, 8)),
    ("validation", "train", slice(8, 12)),
    ("train+validation", "train", slice(0, 12)),
    ("test", "test", slice(0, 5)),
]


@pytest.mark.parametrize(("split", "part", "rows"), SPLITS)
def test_idx_splits(tiny_idx, split, part, rows):
    tiny_idx.write()
    check_split(tiny_idx, split, part, rows)


@pytest.mark.parametrize(("split", "part", "rows"), SPLITS)
@pytest.mark.parametrize("packed", [True, False])
def test_cifar_splits(tiny_cifar, packed, split, part, rows):
    files = tiny_cifar.entry.files if packed else tiny_cifar.entry.unpacked
    tiny_cifar.write(*(file.name for file in files))
    check_split(tiny_cifar, split, part, rows)


@pytest.mark.parametrize(("split", "part", "rows"), SPLITS)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("tiny", ["tiny_cifar_100", "tiny_stl"])
def test_splits_of_other_archives(request, tiny, packed, split, part, rows):
    tiny = request.getfixturevalue(tiny)
    files = tiny.entry.files if packed else tiny.entry.unpacked
    tiny.write(*(file.name for file in files))
    check_split(tiny, split, part, rows)


@pytest.mark.parametrize(("split", "part", "rows"), SPLITS)
def test_svhn_splits(tiny_svhn, split, part, rows):
    tiny_svhn.write()
    check_split(tiny_svhn, split, part, rows)


def test_a_missing_set_names_the_command_that_gets_it(tiny_idx, mirror):
    tiny_idx.write("train-images.gz")
    with pytest.raises(DataError) as caught:
        load("tiny-idx")
    message = str(caught.value)
    assert f"{tiny_idx.where / 'train-labels.gz'}: missing" in message
    assert "`fatheory data fetch tiny-idx`" in message
    assert "FATHEORY_DATA_DIR" in message
    assert "train-images.gz" not in message
    assert mirror.requests == []


def test_download_gets_what_is_missing(tiny_idx):
    assert len(load("tiny-idx", "test", download=True)) == 5
    assert all(report.state == "present" for report in verify("tiny-idx"))


def test_a_damaged_file_is_not_used_and_not_touched(tiny_idx):
    tiny_idx.write()
    path = tiny_idx.replace("test-images.gz", b"damaged")
    with pytest.raises(DataError) as caught:
        load("tiny-idx")
    message = str(caught.value)
    assert f"{path}: damaged: found 7 bytes" in message
    assert tiny_idx.entry.files[2].sha256 in message
    assert "`fatheory data fetch tiny-idx` moves a damaged file aside" in message
    assert path.read_bytes() == b"damaged"
    assert sorted(os.listdir(tiny_idx.where)) == sorted(tiny_idx.contents)


def test_a_file_damaged_since_the_last_reading_is_noticed(tiny_idx):
    tiny_idx.write()
    load("tiny-idx")
    tiny_idx.replace("test-images.gz", b"damaged")
    with pytest.raises(DataError, match="damaged"):
        load("tiny-idx")


def test_reading_writes_nothing(tiny_idx):
    tiny_idx.write()
    for path in (tiny_idx.where, tiny_idx.root):
        path.chmod(0o555)
    assert len(load("tiny-idx")) == 8
    assert sorted(os.listdir(tiny_idx.where)) == sorted(tiny_idx.contents)
    for path in (tiny_idx.root, tiny_idx.where):
        path.chmod(0o755)


def test_other_files_of_the_same_layout_are_read_on_request_and_marked(tiny_cifar):
    names = [file.name for file in tiny_cifar.entry.unpacked]
    tiny_cifar.write(*names)
    changed = bytearray(tiny_cifar.contents[names[2]])
    changed[1] ^= 0xFF
    tiny_cifar.replace(names[2], bytes(changed))
    with pytest.raises(DataError, match=r"downloads the official archive; verify=False reads"):
        load("tiny-cifar", "test")
    found = load("tiny-cifar", "test", verify=False)
    assert found.name == "tiny-cifar (unverified)"
    pixel = tiny_cifar.pixels["test"][0, 0, 0, 0] ^ 0xFF
    assert found.images[0, 0, 0, 0] == pytest.approx(pixel / 255)


def test_official_files_are_not_marked(tiny_cifar):
    tiny_cifar.write()
    assert load("tiny-cifar", verify=False).name == "tiny-cifar"


def test_missing_files_stay_an_error_without_checksums(tiny_idx):
    with pytest.raises(DataError, match="missing"):
        load("tiny-idx", verify=False)
    tiny_idx.write()
    (tiny_idx.where / "test-labels.gz").unlink()
    (tiny_idx.where / "test-labels.gz").mkdir()
    with pytest.raises(DataError, match="no regular file"):
        load("tiny-idx", verify=False)


def test_idx_labels_out_of_range_are_refused(tiny_idx):
    tiny_idx.write()
    labels = tiny_idx.labels["test"].copy()
    labels[3] = 7
    path = tiny_idx.replace("test-labels.gz", gzip.compress(tiny_idx.idx_bytes(labels)))
    with pytest.raises(DataError, match="found label 7 at image 3; expected 0 to 2") as caught:
        load("tiny-idx", "test", verify=False)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("packed", [True, False])
def test_cifar_labels_out_of_range_are_refused(tiny_cifar, packed):
    names = [file.name for file in tiny_cifar.entry.unpacked]
    contents = {name: tiny_cifar.contents[name] for name in names}
    bad = bytearray(contents[names[1]])
    bad[2 * 13] = 3
    contents[names[1]] = bytes(bad)
    if packed:
        tiny_cifar.replace("tiny.tar.gz", tiny_cifar.tar_bytes(list(contents.items())))
    else:
        for name, content in contents.items():
            tiny_cifar.replace(name, content)
    with pytest.raises(DataError, match="found label 3 at image 2; expected 0 to 2") as caught:
        load("tiny-cifar", verify=False)
    assert names[1] in str(caught.value)


@pytest.mark.parametrize("label", [0, 4])
def test_stl_labels_out_of_range_are_refused(tiny_stl, label):
    tiny_stl.write(*(file.name for file in tiny_stl.entry.unpacked))
    labels = tiny_stl.labels["test"] + 1
    labels[3] = label
    path = tiny_stl.replace("tiny/test_y.bin", labels.tobytes())
    match = f"{path} is damaged: found label {label} at image 3; expected 1 to 3"
    with pytest.raises(DataError, match=match):
        load("tiny-stl", "test", verify=False)


@pytest.mark.parametrize("label", [0, 4])
def test_svhn_labels_out_of_range_are_refused(tiny_svhn, label):
    tiny_svhn.write()
    buffer = io.BytesIO()
    labels = np.array([[1], [label], [2], [3], [3]], np.uint8)
    savemat(buffer, {"X": tiny_svhn.pixels["test"].transpose(1, 2, 3, 0), "y": labels})
    path = tiny_svhn.replace("test.mat", buffer.getvalue())
    match = f"{path} is damaged: found label {label} at image 1; expected 1 to 3"
    with pytest.raises(DataError, match=match):
        load("tiny-svhn", "test", verify=False)


def test_cifar_100_coarse_labels_are_no_classes(tiny_cifar_100):
    tiny_cifar_100.write(*(file.name for file in tiny_cifar_100.entry.unpacked))
    content = bytearray(tiny_cifar_100.contents["tiny/test.bin"])
    content[14 + 1] = 3
    tiny_cifar_100.replace("tiny/test.bin", bytes(content))
    with pytest.raises(DataError, match="found label 3 at image 1; expected 0 to 2"):
        load("tiny-cifar-100", "test", verify=False)


def test_an_unknown_split_is_named_with_its_neighbour(data_root):
    with pytest.raises(UnknownNameError, match="unknown split 'tests'; did you mean 'test'"):
        load("mnist", "tests")


def test_an_unknown_set_is_named(data_root):
    with pytest.raises(UnknownNameError, match="unknown image set 'imagenet'"):
        load("imagenet")


def test_a_folder_may_be_given(tiny_idx, monkeypatch):
    tiny_idx.write()
    monkeypatch.delenv("FATHEORY_DATA_DIR")
    assert len(load("tiny-idx", folder=tiny_idx.root)) == 8


def test_a_size_is_for_folders_of_images(tiny_idx):
    with pytest.raises(DataError, match=r"'tiny-idx' have a size of their own; got size \(8, 8\)"):
        load("tiny-idx", size=(8, 8))


def test_flattened_rows_and_one_hot_targets(tiny_cifar):
    tiny_cifar.write()
    found = load("tiny-cifar", "test")
    assert found.flattened().shape == (5, 12)
    np.testing.assert_array_equal(found.flattened()[2], found.images[2].ravel())
    targets = found.one_hot()
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets.sum(axis=1), 1)
    np.testing.assert_array_equal(targets.argmax(axis=1), found.labels)


def test_synthetic_digits_are_deterministic_balanced_and_apart(data_root):
    parts = {split: load("synthetic-digits", split) for split, _, _ in SPLITS}
    assert {split: len(part) for split, part in parts.items()} == {
        "train": 2000,
        "validation": 500,
        "train+validation": 2500,
        "test": 500,
    }
    whole, test = parts["train+validation"], parts["test"]
    np.testing.assert_array_equal(np.bincount(whole.labels), 250)
    np.testing.assert_array_equal(np.bincount(test.labels), 50)
    np.testing.assert_array_equal(whole.images, load("synthetic-digits", "train+validation").images)
    np.testing.assert_array_equal(whole.images[2000:], parts["validation"].images)
    assert whole.images.shape[1:] == (8, 8)
    assert whole.images.min() == 0
    assert whole.images.max() == 1
    assert not (whole.flattened()[:500] == test.flattened()).all(axis=1).any()
    assert not data_root.exists()


def test_synthetic_digits_can_be_learned_but_not_perfectly_by_class_means():
    train, test = load("synthetic-digits", "train"), load("synthetic-digits", "test")
    means = train.one_hot().T @ train.flattened() / np.bincount(train.labels)[:, None]
    distances = ((test.flattened()[:, None] - means) ** 2).sum(axis=2)
    accuracy = (distances.argmin(axis=1) == test.labels).mean()
    assert 0.85 < accuracy < 0.98


def official(name: str, split: str) -> Images:
    if "FATHEORY_DATA_DIR" not in os.environ:
        pytest.skip(
            f"REAL DATA NOT TESTED: set FATHEORY_DATA_DIR to a folder of data sets, then "
            f"`fatheory data fetch {name}`"
        )
    state = next(row.state for row in status() if row.entry.name == name)
    if state == "missing":
        pytest.skip(
            f"REAL DATA NOT TESTED: {name} is not in FATHEORY_DATA_DIR="
            f"{os.environ['FATHEORY_DATA_DIR']}; get it with `fatheory data fetch {name}`"
        )
    return load(name, split)


def test_official_mnist():
    found = official("mnist", "train+validation")
    assert found.images.shape == (60_000, 28, 28)
    assert found.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(found.labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842),
        *(5421, 5918, 6265, 5851, 5949),
    ]
    assert found.images.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert found.images.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


def test_official_mnist_test_set():
    found = official("mnist", "test")
    assert found.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(found.labels).tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]


def test_official_fashion_mnist():
    found = official("fashion-mnist", "train+validation")
    assert found.labels[:5].tolist() == [9, 0, 0, 3, 0]
    np.testing.assert_array_equal(np.bincount(found.labels), 6000)
    assert found.images.mean(dtype=np.float64) == pytest.approx(0.2860, abs=5e-5)
    assert len(official("fashion-mnist", "train")) == 50_000
    assert len(official("fashion-mnist", "validation")) == 10_000


def test_official_cifar_10():
    found = official("cifar-10", "train+validation")
    assert found.images.shape == (50_000, 32, 32, 3)
    assert found.labels[:5].tolist() == [6, 9, 9, 4, 1]
    np.testing.assert_array_equal(np.bincount(found.labels), 5000)
    means = found.images.mean(axis=(0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=5e-5)
