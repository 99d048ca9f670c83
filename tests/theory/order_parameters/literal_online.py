"""Online learning of two-layer networks from a teacher, step by step, for many seeds at once."""

import numpy as np
from overlaps import vectors
from scipy.special import erf

FUNCTIONS = {
    "linear": (lambda u: u, np.ones_like),
    "erf": (lambda u: erf(u / np.sqrt(2)), lambda u: np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
}


def feedback_of(rule, W, B, fixed):
    """Return V, of shape (seed, K, n_o)."""
    if rule == "backprop":
        return W.transpose(0, 2, 1)
    if rule == "usf":
        return np.sign(W).transpose(0, 2, 1)
    if rule == "frsf":
        return fixed * np.sign(W).transpose(0, 2, 1)
    return 0 * B if rule == "shallow" else B


def simulate(
    overlaps, N, times, seeds, *, activation, rule, rate, readout_rate, noise=0.0, decay=0.0,
    perturbation=0.0, generator=1,
):  # fmt: skip
    """Return Q, R and W of every seed, each of shape (time, seed, ...)."""
    Q, R, T, W, A, fixed = overlaps
    rng = np.random.default_rng(generator)
    g, slope = FUNCTIONS[activation]
    W0, A0 = (np.array(rows) for rows in zip(*(vectors(Q, R, T, N, rng) for _ in range(seeds))))  # noqa: B905
    W, B = np.repeat(W[None], seeds, axis=0), np.repeat(fixed[None], seeds, axis=0)
    out, done = [], 0
    for time in times:
        for _ in range(done, round(time * N)):
            x = rng.normal(size=(seeds, N))
            h = (W0 @ x[:, :, None])[..., 0] / np.sqrt(N)
            target = g((A0 @ x[:, :, None])[..., 0] / np.sqrt(N)) @ A.T
            e = target + noise * rng.normal(size=(seeds, len(A))) - (W @ g(h)[:, :, None])[..., 0]
            if rule == "node_perturbation":
                xi = perturbation * rng.normal(size=h.shape)
                moved = e - (W @ xi[:, :, None])[..., 0]
                reward = ((e**2).sum(axis=1) - (moved**2).sum(axis=1)) / 2
                sent = reward[:, None] * xi / perturbation**2
            elif rule == "adaptive_feedback":
                F = A0[:, -len(A) :]  # the projection from the error to the input
                sent = (W0 @ (F.transpose(0, 2, 1) @ e[:, :, None]))[..., 0] / N
            else:
                sent = (feedback_of(rule, W, B, fixed) @ e[:, :, None])[..., 0]
            dW = readout_rate / N * e[:, :, None] * g(h)[:, None, :]
            W0 = W0 + rate / np.sqrt(N) * (sent * slope(h))[:, :, None] * x[:, None, :]
            W = (1 - decay / N) * W + dW
            if rule == "kolen_pollack":
                B = (1 - decay / N) * B + dW.transpose(0, 2, 1)
        done = round(time * N)
        out.append((W0 @ W0.transpose(0, 2, 1) / N, W0 @ A0.transpose(0, 2, 1) / N, W))
    return [np.array(part) for part in zip(*out, strict=True)]
