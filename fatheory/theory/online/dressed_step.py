r"""The mean of one step in the coordinates of the dressing.

It is `mean_step` for S, Q and W, and for :math:`\tilde P = P - D H D^\top`, D = S - <S>,

.. math::

    \Delta \tilde P = \Delta P - \big[(D + \Delta S - \delta)\, H\, (D + \Delta S - \delta)^\top
        - \Delta S\, H\, \Delta S^\top - D H D^\top + \langle dS\, H\, dS^\top\rangle\big],

with :math:`\delta` what <S> moves by, and to order eta^2

.. math::

    \langle dS\, H\, dS^\top\rangle = \eta^2 \langle (e b^\top - M e \xi^\top)\, H\,
        (e b^\top - M e \xi^\top)^\top\rangle,\qquad b = V e - Q K \xi .

The covariance of a stride is this function at hundreds of points, whose cost is memory as much as
products. So products with M from the left are gathered into one, what is symmetric is symmetrised
once, and traces of products are sums over entries.
"""

from dataclasses import dataclass

from fatheory.theory.online.reduced_chain import (
    Chain,
    ChainState,
    Factor,
    SpreadOfS,
    Square,
    inner,
    symmetric,
    times,
    trace,
    transposed,
)


@dataclass(frozen=True, eq=False)
class DressedFrame:
    """About what S is dressed.

    Attributes
    ----------
    H : array of shape (run, 1, n_o, n_o)
        The metric.
    center : array of shape (run, 1, n_o, n_o)
        Mean of S now.
    drift : array of shape (run, 1, n_o, n_o), optional
        What the mean moves by in a step; None where the state is the mean, which says it itself.
    """

    H: Square
    center: Square
    drift: Square | None = None


