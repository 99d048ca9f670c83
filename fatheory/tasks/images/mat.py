"""Arrays of unsigned bytes in MATLAB files of version 5, the format of SVHN.

Read here and not by scipy, which a single damaged byte can bring down, the process with it.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from fatheory.errors import DataError

_HEADER_BYTES = 128
_LITTLE_ENDIAN_5 = b"\x00\x01IM"
_INT8, _UINT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 2, 5, 6, 14, 15
# Arrays of class double are stored as bytes too where their numbers allow it.
_CLASSES = {6: "double", 9: "uint8"}
_FRAME_BYTES = 1 << 10
_MAX_DIMENSIONS = 32

Bytes = UInt8[np.ndarray, "..."]


def read_mat(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Bytes]:
    """Read the arrays of a MATLAB file, which must have the given names and shapes.

    No more is decompressed than the largest of them needs, and its checksums are compared.

    Raises
    ------
    DataError
        If the file is no MATLAB file of version 5, is damaged, or holds other arrays or not all;
        the message says what was found and what was expected.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if content[_HEADER_BYTES - 4 : _HEADER_BYTES] != _LITTLE_ENDIAN_5:
        raise DataError(f"{path} is no MATLAB file of version 5, least byte first")
    # A bound before decompressing: a few bytes can claim to hold gigabytes.
    limit = max(map(math.prod, shapes.values())) + _FRAME_BYTES
    arrays: dict[str, Bytes] = {}
    try:
        for kind, element in _elements(memoryview(content)[_HEADER_BYTES:]):
            name, array = _array(
                *(_unpacked(element, limit) if kind == _COMPRESSED else (kind, element))
            )
            if name in arrays or array.shape != shapes.get(name):
                raise ValueError(
                    f"found an array {name!r} of shape {array.shape}; expected one each of "
                    f"{dict(shapes)}"
                )
            arrays[name] = array
    except (ValueError, struct.error, zlib.error) as error:
        raise DataError(f"{path} is damaged or of other content: {error}") from error
    absent = [name for name in shapes if name not in arrays]
    if absent:
        raise DataError(f"{path} lacks the array {', '.join(absent)}")
    return arrays


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Split a sequence of elements into their types and contents."""
    while data:
        kind, size = struct.unpack_from("<II", data)
        start, padding = 8, 0 if kind == _COMPRESSED else -size % 8
        if kind >> 16:  # an element of up to four bytes, in half of its own tag
            kind, size, start = kind & 0xFFFF, kind >> 16, 4
            padding = 4 - size
        if start + size > len(data):
            raise ValueError(f"an element of {size:,} bytes does not fit into {len(data):,}")
        yield kind, data[start : start + size]
        data = data[start + size + padding :]


def _unpacked(data: memoryview, limit: int) -> tuple[int, memoryview]:
    """Decompress the one element in `data`, of at most `limit` bytes."""
    stream = zlib.decompressobj()
    content = stream.decompress(data, limit)
    if not stream.eof or stream.unused_data:
        raise ValueError(f"a compressed element is cut short, or larger than {limit:,} bytes")
    (element,) = _elements(memoryview(content))
    return element


def _array(kind: int, data: memoryview) -> tuple[str, Bytes]:
    """Return name and values of an array: flags, lengths, name and values, each an element."""
    parts = list(_elements(data)) if kind == _MATRIX else []
    if [part for part, _ in parts] != [_UINT32, _INT32, _INT8, _UINT8]:
        raise ValueError("found an element that is no array of unsigned bytes")
    flags, lengths, name, values = (content for _, content in parts)
    number = flags[0] if flags else None
    if number not in _CLASSES:
        raise ValueError(f"found an array of class {number}; expected one of {_CLASSES}")
    # A bound on what is multiplied below: the product of a million lengths takes long.
    if len(lengths) > 4 * _MAX_DIMENSIONS:
        raise ValueError(f"found an array of more than {_MAX_DIMENSIONS} dimensions")
    shape = tuple(np.frombuffer(lengths, "<i4").tolist())
    array = np.frombuffer(values, np.uint8)
    if array.size != math.prod(shape):
        raise ValueError(f"found {array.size:,} values for an array of shape {shape}")
    # MATLAB stores columns first.
    return bytes(name).decode("ascii"), array.reshape(shape, order="F")
