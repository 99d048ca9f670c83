"""Online learning of one image at a time, as one would write it down: what blocks are set against.

All train the network of Fig. 3a by the text's feedback alignment, whose teaching signal B e leaves
out the slopes of the output units. They return the seconds of the loop and W_2.
"""

import importlib.util
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from scipy.special import expit

import fatheory as fa
from fatheory.initial import Samples, draw_initial_state

Timed = tuple[float, np.ndarray]


def available(library: str) -> bool:
    """Say whether a library is installed."""
    return importlib.util.find_spec(library) is not None


def _start(asked: fa.Experiment, seed: int) -> tuple[np.ndarray, ...]:
    """Return W_1, b_1, W_2, b_2 and B of a seed."""
    start = draw_initial_state(asked, seed)
    (W0, W), (b0, b) = start.weights, start.biases
    B = start.states["feedback_alignment"][1].T
    return tuple(np.array(A, np.float32) for A in (W0, b0, W, b, B))


def _steps(asked: fa.Experiment) -> tuple[np.float32, np.float32]:
    """Return the learning rate, and what decay takes away in a step."""
    rate = np.float32(asked.learning_rates[0])
    return rate, np.float32(rate * asked.update.weight_decay)


def numpy_loop(asked: fa.Experiment, images: Samples) -> Timed:
    """Train the first seed by a plain NumPy loop."""
    (W0, b0, W, b, B), (rate, decay) = _start(asked, asked.seeds[0]), _steps(asked)
    began = time.perf_counter()
    for x, target in zip(images.inputs, images.targets, strict=True):
        h = expit(W0 @ x + b0)
        y = expit(W @ h + b)
        e = target - y
        d = e * y * (1 - y)
        delta = (B @ e) * h * (1 - h)
        W += rate * np.outer(d, h) - decay * W
        b += rate * d
        W0 += rate * np.outer(delta, x) - decay * W0
        b0 += rate * delta
    return time.perf_counter() - began, W


def torch_loop(asked: fa.Experiment, images: Samples) -> Timed:
    """Train the first seed in PyTorch, with updates in place and without recording gradients."""
    import torch

    W0, b0, W, b, B = (torch.from_numpy(A) for A in _start(asked, asked.seeds[0]))
    rate, decay = (float(number) for number in _steps(asked))
    inputs, targets = torch.from_numpy(images.inputs), torch.from_numpy(images.targets)
    with torch.no_grad():
        began = time.perf_counter()
        for x, target in zip(inputs, targets, strict=True):
            h = torch.sigmoid(torch.addmv(b0, W0, x))
            y = torch.sigmoid(torch.addmv(b, W, h))
            e = target - y
            d = e * y * (1 - y)
            delta = (B @ e) * h * (1 - h)
            W.addr_(d, h, beta=1 - decay, alpha=rate)
            b.add_(d, alpha=rate)
            W0.addr_(delta, x, beta=1 - decay, alpha=rate)
            b0.add_(delta, alpha=rate)
        return time.perf_counter() - began, W.numpy()


def numba_loop(asked: fa.Experiment, images: Samples) -> Timed:
    """Train as many seeds as there are cores, one a core, skipping the pixels that are zero.

    The seconds are those of one network: of all, divided by their number. W_2 is the first's.
    """
    cores = os.cpu_count() or 1
    rate, decay = _steps(asked)
    networks = [_start(asked, seed) for seed in (asked.seeds * cores)[:cores]]
    # Columns of W_1 as rows: only those of bright pixels are touched.
    prepared = [(np.ascontiguousarray(W0.T), b0, W, b, B.T.copy()) for W0, b0, W, b, B in networks]
    few = images.inputs[:1], images.targets[:1]
    _compiled()(*few, *(A.copy() for A in prepared[0]), rate, decay)

    def train(network: tuple[np.ndarray, ...]) -> None:
        _compiled()(images.inputs, images.targets, *network, rate, decay)

    with ThreadPoolExecutor(cores) as pool:
        began = time.perf_counter()
        list(pool.map(train, prepared))
        seconds = time.perf_counter() - began
    return seconds / cores, prepared[0][2]


@cache
def _compiled() -> Callable[..., None]:
    """Compile the loop, without fastmath: sums keep their order."""
    import numba

    return numba.njit(nogil=True, fastmath=False)(_skip_dark_pixels)


def _skip_dark_pixels(
    X: np.ndarray,
    targets: np.ndarray,
    W0T: np.ndarray,
    b0: np.ndarray,
    W: np.ndarray,
    b: np.ndarray,
    BT: np.ndarray,
    rate: np.float32,
    decay: np.float32,
) -> None:
    """Train one network in place."""
    n_i, n_h, n_o = X.shape[1], len(b0), len(b)
    one, nothing = np.float32(1), np.float32(0)
    keep = one - decay
    # W_1 is scale times what is stored, so that decay need not touch it all.
    scale = one
    a, h, e = np.empty(n_h, np.float32), np.empty(n_h, np.float32), np.empty(n_o, np.float32)
    bright = np.empty(n_i, np.int64)
    for t in range(len(X)):
        x, count = X[t], 0
        for i in range(n_i):
            if x[i] != nothing:
                bright[count] = i
                count += 1
        a[:] = b0
        for i in bright[:count]:
            w, row = scale * x[i], W0T[i]
            for j in range(n_h):
                a[j] += w * row[j]
        for j in range(n_h):
            h[j] = one / (one + np.exp(-a[j]))
        a[:] = nothing
        for o in range(n_o):
            z, row, feedback = b[o], W[o], BT[o]
            for j in range(n_h):
                z += row[j] * h[j]
            y = one / (one + np.exp(-z))
            e[o] = targets[t, o] - y
            d = rate * e[o] * y * (one - y)
            for j in range(n_h):
                row[j] = keep * row[j] + d * h[j]
                a[j] += e[o] * feedback[j]
            b[o] += d
        scale *= keep
        for j in range(n_h):
            a[j] *= rate * h[j] * (one - h[j])
            b0[j] += a[j]
        for i in bright[:count]:
            w, row = x[i] / scale, W0T[i]
            for j in range(n_h):
                row[j] += w * a[j]
    W0T *= scale
