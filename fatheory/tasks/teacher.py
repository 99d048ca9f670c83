"""The task of a teacher: the output of a fixed random network, linear at its top."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import erf, expit

_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda a: a,
    "tanh": np.tanh,
    "sigmoid": expit,
    "relu": lambda a: np.maximum(a, 0),
    # erf(a / sqrt 2), as students have it: so averages over Gaussian inputs are arcsines.
    "erf": lambda a: erf(a / np.sqrt(2)),
}


def teacher_targets(
    weights: Sequence[Float[np.ndarray, "..."]],
    biases: Sequence[Float[np.ndarray, "..."]],
    activation: str,
    x: Float[np.ndarray, "sample n_i"],
) -> Float[np.ndarray, "sample n_o"]:
    """Run the teacher (Lillicrap et al. 2016, Methods of Fig. 3d).

    Parameters
    ----------
    weights : sequence of arrays of shape (unit_l, unit_{l-1})
        Of layers 1 ... L.
    biases : sequence of arrays of shape (unit_l,)
        Of the same layers, or empty.
    activation : str
        Function of the hidden units: linear, tanh, sigmoid, relu or erf (a / sqrt 2).
    x : array of shape (sample, n_i)
        Inputs.
    """
    h = x
    for i, W in enumerate(weights):
        a = h @ W.T + (biases[i] if biases else 0.0)
        h = a if i == len(weights) - 1 else _FUNCTIONS[activation](a)
    return h
