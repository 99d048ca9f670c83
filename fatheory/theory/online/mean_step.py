r"""The mean of one step of the chain, exact but for terms eta^3 without a factor n_i.

With :math:`M = W K V,\ t = \mathrm{tr}(S K V),\ q = \mathrm{tr}(K Q),\ q_2 = \mathrm{tr}(K Q K Q)`
and by Isserlis' theorem

.. math::

    a_e &= t P + S K V P + (S K V P)^\top,\quad a_\xi = t S + S K V S + P V^\top K Q,\quad
    h_e = q P + 2 S K S^\top,

    \Delta P &= -\eta (M P + P M^\top + 2 S K S^\top)
        + \eta^2 [(n_i + 2) M P M^\top + M h_e + h_e M^\top + q_2 P + 2 S K Q K S^\top - 2 a_e]

        &\quad + \eta^3 [(n_i + 4)(M a_e + a_e M^\top) + 2 (t h_e + q (S K V P + (S K V P)^\top))]
        + \eta^4 (n_i + 6) [t^2 P + 2 t (S K V P + (S K V P)^\top)],

    \Delta S &= \eta (P V^\top - M S - S K Q)
        - \eta^2 [(n_i + 2) M P V^\top + h_e V^\top + a_\xi] - \eta^3 (n_i + 4) a_e V^\top,

    \Delta Q &= \eta (V S + S^\top V^\top) + \eta^2 (n_i + 2) V P V^\top,\qquad \Delta W = \eta S .
"""

from fatheory.theory.online.reduced_chain import (
    Chain,
    ChainState,
    SpreadOfS,
    symmetric,
    trace,
)


def mean_step(chain: Chain, state: ChainState, spread: SpreadOfS | None = None) -> ChainState:
    """Compute what a step adds to P, S, Q and W on average.

    Parameters
    ----------
    chain : Chain
        What is learned.
    state : ChainState
        With any number of points.
    spread : SpreadOfS, optional
        Covariance of S, over which the terms that are quadratic in S are averaged.

    References
    ----------
    Derived for this project.
    """
    n, eta = chain.n_i, chain.eta
    P, S, Q, W = state.P, state.S, state.Q, state.W
    M, QK, SK = chain.gain(W), chain.hidden(Q), chain.hidden(S)
    KQ = QK.mT
    KQK = chain.hidden(KQ)
    q, q2 = trace(QK), trace(QK @ QK)
    SKV = chain.fed(SK, W.mT) if chain.backprop else SK
    t = trace(SKV)
    SKQ = SK @ Q
    SKS, SQS = SK @ S.mT, SKQ @ SK.mT
    # Quadratic in S: their means have its covariance beside its mean.
    if spread is not None:
        SKS, SQS = SKS + spread(chain.K), SQS + spread(KQK)
    MP, drawn = M @ P, chain.fed(P, W)
    he = q * P + 2 * SKS
    dP = -eta * (symmetric(MP) + 2 * SKS)
    dP += eta**2 * ((n + 2) * MP @ M.mT + symmetric(M @ he) + q2 * P + 2 * SQS)
    dS = eta * (drawn - M @ S - SKQ)
    dS -= eta**2 * (
        (n + 2) * M @ drawn + chain.fed(he, W) + t * S + SKV @ S + chain.hidden(drawn) @ Q
    )
    SVP = symmetric(SKV @ P)
    ae = t * P + SVP
    dP -= 2 * eta**2 * ae
    dP += eta**3 * ((n + 4) * symmetric(M @ ae) + 2 * (t * he + q * SVP))
    dP += eta**4 * (n + 6) * (t**2 * P + 2 * t * SVP)
    dS -= eta**3 * (n + 4) * chain.fed(ae, W)
    VS = W.mT @ S if chain.backprop else S
    VPV = W.mT @ drawn if chain.backprop else drawn
    return ChainState(dP, dS, eta * symmetric(VS) + eta**2 * (n + 2) * VPV, eta * S)
