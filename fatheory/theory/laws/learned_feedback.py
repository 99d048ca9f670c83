r"""Laws of feedback that learns: Kolen-Pollack and the weight mirror."""

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import (
    counts,
    matching_shapes,
    not_negative_number,
    one_number,
    positive_number,
    real_matrix,
    two_layer_arrays,
)
from fatheory.errors import RegimeError


def kolen_pollack_law(W0: ArrayLike, B: ArrayLike) -> Float[np.ndarray, "n_h n_h"]:
    r"""Compute :math:`C = W_0 W_0^\top - B B^\top`: backprop's invariant with B for W^T.

    Parameters
    ----------
    W0 : array of shape (n_h, n_i)
        Weights into the hidden layer.
    B : array of shape (n_h, n_o)
        Feedback into it, which learns by the readout's step, transposed.

    Returns
    -------
    array of shape (n_h, n_h)
        Constant under the flow without weight decay; see `kolen_pollack_law_change`.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.

    References
    ----------
    Derived for this project; the rule: Kolen & Pollack 1994; Akrout et al. 2019, arXiv 1904.05391.
    """
    W0, B = two_layer_arrays(W0=W0, B=B)
    return W0 @ W0.T - B @ B.T


def kolen_pollack_law_change(
    W0: ArrayLike,
    B: ArrayLike,
    step_of_W0: ArrayLike,
    step_of_W: ArrayLike,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
) -> Float[np.ndarray, "n_h n_h"]:
    r"""Compute by how much one step of plain SGD changes `kolen_pollack_law`, exactly.

    .. math:: C_{k+1} = (1 - \eta\lambda)^2 C_k + g_0 g_0^\top - g_1^\top g_1,

    with g_0 and g_1 the gradient parts of the steps of W0 and W, decay left out, for linear
    hidden units, at any learning rate, batch and error signal.

    Parameters
    ----------
    W0, B : arrays of shape (n_h, n_i) and (n_h, n_o)
        Before the step.
    step_of_W0, step_of_W : arrays of shape (n_h, n_i) and (n_o, n_h)
        g_0 and g_1.
    learning_rate, weight_decay : float
        eta and lambda.

    Raises
    ------
    ArrayError
        If arrays are not finite or do not fit.
    RegimeError
        If the learning rate is not positive, or the weight decay negative.
    """
    W0, B = two_layer_arrays(W0=W0, B=B)
    C, kept = kolen_pollack_law(W0, B), _kept(learning_rate, weight_decay)
    g0, g1 = real_matrix("step_of_W0", step_of_W0), real_matrix("step_of_W", step_of_W)
    matching_shapes(
        {
            "W0": (W0, ("n_h", "n_i")),
            "B": (B, ("n_h", "n_o")),
            "step_of_W0": (g0, ("n_h", "n_i")),
            "step_of_W": (g1, ("n_o", "n_h")),
        }
    )
    # W0 g0^T and g1^T B^T are both h (B e)^T, so the terms of first order cancel.
    return (kept**2 - 1) * C + g0 @ g0.T - g1.T @ g1


def kolen_pollack_difference(
    difference: ArrayLike, steps: ArrayLike, *, learning_rate: float, weight_decay: float
) -> np.ndarray:
    r"""Compute :math:`B - W^\top` after k steps, :math:`(1 - \eta\lambda)^k` of that at the start.

    Both take the same steps and the same decay, whatever the data are.

    Parameters
    ----------
    difference : array of shape (n_h, n_o)
        B - W^T at step 0.
    steps : int or array of int
        k.
    learning_rate, weight_decay : float
        eta and lambda.

    Returns
    -------
    array of shape (..., n_h, n_o)
        With the axes of `steps` in front.

    Raises
    ------
    ArrayError
        If the difference is not a finite matrix, or steps are not whole numbers from 0 on.
    RegimeError
        If the learning rate is not positive, or the weight decay negative.
    """
    D = real_matrix("difference", difference)
    kept = np.asarray(_kept(learning_rate, weight_decay) ** counts("steps", steps))
    return kept[..., None, None] * D


def weight_mirror_variance(W: ArrayLike, rate: float) -> Float[np.ndarray, "n_o n_h"]:
    r"""Compute the stationary variance of the weight mirror's feedback around fixed weights.

    .. math:: V \leftarrow V - m (V - W \xi\xi^\top),\qquad
              \mathrm{Var}\, V_{ij} = \frac{m}{2 - m}\left(\|W_i\|^2 + W_{ij}^2\right)

    with fresh :math:`\xi \sim \mathcal N(0, I)` at every step. The mean is W, reached as (1 - m)^k.

    Parameters
    ----------
    W : array of shape (n_o, n_h)
        Forward weights, held.
    rate : float
        m in (0, 2).

    Raises
    ------
    ArrayError
        If W is not a finite matrix.
    RegimeError
        If the rate lies outside (0, 2), where V has no stationary law.
    """
    W = real_matrix("W", W)
    rate = one_number("rate", rate)
    # Beyond 2 the mean itself grows.
    if not 0 < rate < 2:
        raise RegimeError(f"rate must lie between 0 and 2; got {rate}")
    # By Isserlis one sample W_i xi xi_j has the variance |W_i|^2 + W_ij^2; the geometric memory of
    # V keeps m^2 / (1 - (1 - m)^2) of it.
    return rate / (2 - rate) * (np.sum(W**2, axis=1, keepdims=True) + W**2)


def _kept(learning_rate: float, weight_decay: float) -> float:
    """Return what one step's weight decay leaves of the weights."""
    rate = positive_number("learning_rate", learning_rate)
    return 1 - rate * not_negative_number("weight_decay", weight_decay)
