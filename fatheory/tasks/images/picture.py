"""One image file: PNG, JPEG, PPM or BMP."""

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from fatheory.errors import DataError, UnreadableImageError
from fatheory.tasks.images.depth import bits_per_colour

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".pbm", ".bmp"})
"""The endings, in lower case, of the files that are taken for images."""

MAX_PIXELS = 1 << 24
"""Larger images are refused before they are decoded."""

MAX_BYTES = 1 << 26
"""Larger files are refused before they are read: no format needs so much for so many pixels."""

_FORMATS = ("PNG", "JPEG", "PPM", "BMP")

Size = tuple[int, int]


def decode_picture(
    content: bytes, where: str, size: Size | None = None
) -> UInt8[np.ndarray, "height width *colours"]:
    """Decode an image to (height, width) if it is grey, and to (height, width, 3) otherwise.

    Transparency and the orientation noted by a camera are ignored.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Its name in messages.
    size : (int, int), optional
        Height and width asked for: the image is scaled until it just covers them (bicubic, with
        antialiasing), and what is left over is cut off evenly at both ends.

    Raises
    ------
    DataError
        If the image has more than 2^24 pixels.
    UnreadableImageError
        If it is damaged, of another format, or has more than 8 bits per colour.
    """
    from PIL import (
        Image,
        ImageOps,
        UnidentifiedImageError,
    )  # slow to import, and only folders of images need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, checked below, and of metadata
            stored = Image.open(io.BytesIO(content), formats=_FORMATS)
            _check(stored, where)
            _check_depth(content, where)
            image = stored.convert("L" if stored.mode in ("1", "L") else "RGB")
    except Image.DecompressionBombError as error:
        raise DataError(f"{where} is refused: {error}") from error
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"{where}: no {', '.join(_FORMATS)} image") from error
    except Exception as error:  # Pillow states no list of what a damaged file raises
        raise UnreadableImageError(f"{where}: {error}") from error
    if size is not None:
        height, width = size
        image = ImageOps.fit(image, (width, height))
    return np.asarray(image)


def _check(image: "Image.Image", where: str) -> None:
    """Refuse an image of which only the header has been read."""
    if image.width * image.height > MAX_PIXELS:
        raise DataError(
            f"{where} is refused: it has {image.height:,} x {image.width:,} pixels; at most "
            f"{MAX_PIXELS:,} are allowed"
        )
    if image.mode[0] in "IF":
        raise UnreadableImageError(f"{where}: more than 8 bits per pixel ({image.mode})")


def _check_depth(content: bytes, where: str) -> None:
    """Refuse a file of which decoding would keep a part of every colour."""
    bits = bits_per_colour(content)
    if bits > 8:
        raise UnreadableImageError(
            f"{where}: more than 8 bits per pixel ({bits} per colour); convert it to 8"
        )