def dressed_step(
    chain: Chain, state: ChainState, frame: DressedFrame, spread: SpreadOfS | None = None
) -> ChainState:
    """Compute what a step adds on average to the dressed P, and to S, Q and W.

    Parameters
    ----------
    chain : Chain
        What is learned.
    state : ChainState
        With any number of points; P is dressed.
    frame : DressedFrame
        About what.
    spread : SpreadOfS, optional
        Covariance of S, over which terms quadratic in S are averaged.
    """
    H = frame.H
    D = state.S - frame.center
    DH = times(D, H)
    P = state.P + DH @ transposed(D)
    fast = None
    if spread is not None:
        fast = spread(H)
        P += fast
    parts = _parts(chain, state, P, H, DH + frame.center @ H, spread)
    dS = _step_of_S(chain, state, parts)
    # Everything that is symmetrised: with M from the left, and without.
    halves = parts.M @ _left(chain, parts, fast)
    drift = dS if frame.drift is None else frame.drift
    halves += times(D, H @ drift.mT)
    halves -= (DH - drift @ H) @ transposed(dS)
    if parts.mixed is not None:
        halves += chain.eta * parts.mixed
    dP = symmetric(halves)
    dP += _symmetric_terms(chain, parts)
    dP -= drift @ H @ drift.mT
    dQ = symmetric(parts.SV) * chain.eta
    dQ += chain.eta**2 * (chain.n_i + 2) * parts.VPV
    return ChainState(dP, dS, dQ, chain.eta * state.S)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Products that several terms share; SKS is averaged, and SV = S^T V^T.

    `mixed` and `seen` are the spread's images of K Q H and 2 K Q K - K Q H Q K.
    """

    M: Square
    P: Square
    drawn: Square
    SKV: Square
    SV: Square
    VPV: Square
    KQ: Square
    SKQ: Square
    SKS: Square
    SHS: Square
    both: Square
    quadratic: Square
    mixed: Square | None
    seen: Square | None
    pulled: Square
    t: Factor
    q: Factor
    tr_bb: Factor
    tr_bx: Factor
    tr_hq: Factor
    q2: Factor


def _parts(
    chain: Chain,
    state: ChainState,
    P: Square,
    H: Square,
    SH: Square,
    spread: SpreadOfS | None,
) -> _Parts:
    S, Q, W = state.S, state.Q, state.W
    ST, SK, QK = transposed(S), chain.hidden(S), chain.hidden(Q)
    if chain.backprop:
        WT, KQ, SKT = transposed(W), Q, ST
        M, drawn, SKV, SV = W @ WT, P @ W, S @ WT, ST @ W
        VPV, t = WT @ drawn, inner(S, W)
    else:
        KQ, SKT = transposed(QK), transposed(SK)
        M, drawn, SKV, SV, VPV, t = times(W, chain.K), P, SK, ST, P, trace(SK)
    SKQ = SK @ Q
    eb, KQH = drawn - SKQ, times(KQ, H)
    ebH, HQQH = times(eb, H), KQH @ QK
    SKS, quadratic = SK @ ST, SKQ @ SKT
    quadratic -= ebH @ transposed(eb)
    mixed = seen = None
    if spread is not None:
        SKS += spread(chain.K)
        mixed, seen = spread(KQH), spread(2 * chain.hidden(KQ) - HQQH)
    AP = SKV @ P
    return _Parts(
        M, P, drawn, SKV, SV, VPV, KQ, SKQ, SKS, SH @ ST, ebH @ ST, quadratic, mixed, seen,
        symmetric(AP), t, trace(QK),
        tr_bb=inner(H, VPV) - 2 * inner(SV, KQH) + inner(HQQH, Q),
        tr_bx=inner(H, SV) - inner(KQH, Q),
        tr_hq=inner(H, Q),
        q2=inner(QK, KQ),
    )  # fmt: skip


def _error_terms(chain: Chain, parts: _Parts) -> Square:
    """Return eta P - eta^2 <|h|^2 e e^T> - eta^3 (n_i + 4) <alpha e e^T>: what V^T feeds on."""
    eta, more = chain.eta, chain.eta**3 * (chain.n_i + 4)
    fed = (eta - eta**2 * parts.q - more * parts.t) * parts.P
    fed -= 2 * eta**2 * parts.SKS
    fed -= more * parts.pulled
    return fed


def _step_of_S(chain: Chain, state: ChainState, parts: _Parts) -> Square:
    eta = chain.eta
    dS = parts.M @ (-eta * state.S - eta**2 * (chain.n_i + 2) * parts.drawn)
    dS += chain.fed(_error_terms(chain, parts), state.W)
    dS -= eta * parts.SKQ
    dS -= eta**2 * (parts.t * state.S + parts.SKV @ state.S + parts.drawn @ parts.KQ)
    return dS


def _left(chain: Chain, parts: _Parts, fast: Square | None) -> Square:
    """Return Z of the terms M Z + (M Z)^T."""
    eta2 = chain.eta**2
    twice = (eta2 / 2 * (chain.n_i + 2 - parts.tr_hq)) * parts.P
    twice -= eta2 * parts.SHS
    if fast is not None:
        twice -= eta2 / 2 * fast
    Z = twice @ transposed(parts.M)
    Z -= _error_terms(chain, parts)
    Z += eta2 * (parts.tr_bx * parts.P + symmetric(parts.both))
    if fast is not None and parts.mixed is not None:
        Z += chain.eta * fast
        Z -= eta2 * transposed(parts.mixed)
    return Z


def _symmetric_terms(chain: Chain, parts: _Parts) -> Square:
    eta, n, t, q = chain.eta, chain.n_i, parts.t, parts.q
    of_P = parts.q2 - 2 * t - parts.tr_bb + 2 * eta * t * q + eta**2 * (n + 6) * t**2
    out = eta**2 * of_P * parts.P
    out += (4 * eta**3 * t - 2 * eta) * parts.SKS
    out += (2 * eta**2 * (eta * q + eta**2 * (n + 6) * t - 1)) * parts.pulled
    out += 2 * eta**2 * parts.quadratic
    if parts.seen is not None:
        out += eta**2 * parts.seen
    return out
