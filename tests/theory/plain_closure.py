"""The closure as its formulas are written: each term by itself, fluctuations column by column.

The package gathers products and moves covariances; these are what they are checked against.
"""

import numpy as np

from fatheory.theory.online.gauge import _rotation
from fatheory.theory.online.mean_step import mean_step
from fatheory.theory.online.reduced_chain import ChainState, symmetric, times, trace


def dressed_step(chain, state, frame, spread=None):
    """Return what a step adds on average to the dressed P, and to S, Q and W."""
    H, eta = frame.H, chain.eta
    D = state.S - frame.center
    inside = times(D, H) @ D.mT
    P = state.P + inside
    if spread is not None:
        fast = spread(H)
        P = P + fast
    full = ChainState(P, state.S, state.Q, state.W)
    move = mean_step(chain, full, spread)
    apart = D + move.S - frame.drift
    taken = times(apart, H) @ apart.mT - times(move.S, H) @ move.S.mT - inside
    taken += step_second_moment(chain, full, H)
    if spread is not None:
        # S - <S> itself moves by -eta (M (S - <S>) + (S - <S>) K Q).
        keep, QK = np.eye(chain.n_o) - eta * chain.gain(state.W), chain.hidden(state.Q)
        HR = H @ QK
        taken += keep @ fast @ keep.mT - fast
        taken -= eta * symmetric(keep @ spread(HR))
        taken += eta**2 * spread(QK.mT @ HR)
    return ChainState(move.P - taken, move.S, move.Q, move.W)


def step_second_moment(chain, state, H):
    """Return E dS H dS^T to order eta^2, dS = eta [e b^T - M e xi^T], b = V e - Q K xi."""
    P, S, Q, W = state.P, state.S, state.Q, state.W
    QK, M, PV = chain.hidden(Q), chain.gain(W), chain.fed(P, W)
    VS, VPV = (W.mT @ S, W.mT @ PV) if chain.backprop else (S, PV)
    SKQ, QKQ = chain.hidden(S) @ Q, QK @ Q
    eb = PV - SKQ
    bb = VPV - symmetric(VS @ QK.mT) + QK @ QKQ.mT
    ebH, SH = times(eb, H), times(S, H)
    first = P * _inner(H, bb) + 2 * ebH @ eb.mT
    last = M @ (P * _inner(H, Q) + 2 * SH @ S.mT) @ M.mT
    mixed = (P * _inner(H, VS - QKQ) + symmetric(ebH @ S.mT)) @ M.mT
    return chain.eta**2 * (first + last - symmetric(mixed))


def _inner(H, A):
    """Return tr(H A) of a symmetric H."""
    return np.einsum("rpij,rxij->rp", A, H, optimize=True)[..., None, None]


def fix_gauge(chain, layout, mean, columns):
    """Return mean and columns with scale and rotation moved out of the columns."""
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


def _total(parts):
    return parts.sum(axis=1, keepdims=True)
