"""The coefficients of online learning: mean update of one example, its derivatives, its noise."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.arrays import Covariance, FeedbackWeights, InputWeights, OutputWeights, TargetMap

SquareMatrix = Float[np.ndarray, "n n"]


class OnlineTask(NamedTuple):
    """What learning of y = W W0 x does not change.

    Attributes
    ----------
    B : array of shape (n_h, n_o) or None
        Carries the error back; None for W^T (backprop), zeros for shallow.
    T : array of shape (n_o, n_i)
        Target map.
    Sigma : array of shape (n_i, n_i)
        Covariance of the Gaussian input.
    noise : array of shape (n_o, n_o)
        Covariance of Gaussian noise on the target.
    """

    B: FeedbackWeights | None
    T: TargetMap
    Sigma: Covariance
    noise: Float[np.ndarray, "n_o n_o"]


def mean_update(W0: InputWeights, W: OutputWeights, task: OnlineTask) -> Float[np.ndarray, " n"]:
    """Return the mean of (V^T e x^T, e (W0 x)^T), flattened row by row, W0 first."""
    P = (task.T - W @ W0) @ task.Sigma
    back = W.T if task.B is None else task.B
    return np.concatenate([(back @ P).ravel(), (P @ W0.T).ravel()])


def update_covariance(W0: InputWeights, W: OutputWeights, task: OnlineTask) -> SquareMatrix:
    """Return D = A Cov(e x^T) A^T, with A the linear map from e x^T to the update."""
    (n_o, n_i), Sigma = task.T.shape, task.Sigma
    E = task.T - W @ W0
    ES = E @ Sigma
    # The first pairing of Isserlis' theorem; the second is of e_i with x_l and e_k with x_j.
    cov = _kron(ES @ E.T + task.noise, Sigma)
    cov += np.einsum("il,kj->ijkl", ES, ES).reshape(n_o * n_i, n_o * n_i)
    back = W.T if task.B is None else task.B
    A = np.vstack([_kron(back, np.eye(n_i)), _kron(np.eye(n_o), W0)])
    return A @ cov @ A.T


def mean_jacobian(W0: InputWeights, W: OutputWeights, task: OnlineTask) -> SquareMatrix:
    """Differentiate the mean update; vec(A X C) = (A kron C^T) vec(X) row by row."""
    (n_h, n_i), n_o, Sigma = W0.shape, len(W), task.Sigma
    ES = (task.T - W @ W0) @ Sigma
    back = W.T if task.B is None else task.B
    SW = Sigma @ W0.T
    upper_right = -_kron(back, SW)
    lower_left = -_kron(W, SW.T)
    # The terms with a transposed differential, ES dW0^T and dW^T ES.
    transposed = np.einsum("oi,gh->ohgi", ES, np.eye(n_h)).reshape(n_o * n_h, n_h * n_i)
    lower_left += transposed
    if task.B is None:
        upper_right += transposed.T
    return np.block(
        [
            [-_kron(back @ W, Sigma), upper_right],
            [lower_left, -_kron(np.eye(n_o), W0 @ SW)],
        ]
    )


def mean_bending(
    W0: InputWeights, W: OutputWeights, task: OnlineTask, P: SquareMatrix
) -> Float[np.ndarray, " n"]:
    """Return half the second derivative of the mean update, contracted with P."""
    (n_h, n_i), n_o, Sigma = W0.shape, len(W), task.Sigma
    split = W0.size
    P00 = P[:split, :split].reshape(n_h, n_i, n_h, n_i)
    P10 = P[split:, :split].reshape(n_o, n_h, n_h, n_i)
    P11 = P[split:, split:].reshape(n_o, n_h, n_o, n_h)
    # <dW dW0>, <dE Sigma dW0^T> and <dW^T dE>, with dE = -(dW W0 + W dW0).
    product = np.einsum("ohhi->oi", P10)
    error_input = -np.einsum("ohgi,hi->og", P10, W0 @ Sigma)
    error_input -= W @ np.einsum("higj,ij->hg", P00, Sigma)
    back = W.T if task.B is None else task.B
    dW0 = -back @ product @ Sigma
    if task.B is None:
        output_error = -np.einsum("ohog->hg", P11) @ W0 - np.einsum("ohgi,og->hi", P10, W)
        dW0 += output_error @ Sigma
    dW = -product @ Sigma @ W0.T + error_input
    return np.concatenate([dW0.ravel(), dW.ravel()])


def _kron(A: Float[np.ndarray, "_ _"], C: Float[np.ndarray, "_ _"]) -> Float[np.ndarray, "_ _"]:
    """Return the Kronecker product; `numpy.kron` takes several times as long at these sizes."""
    return (A[:, None, :, None] * C[None, :, None, :]).reshape(len(A) * len(C), -1)
