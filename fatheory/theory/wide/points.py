"""Checks of the points at which kernels are asked for."""

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import not_negative_number as not_negative_number
from fatheory.checks import real_array
from fatheory.errors import ArrayError, RegimeError
from fatheory.labelled_arrays import in_documented_order
from fatheory.machine import free_memory, size_text

POINT, INPUT = "point", "n_i"
_SMALLEST, _LARGEST = 1e-100, 1e100
"""Mean squares of points: products of two of them stay far within double precision."""


def input_points(
    name: str, value: ArrayLike, bias_scale: float | None = None
) -> Float[np.ndarray, "point n_i"]:
    """Return points as a finite matrix whose rows differ and are not zero.

    Parameters
    ----------
    name, value : str, array
        What it is called, and the points; of an array with labels, dimensions called "point" and
        "n_i" are brought into this order.
    bias_scale : float, optional
        Of the network's biases; None where it cannot have any.

    Raises
    ------
    ArrayError
        If the array is not a finite, non-empty matrix, two rows are equal, one is zero and
        there are no biases, or points are so small or large that kernels leave double precision.
    """
    # Kernels have bounds of their own, point by point, below.
    ordered = in_documented_order(name, value, (POINT, INPUT))
    X = real_array(name, ordered, 2, any_scale=True)
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
    with np.errstate(over="ignore", under="ignore"):
        require_kernel_scale(name, np.mean(X**2, axis=1) + (bias_scale or 0.0) ** 2)
    return X


def require_kernel_scale(name: str, squares: Float[np.ndarray, " point"]) -> None:
    """Refuse points whose kernels would overflow, or vanish.

    Parameters
    ----------
    name : str
        What the points are called.
    squares : array of shape (point,)
        Variances of the first layer's preactivations.

    Raises
    ------
    ArrayError
        If one lies outside 1e-100 to 1e100.
    """
    outside = np.flatnonzero(~((squares >= _SMALLEST) & (squares <= _LARGEST)))
    if len(outside):
        first = outside[0]
        raise ArrayError(
            f"{name}[{first}] gives the first layer's preactivations a variance of "
            f"{squares[first]:.3g}, and kernels are computed from {_SMALLEST:g} to {_LARGEST:g}: "
            f"divide the points by their size"
        )


def require_scaled_points(
    name: str, X: Float[np.ndarray, "point n_i"], bias_variance: float | None = None
) -> None:
    """Refuse an experiment's points whose kernels are not numbers, as `input_points` does.

    Parameters
    ----------
    name, X : str, array
        What the points are called, and the points.
    bias_variance : float, optional
        Of the first layer's biases at the start; None for a network without biases.

    Raises
    ------
    ArrayError
        If a point is zero and no bias is drawn, or variances lie outside 1e-100 to 1e100.
    """
    zero = np.flatnonzero(~X.any(axis=1))
    if len(zero) and not bias_variance:
        why, cure = "without biases a network answers 0 there for ever", "leave the point out"
        if bias_variance is not None:
            why = "with biases that start from 0 its preactivations have no variance"
            cure += ", or draw biases (network.biases)"
        raise ArrayError(f"{name}[{zero[0]}] is zero: {why}; {cure}")
    with np.errstate(over="ignore", under="ignore"):
        require_kernel_scale(name, np.mean(X**2, axis=1) + (bias_variance or 0.0))


def outputs_of(name: str, value: ArrayLike) -> Float[np.ndarray, "point unit"]:
    """Return targets or outputs as a finite matrix, read by the names of its dimensions.

    Raises
    ------
    ArrayError
        If it is none, or its dimensions are named otherwise and in another order.
    """
    return real_array(name, in_documented_order(name, value, (POINT, "unit")), 2)


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


def require_memory(needed: int, what: str, cure: str) -> None:
    """Refuse work that would not fit into memory, before it begins.

    Parameters
    ----------
    needed : int
        Bytes.
    what, cure : str
        What takes them, and of what to ask for less.

    Raises
    ------
    RegimeError
        If more than the free memory is needed; the message says how much of what.
    """
    available = free_memory()
    if available is not None and needed > available:
        raise RegimeError(
            f"{what} needs about {size_text(needed)}, and {size_text(available)} are free: {cure}"
        )
