import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fatheory.errors import DataError
from fatheory.tasks.images.idx import read_idx

SHAPE = (3, 2, 2)
PAYLOAD = bytes(range(12))


def idx_file(folder: Path, magic: str = "00000803", lengths=SHAPE, payload=PAYLOAD) -> Path:
    path = folder / "images.gz"
    header = bytes.fromhex(magic) + struct.pack(f">{len(lengths)}I", *lengths)
    path.write_bytes(gzip.compress(header + payload))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_idx(path, SHAPE)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_file_is_read_in_row_order(tmp_path):
    array = read_idx(idx_file(tmp_path), SHAPE)
    assert array.dtype == np.uint8
    assert array[2, 1].tolist() == [10, 11]
    np.testing.assert_array_equal(array.ravel(), np.arange(12))


@pytest.mark.parametrize("magic", ["00000801", "00000d03", "01000803"])
def test_another_magic_number_is_refused(tmp_path, magic):
    message = refusal(idx_file(tmp_path, magic))
    assert f"found magic number {magic}, expected 00000803" in message


@pytest.mark.parametrize("lengths", [(4, 2, 2), (2**31, 2**31, 2**31)])
def test_a_header_that_names_another_shape_is_refused_before_reading(tmp_path, lengths):
    message = refusal(idx_file(tmp_path, lengths=lengths))
    assert f"holds an array of shape {lengths}; expected (3, 2, 2)" in message


def test_a_header_larger_than_the_file_is_refused(tmp_path):
    message = refusal(idx_file(tmp_path, payload=PAYLOAD[:-1]))
    assert "holds only 11 bytes after its header; expected 12" in message


def test_bytes_after_the_array_are_refused(tmp_path):
    assert "holds more than 12 bytes" in refusal(idx_file(tmp_path, payload=PAYLOAD + b"\0"))


def test_a_header_cut_short_is_refused(tmp_path):
    message = refusal(idx_file(tmp_path, lengths=(3, 2), payload=b""))
    assert "ends in its header: found 12 bytes, expected 16" in message


def test_an_empty_stream_is_refused(tmp_path):
    message = refusal(idx_file(tmp_path, magic="", lengths=(), payload=b""))
    assert "found magic number nothing" in message


def test_every_truncation_is_refused(tmp_path):
    path = idx_file(tmp_path)
    content = path.read_bytes()
    for kept in range(len(content)):
        path.write_bytes(content[:kept])
        message = refusal(path)
        assert "is no complete gzip file" in message or "found magic number nothing" in message


def test_a_file_that_is_not_compressed_is_refused(tmp_path):
    path = idx_file(tmp_path)
    path.write_bytes(gzip.decompress(path.read_bytes()))
    assert "is no complete gzip file" in refusal(path)


def test_every_single_flipped_byte_is_refused_or_harmless(tmp_path):
    path = idx_file(tmp_path)
    content = path.read_bytes()
    refused = 0
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 0x5A]) + content[k + 1 :])
        try:
            np.testing.assert_array_equal(read_idx(path, SHAPE).ravel(), np.arange(12))
        except DataError as error:
            refused += str(path) in str(error)
    # What may change is the time stamp and such in the ten bytes of gzip's own header.
    assert refused >= len(content) - 10


def test_decompression_stops_one_byte_past_the_array(tmp_path):
    # 200 MB of zeros in 200 kB: memory stays small only if they are not all decompressed.
    path = idx_file(tmp_path, payload=PAYLOAD)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(bytes.fromhex("00000803") + struct.pack(">3I", *SHAPE))
        for _ in range(200):
            stream.write(bytes(1_000_000))
    tracemalloc.start()
    message = refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "holds more than 12 bytes" in message
    assert peak < 1_000_000
