import contextlib
import io
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fatheory.errors import DataError
from fatheory.tasks.images.mat import read_mat

X = np.arange(72, dtype=np.uint8).reshape(3, 2, 3, 4)
Y = np.array([[1], [10], [9], [2]], np.uint8)
SHAPES = {"X": X.shape, "y": Y.shape}


def mat_bytes(compressed: bool = True, **arrays: object) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, {"X": X, "y": Y} | arrays, do_compression=compressed)
    return buffer.getvalue()


def mat_file(folder: Path, content: bytes) -> Path:
    path = folder / "train.mat"
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_mat(path, SHAPES)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_are_read_as_scipy_reads_them(tmp_path, compressed):
    path = mat_file(tmp_path, mat_bytes(compressed))
    arrays, expected = read_mat(path, SHAPES), loadmat(path)
    assert set(arrays) == {"X", "y"}
    for name, array in arrays.items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected[name])
    np.testing.assert_array_equal(arrays["X"], X)


def with_class_of_y(number: int) -> bytes:
    content = bytearray(mat_bytes(compressed=False))
    content[content.rindex(struct.pack("<4I", 6, 8, 9, 0)) + 8] = number
    return bytes(content)


def test_another_class_is_refused(tmp_path):
    assert "found an array of class 4" in refusal(mat_file(tmp_path, with_class_of_y(4)))


def test_class_double_stored_as_bytes_is_read(tmp_path):
    path = mat_file(tmp_path, with_class_of_y(6))
    np.testing.assert_array_equal(read_mat(path, SHAPES)["y"], Y)
    assert loadmat(path, mat_dtype=True)["y"].dtype == np.float64


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"X": X[..., :3]}, "found an array 'X' of shape (3, 2, 3, 3); expected one each of"),
        ({"y": Y.T}, "found an array 'y' of shape (1, 4)"),
        ({"z": Y}, "found an array 'z' of shape (4, 1)"),
        ({"X": X.astype(np.int8)}, "no array of unsigned bytes"),
        ({"X": X.astype(np.int16)}, "no array of unsigned bytes"),
        ({"X": np.full(X.shape, "a", object)}, "no array of unsigned bytes"),
        ({"y": Y.astype(complex)}, "no array of unsigned bytes"),
        ({"y": {"a": Y}}, "no array of unsigned bytes"),
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_other_arrays_are_refused(tmp_path, compressed, arrays, found):
    message = refusal(mat_file(tmp_path, mat_bytes(compressed, **arrays)))
    assert found in message or "larger than" in message


def test_a_missing_array_is_named(tmp_path):
    buffer = io.BytesIO()
    savemat(buffer, {"X": X})
    assert "lacks the array y" in refusal(mat_file(tmp_path, buffer.getvalue()))


def test_bytes_after_a_compressed_array_are_refused(tmp_path):
    content = mat_bytes()
    (size,) = struct.unpack_from("<I", content, 132)
    first, rest = content[136 : 136 + size], content[136 + size :]
    longer = content[:132] + struct.pack("<I", size + 1) + first + b"x" + rest
    assert "is cut short, or larger" in refusal(mat_file(tmp_path, longer))


def test_a_double_array_is_refused(tmp_path):
    content = mat_bytes()
    path = mat_file(tmp_path, content + content[128:])
    assert "found an array 'X'" in refusal(path)


@pytest.mark.parametrize("last", [5, 2**30, -4])
def test_lengths_that_do_not_fit_the_values_are_refused(tmp_path, last):
    content = mat_bytes(compressed=False)
    lengths = struct.pack("<4i", 3, 2, 3, 4)
    assert content.count(lengths) == 1
    changed = content.replace(lengths, struct.pack("<4i", 3, 2, 3, last))
    message = refusal(mat_file(tmp_path, changed))
    assert f"found 72 values for an array of shape (3, 2, 3, {last})" in message


def test_decompression_stops_where_the_largest_array_ends(tmp_path):
    # 100 MB of zeros in 100 kB: memory stays small only if they are not all decompressed.
    path = mat_file(tmp_path, mat_bytes(X=np.zeros((10_000, 10_000), np.uint8)))
    tracemalloc.start()
    assert "larger than 1,096 bytes" in refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("compressed", [True, False])
def test_every_truncation_is_refused(tmp_path, compressed):
    content = mat_bytes(compressed)
    for kept in range(len(content) - 4 * (not compressed)):  # the last four bytes are padding
        refusal(mat_file(tmp_path, content[:kept]))


@pytest.mark.parametrize("compressed", [True, False])
def test_every_single_flipped_byte_is_refused_or_harmless(tmp_path, compressed):
    content = mat_bytes(compressed)
    for k in range(len(content)):
        path = mat_file(tmp_path, content[:k] + bytes([content[k] ^ 0x5A]) + content[k + 1 :])
        try:
            arrays = read_mat(path, SHAPES)
        except DataError:
            continue
        # Without compression there is no checksum: pixels may change, shapes may not.
        assert {name: array.shape for name, array in arrays.items()} == SHAPES
        changed = sum((arrays[name] != one).sum() for name, one in (("X", X), ("y", Y)))
        assert changed <= (0 if compressed else 1)
        assert k < 124 or not compressed  # what may change freely is the text at the start


@pytest.mark.parametrize("seed", range(5))
def test_scattered_damage_gives_data_errors_alone(tmp_path, seed):
    rng = np.random.default_rng(seed)
    for compressed in (True, False) * 100:
        content = np.frombuffer(mat_bytes(compressed), np.uint8).copy()
        places = rng.integers(128, len(content), 4)
        content[places] = rng.integers(0, 256, 4)
        with contextlib.suppress(DataError):
            read_mat(mat_file(tmp_path, content.tobytes()), SHAPES)


def test_a_file_of_another_kind_is_refused(tmp_path):
    for content in (b"", b"<html>not found</html>", b"\x89HDF\r\n\x1a\n" + bytes(600)):
        assert "is no MATLAB file of version 5" in refusal(mat_file(tmp_path, content))


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert "cannot be read: No such file" in refusal(tmp_path / "train.mat")
