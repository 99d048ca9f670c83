"""Convolution and pools as their definitions read, in loops over samples, pixels and shifts."""

from itertools import product

import numpy as np


def inside(image, r, c):
    return 0 <= r < image.shape[0] and 0 <= c < image.shape[1]


def literal_convolution(h, W):
    k_row, k_column = W.shape[2:]
    out = np.zeros((*h.shape[:3], len(W)))
    for s, row, column in product(*map(range, h.shape[:3])):
        for i, j in product(range(k_row), range(k_column)):
            r, c = row + i - k_row // 2, column + j - k_column // 2
            if inside(h[s], r, c):
                out[s, row, column] += W[:, :, i, j] @ h[s, r, c]
    return out


def literal_errors(g, V):
    """Every pixel sends its error back, through V, to the pixels that it was computed from."""
    k_row, k_column = V.shape[2:]
    back = np.zeros((*g.shape[:3], V.shape[1]))
    for s, row, column in product(*map(range, g.shape[:3])):
        for i, j in product(range(k_row), range(k_column)):
            r, c = row + i - k_row // 2, column + j - k_column // 2
            if inside(g[s], r, c):
                back[s, r, c] += g[s, row, column] @ V[:, :, i, j]
    return back


def literal_kernel_gradient(h, g, shape):
    k_row, k_column = shape[2:]
    dW = np.zeros(shape)
    for s, row, column in product(*map(range, g.shape[:3])):
        for i, j in product(range(k_row), range(k_column)):
            r, c = row + i - k_row // 2, column + j - k_column // 2
            if inside(h[s], r, c):
                dW[:, :, i, j] += np.outer(g[s, row, column], h[s, r, c])
    return dW


def window(n, index, size, stride):
    """Positions that a window of a pool contains, of 0 ... n - 1."""
    missing = max((-(-n // stride) - 1) * stride + size - n, 0)
    first = index * stride - missing // 2
    return [i for i in range(first, first + size) if 0 <= i < n]


def literal_pool(h, size, stride, kind, g=None):
    """Pooled images and, for errors `g` of theirs, the errors of `h`."""
    samples, rows, columns, channels = h.shape
    out = np.zeros((samples, -(-rows // stride), -(-columns // stride), channels))
    back = np.zeros(h.shape)
    for s, row, column, channel in product(*map(range, out.shape)):
        at = (s, row, column, channel)
        pixels = [
            (s, r, c, channel)
            for r in window(rows, row, size, stride)
            for c in window(columns, column, size, stride)
        ]
        values = [h[pixel] for pixel in pixels]
        out[at] = np.max(values) if kind == "max" else np.mean(values)
        if g is not None and kind == "max":
            back[pixels[int(np.argmax(values))]] += g[at]
        elif g is not None:
            for pixel in pixels:
                back[pixel] += g[at] / len(pixels)
    return out, back
