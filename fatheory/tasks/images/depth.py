"""How many bits a colour has, read from an image file itself."""

import re

_PNG = b"\x89PNG\r\n\x1a\n"
_NETPBM = re.compile(
    rb"P[2356](?:\s|#[^\r\n]*[\r\n])+\d+(?:\s|#[^\r\n]*[\r\n])+\d+(?:\s|#[^\r\n]*[\r\n])+(\d+)"
)
_HEADER_BYTES = 1 << 16


def bits_per_colour(content: bytes) -> int:
    """Return the bits of a colour in a PNG or PPM file; 8 of all else, which has no more.

    What decoders call an image says nothing of it: Pillow calls PNG files of 16 bits per colour
    RGB, and keeps the upper 8 bits.
    """
    if content.startswith(_PNG):
        return _of_png(content)
    # Of PPM and PGM files the largest value is told, after two sizes; PBM files have none.
    largest = _NETPBM.match(content[:_HEADER_BYTES])
    return max(8, int(largest[1][:6]).bit_length()) if largest else 8


def _of_png(content: bytes) -> int:
    """Read the depth in the header chunk, which is the first one in a well-formed file."""
    at = len(_PNG)
    while at + 17 <= len(content):
        if content[at + 4 : at + 8] == b"IHDR":
            return content[at + 16]
        at += 12 + int.from_bytes(content[at : at + 4])
    return 8
