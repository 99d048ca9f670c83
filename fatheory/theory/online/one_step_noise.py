"""How one step of the chain spreads: its part of second order in Gaussian variables."""

import numpy as np
from jaxtyping import Float

from fatheory.theory.online.reduced_chain import (
    Chain,
    ChainState,
    Factor,
    Layout,
    Square,
    inner,
    symmetric,
    times,
    trace,
    transposed,
)


def noise_columns(
    chain: Chain, layout: Layout, state: ChainState, fast: Square, H: Square
) -> Float[np.ndarray, "#run #column size"]:
    r"""Return columns whose outer products sum to the covariance of a step.

    Increments are replaced by their second-chaos part, quadratic forms :math:`z^\top F_k z` of
    :math:`z = (e_0, e_f, \xi) \sim N(0, G)`, whose covariance is
    :math:`2\,\mathrm{tr}(F_k G F_l G)`. The error e is e_0, of the covariance of the dressed P,
    plus e_f along the hidden units, of random sign. In -eta M e e^T the first factor is e_0: the
    dressing takes the other away.

    Parameters
    ----------
    chain, layout : Chain, Layout
        What is learned, and how vectors of it lie.
    state : ChainState
        Means, of one point; P is dressed.
    fast : array of shape (run, 1, n_o, n_o)
        Covariance of e_f.
    H : array of shape (run, 1, n_o, n_o)
        The dressing.
    """
    n, n_o, eta, K = chain.n_i, chain.n_o, chain.eta, chain.K
    S, Q = state.S, state.Q
    e0, ef, xi = _roots(state, fast, n_o)
    e = e0 + ef
    ee, ex, ee0 = _forms(e, e), _forms(e, xi), _forms(e, e0)
    V = chain.feedback(state.W)
    P, KQ = state.P + fast, K @ Q
    M, QK, VT, MT = state.W @ K @ V, KQ.mT, V.mT, (state.W @ K @ V).mT
    MP, HQK = M @ P, H @ QK
    q, q2, t = trace(KQ), trace(KQ @ KQ), trace(S @ K @ V)
    # What the dressing takes away is that of `dressed_step`: b b^T and b xi^T, contracted with H.
    bb, bx = V @ P @ VT - symmetric(V @ S @ KQ) + QK @ Q @ KQ, V @ S - QK @ Q
    Kxx, KQKxx, Hxx, HQKxx, KQHQKxx = (_traces(A, xi) for A in (K, KQ @ K, H, HQK, KQ @ HQK))
    bb_z = inner(VT @ H @ V, ee) - 2 * inner((KQ @ H @ V).mT, ex) + KQHQKxx
    bx_z = inner((H @ V).mT, ex) - HQKxx
    eM = times(ee, MT)
    # As in a step of the mean: Z of M Z + (M Z)^T, and what is symmetric by itself.
    Z = eta**2 / 2 * (n + 4 - trace(H @ Q)) * eM - eta * transposed(ee0)
    Z += eta**2 * (q + trace(H @ bx)) * ee
    half = M @ Z - eta * times(ex, K @ S.mT)
    dP = symmetric(half) + eta**2 * (q2 - 2 * t - trace(H @ bb)) * ee
    weights = np.concatenate([KQKxx - bb_z, Kxx + bx_z, -Hxx], axis=-1)[..., 0, :]
    fixed = np.concatenate([P, symmetric(MP), MP @ MT], axis=1)
    dP += eta**2 * _combined(weights, fixed)
    eV, Vex = (times(ee, VT), V @ ex) if chain.backprop else (ee, ex)
    VeV = V @ eV if chain.backprop else ee
    dQ = eta * symmetric(Vex) + eta**2 * (n + 4) * VeV
    dS = (eta - eta**2 * q) * eV - M @ (eta * ex + eta**2 * (n + 4) * eV)
    dS -= eta * times(ex, KQ) + eta**2 * t * ex
    dS -= eta**2 * _combined(Kxx[..., 0], P @ VT)
    return layout.pack(ChainState(dP, dS, dQ, eta * ex))


def _pairs(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs a <= b of n directions, and their weight: F enters through g_a^T F g_b."""
    # Each pair once: forms are symmetric in a and b.
    a, b = np.triu_indices(n)
    return a, b, np.where(a == b, np.sqrt(0.5), 1.0)[:, None]


def _forms(x: np.ndarray, y: np.ndarray) -> Square:
    """Return x_a y_b^T + x_b y_a^T of each pair of directions once."""
    a, b, single = _pairs(x.shape[1])
    left = np.stack([single * x[:, a], single * x[:, b]], axis=-1)
    return left @ np.stack([y[:, b], y[:, a]], axis=-2)


def _traces(A: Square, xi: np.ndarray) -> Factor:
    """Return tr(A (xi_a xi_b^T + xi_b xi_a^T)) of each pair, without the matrices."""
    a, b, single = _pairs(xi.shape[1])
    held = xi @ A[:, 0] @ xi.mT
    return (single[:, 0] * (held + held.mT)[:, a, b])[..., None, None]


def _combined(
    weights: Float[np.ndarray, "#run pair matrix"], matrices: Float[np.ndarray, "#run matrix n n"]
) -> Float[np.ndarray, "#run pair n n"]:
    """Return the sum of some matrices with the weights of each pair."""
    flat = matrices.reshape(*matrices.shape[:2], -1)
    return (weights @ flat).reshape(*weights.shape[:2], *matrices.shape[2:])


def _roots(state: ChainState, fast: Square, n_o: int) -> tuple[np.ndarray, ...]:
    """Return the columns of a square root of G, each cut into its parts of e_0, e_f and xi."""
    P, S, Q, F = (A[:, 0] for A in (state.P, state.S, state.Q, fast))
    none = np.zeros_like(P)
    G = np.block([[P, none, S], [none, F, none], [S.mT, none, Q]])
    # Not by Cholesky: G is singular at the start, where Q is 0.
    values, vectors = np.linalg.eigh(G)
    columns = np.ascontiguousarray((vectors * np.sqrt(np.clip(values, 0, None))[:, None, :]).mT)
    return columns[..., :n_o], columns[..., n_o : 2 * n_o], columns[..., 2 * n_o :]
