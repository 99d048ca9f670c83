"""The binary version of STL-10: one file of pixels and one of labels for each part."""

import numpy as np
from jaxtyping import UInt8


def decode_images(content: bytes, shape: tuple[int, ...]) -> UInt8[np.ndarray, "n height width 3"]:
    """Return pixels (n, height, width, 3).

    An image is stored by colour, column and row: columns are the slower of the two. `content` is
    a whole number of images, as `read_archive` and `read_batch` check by size.
    """
    height, width, colours = shape
    stored = np.frombuffer(content, np.uint8).reshape(-1, colours, width, height)
    return stored.transpose(0, 3, 2, 1)
