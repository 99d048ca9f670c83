"""The IDX format of MNIST: a big-endian header, then unsigned bytes, compressed by gzip."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from fatheory.errors import DataError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    """Read an IDX file of unsigned bytes, compressed by gzip, that must have the given shape.

    The header is two zero bytes, the type, the number of dimensions and a 32-bit length for each.
    It is checked before anything of the size that it names is read, and no more than one byte
    beyond that size is decompressed.

    Raises
    ------
    DataError
        If the file is no complete gzip file, or its header or length is another; the message
        names the file, what was found and what was expected.
    """
    size = int(np.prod(shape))
    try:
        with gzip.open(path, "rb") as stream:
            _check_header(path, stream.read(4 + 4 * len(shape)), shape)
            # One byte more than wanted tells a file that is too long, without decompressing all of
            # it.
            payload = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no complete gzip file: {error}") from error
    if len(payload) != size:
        found = f"only {len(payload):,}" if len(payload) < size else f"more than {size:,}"
        raise DataError(
            f"{path} holds {found} bytes after its header; expected {size:,} for shape {shape}"
        )
    return np.frombuffer(payload, dtype=np.uint8).reshape(shape)


def _check_header(path: Path, header: bytes, shape: tuple[int, ...]) -> None:
    expected = bytes((0, 0, _UNSIGNED_BYTE, len(shape)))
    if header[:4] != expected:
        raise DataError(
            f"{path} is no IDX file of unsigned bytes in {len(shape)} dimensions: found magic "
            f"number {header[:4].hex() or 'nothing'}, expected {expected.hex()}"
        )
    if len(header) < 4 + 4 * len(shape):
        raise DataError(
            f"{path} ends in its header: found {len(header)} bytes, expected {4 + 4 * len(shape)}"
        )
    found = struct.unpack(f">{len(shape)}I", header[4:])
    if found != shape:
        raise DataError(f"{path} holds an array of shape {found}; expected {shape}")
