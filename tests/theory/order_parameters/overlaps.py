"""Overlaps to start from, and vectors that have them."""

import numpy as np


def drawn_overlaps(seed=0, K=3, M=2, n_o=2):
    """Return Q, R, T, W, A and B."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(K + M, K + M + 2)) / np.sqrt(K + M + 2)
    C = X @ X.T
    return (
        0.5 * C[:K, :K],
        np.sqrt(0.5) * C[:K, K:],
        C[K:, K:] + 0.5 * np.eye(M),
        0.5 * rng.normal(size=(n_o, K)),
        rng.normal(size=(n_o, M)),
        rng.normal(size=(K, n_o)),
    )


def covariance(Q, R, T):
    return np.block([[Q, R], [R.T, T]])


def vectors(Q, R, T, N, rng):
    """Return W0 and A0 of exactly these overlaps, in random directions of N inputs."""
    C = covariance(Q, R, T)
    basis = np.linalg.qr(rng.normal(size=(N, len(C))))[0].T * np.sqrt(N)
    rows = np.linalg.cholesky(C) @ basis
    return rows[: len(Q)], rows[len(Q) :]
