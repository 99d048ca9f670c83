"""The binary versions of CIFAR: records of label bytes and 3 x 32 x 32 pixel bytes."""

import numpy as np
from jaxtyping import UInt8


def decode(
    content: bytes, shape: tuple[int, ...], label_bytes: int = 1
) -> tuple[UInt8[np.ndarray, "n height width 3"], UInt8[np.ndarray, " n"]]:
    """Split a batch into pixels (n, height, width, 3) and labels (n,).

    A record is the label, then the image by colour, row and column. CIFAR-100 has two labels, the
    coarse one and the fine one; the last is taken. `content` is a whole number of records, as
    `read_archive` and `read_batch` check by size.
    """
    height, width, colours = shape
    records = np.frombuffer(content, np.uint8).reshape(-1, label_bytes + height * width * colours)
    pixels = records[:, label_bytes:].reshape(-1, colours, height, width)
    # Colours last, as all images here.
    return pixels.transpose(0, 2, 3, 1), records[:, label_bytes - 1]
