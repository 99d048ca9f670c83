r"""The error as its slow part: what is left of P when directions that hidden units see are out.

E moves slowly where no input weights lie and fast along them, slaved to the slow part. Fluctuations
of P at given S would grow, those of

.. math:: \tilde P = P - (S - \langle S\rangle)\, H\, (S - \langle S\rangle)^\top,\qquad
          H = K^{1/2} (K^{1/2} Q K^{1/2} + c)^{-1} K^{1/2}

do not. :math:`H = Q^{-1}` leaves the part of E across the rows of X; c = (d + r) / (2 eta) keeps
what feeds back, with d from the secular equation of an LMS filter
(`fatheory.theory.online.lms_row`) and r, which vanishes with the error, from the time in which
early learning changes.
"""

import numpy as np

from fatheory.theory.online.reduced_chain import Chain, ChainState, Square

REGULARIZATION = 2.0
_ITERATIONS = 30


def dressing(chain: Chain, state: ChainState, regularization: float = REGULARIZATION) -> Square:
    """Return H at a mean state of one point, whose P is that of the whole error.

    Parameters
    ----------
    chain : Chain
        What is learned.
    state : ChainState
        Means.
    regularization : float
        Of r; 0 where learning is late.
    """
    eta, n_o = chain.eta, chain.n_o
    q, vectors = np.linalg.eigh(chain.root @ state.Q @ chain.root)
    # Rounding puts eigenvalues of a Gram matrix of low rank below 0.
    q = np.clip(q, 0, None)
    size = np.trace(state.P, axis1=-2, axis2=-1)
    M = chain.gain(state.W)
    # One gain for all rows, weighed by their share in the error.
    m = np.clip(np.trace(M @ state.P, axis1=-2, axis2=-1) / size, 0, None)[..., None]
    kappa, kappa_0 = (eta * (m + q)) ** 2, (eta * m) ** 2
    apart = np.clip(2 * eta * q - 2 * (kappa - kappa_0), 0, None)
    d = (chain.n_i - n_o) * kappa_0 + 0.5 * kappa.sum(-1, keepdims=True)
    # A fixed number, so that all points go side by side.
    for _ in range(_ITERATIONS):
        share = np.divide(d, d + apart, out=np.zeros_like(apart), where=d + apart > 0)
        d = (chain.n_i - n_o) * kappa_0 + (kappa * share).sum(-1, keepdims=True)
    whole = np.trace(chain.target, axis1=-2, axis2=-1)
    r = 2 * regularization * (size / whole)[..., None] / chain.n_i
    axes = chain.root @ vectors
    held = np.maximum(q + (d + r) / (2 * eta), 1e-300)
    return (axes / held[..., None, :]) @ axes.mT
