"""The mean angle between teaching signals over examples, from the order parameters."""

from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, qmc

from fatheory.theory.online.reduced_chain import Chain, Square, trace

# A power of two, as Sobol's points ask for.
_POINTS = 512


def mean_angle(
    chain: Chain,
    P: Square,
    W: Square,
    readout: Square,
    G: Float[np.ndarray, "n_o n_o"],
    start: Float[np.ndarray, "n_o n_o"],
) -> Float[np.ndarray, " knot"]:
    """Compute the mean over e ~ N(0, P) of the angle between B e and W^T e, in degrees.

    Parameters
    ----------
    chain : Chain
        What is learned, of one run, under fixed feedback.
    P, W : arrays of shape (knot, 1, n_o, n_o)
        Covariance of the error, and mean of the readout, at some of its steps.
    readout : array of shape (knot, 1, n_o, n_o)
        <W K W^T>.
    G, start : arrays of shape (n_o, n_o)
        B^T W^T and W W^T of the start weights, which add to what is learned.
    """
    values, vectors = np.linalg.eigh((P / trace(P))[:, 0])
    root = vectors * np.sqrt(np.clip(values, 0, None))[:, None]
    e = _normal_points(chain.n_o) @ root.mT
    K, W = chain.K[0, 0], W[:, 0]

    def form(A: np.ndarray) -> np.ndarray:
        return np.vecdot(e @ A, e)

    cross = W @ G
    whole = readout[:, 0] + cross + cross.mT + start
    cosine = form(K @ W.mT + G) / np.sqrt(form(K) * form(whole))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean(axis=-1)


@cache
def _normal_points(n: int) -> np.ndarray:
    """Return points that stand for N(0, I), always the same."""
    # Scrambled, as Sobol's own first point is 0, at which the quantile is infinite.
    return norm.ppf(qmc.Sobol(n, scramble=True, seed=0).random(_POINTS))
