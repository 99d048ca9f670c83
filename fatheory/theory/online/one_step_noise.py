"""How one step of the chain spreads: its part of second order in Gaussian variables."""

import numpy as np
from jaxtyping import Float

from fatheory.theory.online.reduced_chain import (
    Chain,
    ChainState,
    Layout,
    Square,
    symmetric,
    trace,
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
    a, b = np.triu_indices(3 * n_o)
    single = np.where(a == b, np.sqrt(0.5), 1.0)[:, None, None]

    def form(x: np.ndarray, y: np.ndarray) -> Square:
        # F enters through g_a^T F g_b, each pair of directions once.
        xa, xb, ya, yb = x[:, a], x[:, b], y[:, a], y[:, b]
        return single * (xa[..., None] * yb[..., None, :] + xb[..., None] * ya[..., None, :])

    e = e0 + ef
    ee, ex, xx, e0e = form(e, e), form(e, xi), form(xi, xi), form(e0, e)
    V = chain.feedback(state.W)
    P, KQ = state.P + fast, K @ Q
    M, MP, QK = state.W @ K @ V, state.W @ K @ V @ P, KQ.mT
    q, q2, t = trace(KQ), trace(KQ @ KQ), trace(S @ K @ V)
    eV = ee @ V.mT
    Me, Vex, VeV = M @ ee, V @ ex, V @ eV
    dQ = eta * symmetric(Vex) + eta**2 * (n + 4) * VeV
    dS = eta * (eV - M @ ex - ex @ KQ)
    dS -= eta**2 * ((n + 4) * M @ eV + q * eV + t * ex + trace(K @ xx) * (P @ V.mT))
    dP = -eta * symmetric(M @ e0e) - eta * symmetric(ex @ (K @ S.mT))
    dP += eta**2 * ((n + 4) * Me @ M.mT + q * symmetric(Me) + (q2 - 2 * t) * ee)
    dP += eta**2 * (trace(KQ @ K @ xx) * P + trace(K @ xx) * symmetric(MP))
    # What the dressing takes away, as in `step_second_moment`.
    bb, bx = V @ P @ V.mT - symmetric(V @ S @ KQ) + QK @ Q @ KQ, V @ S - QK @ Q
    bb_z, bx_z = VeV - symmetric(Vex @ KQ) + QK @ xx @ KQ, Vex - QK @ xx
    taken = trace(H @ bb) * ee + trace(H @ bb_z) * P + trace(H @ Q) * Me @ M.mT
    taken += trace(H @ xx) * (MP @ M.mT)
    taken -= symmetric(trace(H @ bx) * Me + trace(H @ bx_z) * MP)
    return layout.pack(ChainState(dP - eta**2 * taken, dS, dQ, eta * ex))


def _roots(state: ChainState, fast: Square, n_o: int) -> tuple[np.ndarray, ...]:
    """Return the columns of a square root of G, each cut into its parts of e_0, e_f and xi."""
    P, S, Q, F = (A[:, 0] for A in (state.P, state.S, state.Q, fast))
    none = np.zeros_like(P)
    G = np.block([[P, none, S], [none, F, none], [S.mT, none, Q]])
    values, vectors = np.linalg.eigh(G)
    columns = np.ascontiguousarray((vectors * np.sqrt(np.clip(values, 0, None))[:, None, :]).mT)
    return columns[..., :n_o], columns[..., n_o : 2 * n_o], columns[..., 2 * n_o :]
