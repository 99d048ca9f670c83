"""How many bits a colour has, read from an image file itself."""

import re

_PNG = b"\x89PNG\r\n\x1a\n"
_NETPBM = re.compile(rb"P(?:[2356]|yP|0CMYK|yRGBA|yCMYK)")
_COMMENT = rb"#[^\r\n]*[\r\n]"
# Possessive (``*+``, ``++``), so that a crafted file cannot make the match try again and again.
_WORD = re.compile(rb"(?:\s|" + _COMMENT + rb")*+((?:[^\s#]|" + _COMMENT + rb")++)")


def bits_per_colour(content: bytes) -> int:
    """Return the bits of a colour in a PNG or PPM file; 8 of all else, which has no more.

    What decoders call an image says nothing of it: Pillow calls PNG files of 16 bits per colour
    RGB, and keeps the upper 8 bits.
    """
    if content.startswith(_PNG):
        return _of_png(content)
    magic = _NETPBM.match(content)
    return _of_netpbm(content, magic.end()) if magic else 8


def _of_netpbm(content: bytes, at: int) -> int:
    """Read the largest value, which is told after two sizes; PBM files have none.

    Comments may be of any length, and stand within a number, too, which goes on behind them.
    """
    largest = b""
    for _ in range(3):
        word = _WORD.match(content, at)
        if word is None:
            return 8
        largest, at = re.sub(_COMMENT, b"", word[1]), word.end()
    # Twelve digits, as `int` of thousands of them is slow, or refused.
    return max(8, int(largest[:12]).bit_length()) if largest.isdigit() else 8


def _of_png(content: bytes) -> int:
    """Read the depth in the header chunk; of several the largest, for decoders take the last."""
    at, depth = len(_PNG), 8
    while at + 17 <= len(content):
        kind = content[at + 4 : at + 8]
        if kind == b"IDAT":
            break
        if kind == b"IHDR":
            depth = max(depth, content[at + 16])
        at += 12 + int.from_bytes(content[at : at + 4])
    return depth
