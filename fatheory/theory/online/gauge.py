r"""Directions of the fluctuations that are no error: scale of the error, rotation of hidden units.

Along :math:`(\tilde P, S) \to (c^2 \tilde P, c S)` learning is the same but for the scale, and
along rotations of the hidden units under backprop it is the same at all. Fluctuations are moved
out of both, to second order, and those of the scale into a coordinate of their own,
:math:`\rho = \ln \mathrm{tr} \tilde P`: the mean then follows the typical path and the variance of
rho is that of the log loss.
"""

import numpy as np
from jaxtyping import Float

from fatheory.theory.online.reduced_chain import Chain, ChainState, Layout, symmetric, trace

Vectors = Float[np.ndarray, "#run #column size"]


def fix_gauge(
    chain: Chain, layout: Layout, mean: Vectors, columns: Vectors
) -> tuple[Vectors, Vectors]:
    """Return mean and columns with scale and rotation moved out of the columns.

    Parameters
    ----------
    chain, layout : Chain, Layout
        What is learned, and how vectors of it lie.
    mean : array of shape (run, 1, size)
        The mean.
    columns : array of shape (run, column, size)
        Their outer products sum to the covariance.
    """
    m, scale = layout.unpack(mean)
    d, d_scale = layout.unpack(columns)
    r = trace(d.P) / trace(m.P)
    P = m.P - _total(r * d.P - r**2 * m.P / 2)
    S = m.S - _total(r * d.S / 2 - r**2 * m.S / 8)
    Q, W = m.Q, m.W
    dP, dS, dQ, dW = d.P - r * m.P, d.S - r * m.S / 2, d.Q, d.W
    if chain.backprop:
        turn = _rotation(m.W, dW)
        twice = turn @ turn
        bent = symmetric(dQ @ turn) + symmetric(m.Q @ twice) / 2 - turn @ m.Q @ turn
        W = m.W + _total(dW @ turn + m.W @ twice / 2)
        S = S + _total(dS @ turn + m.S @ twice / 2)
        Q = m.Q + _total(bent)
        dW, dS, dQ = dW + m.W @ turn, dS + m.S @ turn, dQ + symmetric(m.Q @ turn)
    return (
        layout.pack(ChainState(P, S, Q, W), scale),
        layout.pack(ChainState(dP, dS, dQ, dW), d_scale + r[..., 0, 0]),
    )


def _total(parts: np.ndarray) -> np.ndarray:
    return parts.sum(axis=1, keepdims=True)


def _rotation(W: np.ndarray, dW: np.ndarray) -> np.ndarray:
    """Return the antisymmetric Omega for which W Omega + dW is smallest."""
    w, axes = np.linalg.eigh(W.mT @ W)
    turned = axes.mT @ (W.mT @ dW) @ axes
    total = w[..., :, None] + w[..., None, :]
    least = 1e-12 * w[..., -1][..., None, None]
    return -(axes @ ((turned - turned.mT) / np.maximum(total, least)) @ axes.mT)
