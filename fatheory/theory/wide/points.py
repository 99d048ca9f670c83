"""Checks of the points at which kernels are asked for."""

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import not_negative_number as not_negative_number
from fatheory.checks import real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.machine import free_memory, size_text


def input_points(
    name: str, value: ArrayLike, bias_scale: float | None = None
) -> Float[np.ndarray, "point n_i"]:
    """Return points as a finite matrix whose rows differ and are not zero.

    Parameters
    ----------
    name, value : str, array
        What it is called, and the points.
    bias_scale : float, optional
        Of the network's biases; None where it cannot have any.

    Raises
    ------
    ArrayError
        If the array is not a finite, non-empty matrix, two rows are equal, or one is zero and
        there are no biases.
    """
    X = real_array(name, value, 2)
    if 0 in X.shape:
        raise ArrayError(f"{name} must hold points with inputs; its shape is {X.shape}")
    zero = np.flatnonzero(~X.any(axis=1))
    if len(zero) and not bias_scale:
        cure = "" if bias_scale is None else ", or give bias_scale"
        raise ArrayError(
            f"{name}[{zero[0]}] is zero: without biases a network answers 0 there for ever; leave "
            f"the point out{cure}"
        )
    _, first, counts = np.unique(X, axis=0, return_index=True, return_counts=True)
    if len(first) < len(X):
        where = first[np.argmax(counts > 1)]
        same = np.flatnonzero((X[where] == X).all(axis=1))[:2]
        raise ArrayError(
            f"the points {name}[{same[0]}] and {name}[{same[1]}] are the same, so no kernel of "
            f"them is positive definite; leave one out"
        )
    return X


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return `value` if it is an integer of at least `least`.

    Raises
    ------
    RegimeError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise RegimeError(f"{name} must be a whole number, {least} or larger; got {value!r}")
    return int(value)


def require_memory(needed: int, what: str) -> None:
    """Refuse work that would not fit into memory, before it begins.

    Raises
    ------
    RegimeError
        If more than the free memory is needed; the message says how much of what.
    """
    available = free_memory()
    if available is not None and needed > available:
        raise RegimeError(
            f"{what} needs about {size_text(needed)}, and {size_text(available)} are free: ask "
            f"for less, or for single precision"
        )
