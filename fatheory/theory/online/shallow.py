"""Online learning of the output layer alone: the mean loss, exact from the first step."""

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import (
    covariance_matrix,
    not_negative_number,
    positive_number,
    step_numbers,
    two_layer_arrays,
)


def shallow_mean_loss(
    W0: ArrayLike,
    W: ArrayLike,
    T: ArrayLike,
    Sigma: ArrayLike | None = None,
    *,
    learning_rate: float,
    steps: ArrayLike,
    noise: float = 0.0,
) -> Float[np.ndarray, " step"]:
    r"""Compute the mean over inputs of the loss of shallow online learning, at any learning rate.

    Only W learns, W += eta e h^T with h = W0 x, x ~ N(0, Sigma): a linear filter of h. In the
    eigenbasis of the covariance of h, of eigenvalues q_a, the mean squares D_a of the error map
    behind the hidden layer obey, exactly and from the first step,

    .. math:: D_a \leftarrow D_a (1 - 2\eta q_a + 2\eta^2 q_a^2)
              + \eta^2 q_a \Big(\sum_b q_b D_b + r\Big)

    with r the squared error that no readout of these hidden units can remove, target noise
    included.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Input weights, which stay.
    W : array of shape (n_o, n_h)
        Start of the output weights.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i), optional
        Covariance of the inputs; the identity by default.
    learning_rate : float
        eta, per step.
    steps : array of int
        At which the loss is given; increasing, from 0 on.
    noise : float
        Standard deviation of target noise, which enters the updates and not the loss.

    Returns
    -------
    array of shape (step,)
        E[1/2 |T x - W h|^2], over fresh examples and over all sequences of examples.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit, or steps do not increase from 0 or later.
    RegimeError
        If the learning rate is not positive or the noise negative.

    References
    ----------
    Horowitz & Senne 1981 (linear filters).
    """
    W0, W, T = two_layer_arrays(W0=W0, W=W, T=T)
    Sigma = covariance_matrix("Sigma", Sigma, W0.shape[1])
    learning_rate = positive_number("learning_rate", learning_rate)
    noise = not_negative_number("noise", noise)
    wanted = step_numbers(steps)
    root = _square_root(Sigma)
    q, axes = np.linalg.eigh(W0 @ Sigma @ W0.T)
    # Rounding of either sign; a negative variance would let the error grow.
    q = np.clip(q, 0.0, None)
    seen = q > 1e-12 * q.max(initial=0.0)
    # The best readout of what the hidden units see; the rest of the target is noise to W.
    cross = T @ Sigma @ W0.T @ axes
    best = np.where(seen, cross / np.where(seen, q, 1.0), 0.0)
    # As a sum of squares: |T|^2 - |best|^2 would cancel where all can be removed, to rounding of
    # either sign, below which the loss could not fall.
    rest = float(np.sum(((T - best @ axes.T @ W0) @ root) ** 2))
    D = np.where(seen, np.sum((best - W @ axes) ** 2, axis=0), 0.0)
    eta, drive = learning_rate, rest + len(T) * noise**2
    loss = np.empty(len(wanted))
    keep = 1 - 2 * eta * q + 2 * eta**2 * q**2
    done = 0
    for index, step in enumerate(wanted):
        for _ in range(step - done):
            D = D * keep + eta**2 * q * (q @ D + drive)
        done = step
        loss[index] = 0.5 * (q @ D + rest)
    return loss


def _square_root(Sigma: np.ndarray) -> np.ndarray:
    """Return a root R of a covariance matrix, R R^T = Sigma, of any rank."""
    variances, directions = np.linalg.eigh(Sigma)
    return directions * np.sqrt(np.clip(variances, 0.0, None))
