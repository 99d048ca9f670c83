"""How much one step adds to the variance of the log of a squared error, to leading order."""

from typing import Any

import numpy as np
from jaxtyping import Float


def log_variance_of_row(
    k: Float[np.ndarray, "... n"],
    left: Float[np.ndarray, "... n"],
    right: Float[np.ndarray, "... n"],
) -> Float[np.ndarray, "..."] | np.floating:
    """Return the variance of one step of sum_a L_a f_a^2, averaged over f, without the growth.

    It is relative to the square of the sum; divided by growth^2 it is that of the log.

    Parameters
    ----------
    k : array of shape (..., n)
        eta times the real part of the gains.
    left, right : arrays of shape (..., n)
        Eigenvectors of the recursion of the second moments, of any scale.
    """
    D = right / (left * right).sum(-1, keepdims=True)
    return variance_of_step(
        total=D.sum(-1),
        mixed=(left * k * D).sum(-1),
        square=(left**2 * k**2 * D).sum(-1),
        drift=(left * k**2).sum(-1),
    )


def variance_of_step(*, total: Any, mixed: Any, square: Any, drift: Any) -> Any:
    """Return the variance of one step of f^H L f from traces.

    Fourth moments of x by Isserlis; f is taken for Gaussian with the second moments D of the right
    eigenvector, of tr(L D) = 1.

    Parameters
    ----------
    total, mixed, square, drift : float or array
        tr(D), tr(L k D), tr(L k D k L) and tr(k L k).
    """
    return 4 * (total * square + mixed**2) - 8 * drift * total * mixed + 2 * (drift * total) ** 2
