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
Covariance = Float[np.ndarray, "run size size"]


def fix_gauge(
    chain: Chain, layout: Layout, mean: Vectors, C: Covariance
) -> tuple[Vectors, Covariance]:
    """Return mean and covariance with scale and rotation moved out of the fluctuations.

    Both are linear in a fluctuation, and what they add to the mean is quadratic: the covariance
    says all of it.

    Parameters
    ----------
    chain, layout : Chain, Layout
        What is learned, and how vectors of it lie.
    mean : array of shape (run, 1, size)
        The mean.
    C : array of shape (run, size, size)
        The covariance.
    """
    mean, C, m = _fix_scale(layout, mean, C)
    return _fix_rotation(layout, mean, C, m) if chain.backprop else (mean, C)


def _fix_scale(
    layout: Layout, mean: Vectors, C: Covariance
) -> tuple[Vectors, Covariance, ChainState]:
    """Move the scale into its coordinate; return the state before, too."""
    m, scale = layout.unpack(mean)
    # The diagonal of P, of which the upper triangle is stored.
    (own,) = np.nonzero(layout.upper[0] == layout.upper[1])
    size = trace(m.P)[:, 0, 0]
    # r = tr dP / tr P, its covariance with everything, and its variance.
    with_r = C[:, own].sum(axis=1) / size
    rr = (with_r[:, own].sum(axis=1, keepdims=True) / size)[..., None, None]
    r, _ = layout.unpack(with_r[:, None])
    P, S = m.P - r.P + rr * m.P / 2, m.S - r.S / 2 + rr * m.S / 8
    none = np.zeros_like(m.Q)
    along = layout.pack(ChainState(m.P, m.S / 2, none, none), -np.ones_like(scale))
    moved = with_r[:, :, None] * along - rr[:, 0] / 2 * along.mT * along
    return layout.pack(ChainState(P, S, m.Q, m.W), scale), C - moved - moved.mT, m


def _fix_rotation(
    layout: Layout, mean: Vectors, C: Covariance, m: ChainState
) -> tuple[Vectors, Covariance]:
    """Move out the rotation, whose angles are linear in dW."""
    n, (p, s, q, w) = layout.n_o, layout.ends
    units = np.eye(n * n).reshape(1, n * n, n, n)
    turns = _rotation(m.W, units)
    of_W = C[:, :, q:w]
    with_turn = of_W @ turns.reshape(len(m.W), n * n, n * n)
    both = turns.reshape(len(m.W), n * n, n * n).mT @ with_turn[:, q:w]
    both = both.reshape(-1, n, n, n, n)
    twice = _chained(both)[:, None]
    dS, dW = (_chained(with_turn[:, a:b].reshape(-1, n, n, n, n)) for a, b in ((p, s), (q, w)))
    dQ = _chained(with_turn[:, s:q][:, layout.mirror].reshape(-1, n, n, n, n))
    bent = symmetric(dQ[:, None] + m.Q @ twice / 2)
    bent -= np.einsum("riklj,rxkl->rxij", both, m.Q)
    state, scale = layout.unpack(mean)
    at = ChainState(
        state.P,
        state.S + dS[:, None] + m.S @ twice / 2,
        state.Q + bent,
        state.W + dW[:, None] + m.W @ twice / 2,
    )
    none = np.zeros_like(turns)
    along = layout.pack(ChainState(none, m.S @ turns, symmetric(m.Q @ turns), m.W @ turns))
    moved = (of_W + along.mT @ of_W[:, q:w] / 2) @ along
    return layout.pack(at, scale), C + moved + moved.mT


def _chained(A: Float[np.ndarray, "run n n n n"]) -> Float[np.ndarray, "run n n"]:
    """Return <(X Y)_ij> of <X_ik Y_lj>."""
    return np.einsum("rikkj->rij", A)


def _rotation(W: np.ndarray, dW: np.ndarray) -> np.ndarray:
    """Return the antisymmetric Omega for which W Omega + dW is smallest."""
    w, axes = np.linalg.eigh(W.mT @ W)
    turned = axes.mT @ (W.mT @ dW) @ axes
    total = w[..., :, None] + w[..., None, :]
    # Two directions that W hardly has may be turned into each other at will.
    least = 1e-12 * w[..., -1][..., None, None]
    return -(axes @ ((turned - turned.mT) / np.maximum(total, least)) @ axes.mT)
