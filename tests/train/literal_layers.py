"""Convolutions, pools and functions of units in NumPy, with every derivative by hand."""

import itertools

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


FUNCTIONS = {
    "linear": (lambda a: a, np.ones_like),
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0).astype(float)),
    "sigmoid": (sigmoid, lambda a: sigmoid(a) * (1 - sigmoid(a))),
}


def shifted(h, kernel):
    """Yield row and column of a kernel with the part of the padded image that meets it."""
    rows, columns = h.shape[1:3]
    r = kernel // 2
    padded = np.pad(h, ((0, 0), (r, r), (r, r), (0, 0)))
    for i, j in itertools.product(range(kernel), repeat=2):
        yield i, j, padded[:, i : i + rows, j : j + columns]


def product(h, W):
    """Apply a layer's weights to what the layer below hands on."""
    if W.ndim == 2:
        return h.reshape(len(h), -1) @ W.T
    return sum(part @ W[:, :, i, j].T for i, j, part in shifted(h, W.shape[-1]))


def weight_gradient(h, g, W):
    """Return the derivative with respect to W, g being that with respect to the product."""
    if W.ndim == 2:
        return g.T @ h.reshape(len(h), -1)
    found = np.zeros(W.shape)
    for i, j, part in shifted(h, W.shape[-1]):
        found[:, :, i, j] = np.einsum("nyxo,nyxc->oc", g, part)
    return found


def sent_back(g, V, shape):
    """Return what reaches the layer below, of that shape, through V."""
    if V.ndim == 2:
        return (g @ V).reshape(shape)
    samples, rows, columns, channels = shape
    r = V.shape[-1] // 2
    padded = np.zeros((samples, rows + 2 * r, columns + 2 * r, channels))
    for i, j in itertools.product(range(V.shape[-1]), repeat=2):
        padded[:, i : i + rows, j : j + columns] += g @ V[:, :, i, j]
    return padded[:, r : r + rows, r : r + columns]


def windows(shape, pool):
    """Yield every place of the coarser grid with its window, cut off at the border."""
    spans = []
    for n in shape[1:3]:
        count = -(-n // pool.stride)
        before = max((count - 1) * pool.stride + pool.size - n, 0) // 2
        firsts = [k * pool.stride - before for k in range(count)]
        spans.append([slice(max(first, 0), min(first + pool.size, n)) for first in firsts])
    for (y, rows), (x, columns) in itertools.product(*map(enumerate, spans)):
        yield y, x, rows, columns


def pooled(h, pool):
    if pool is None:
        return h
    coarse = [-(-n // pool.stride) for n in h.shape[1:3]]
    found = np.zeros((len(h), *coarse, h.shape[-1]))
    summary = np.max if pool.kind == "max" else np.mean
    for y, x, rows, columns in windows(h.shape, pool):
        found[:, y, x] = summary(h[:, rows, columns], axis=(1, 2))
    return found


def unpooled(g, h, pool):
    """Return the derivative with respect to h, g being that with respect to its pool."""
    if pool is None:
        return g
    found = np.zeros(h.shape)
    for y, x, rows, columns in windows(h.shape, pool):
        window = h[:, rows, columns]
        if pool.kind == "average":
            share = np.ones_like(window) / np.prod(window.shape[1:3])
        else:
            # One of them learns where several tie: pixels are clipped, so patches can be alike.
            flat = window.reshape(len(window), -1, window.shape[-1])
            places = np.arange(flat.shape[1])[:, None]
            share = (places == flat.argmax(axis=1)[:, None]).reshape(window.shape)
        found[:, rows, columns] += share * g[:, y, x][:, None, None]
    return found
