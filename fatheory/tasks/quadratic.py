"""The quadratic task y*_k = x^T Q_k x."""

import numpy as np
from jaxtyping import Float


def quadratic_targets(
    Q: Float[np.ndarray, "n_o n_i n_i"], x: Float[np.ndarray, "sample n_i"]
) -> Float[np.ndarray, "sample n_o"]:
    """Compute x^T Q_k x for every form k (Lillicrap et al. 2016, Methods of Fig. 5).

    Parameters
    ----------
    Q : array of shape (n_o, n_i, n_i)
        The forms; only their symmetric parts matter.
    x : array of shape (sample, n_i)
        Inputs.
    """
    n_o, n_i, _ = Q.shape
    # One matrix product for all forms is many times faster than one for each.
    Qx = (x @ Q.reshape(n_o * n_i, n_i).T).reshape(len(x), n_o, n_i)
    return np.einsum("soi,si->so", Qx, x)
