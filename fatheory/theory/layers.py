"""The weights and the feedback of a network of any depth: their shapes, and two ways to wire it."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, real_array
from fatheory.errors import ArrayError, RegimeError

Matrix = Float[np.ndarray, "_ _"]
Axes = dict[str, tuple[np.ndarray, tuple[str, ...]]]


def network_weights(weights: Sequence[ArrayLike], at_least: int = 1) -> list[Matrix]:
    """Return W_1 ... W_L as arrays whose shapes chain.

    Raises
    ------
    ArrayError
        If there are fewer than `at_least` layers, one of them without units, or arrays are not
        finite or do not fit.
    """
    checked = [real_array(f"W_{layer}", W, 2) for layer, W in _listed("weights", weights, 1)]
    if len(checked) < at_least:
        raise ArrayError(
            f"weights must list at least {at_least} matrices, from the input upwards; "
            f"got {len(checked)}"
        )
    matching_shapes(weight_axes(checked))
    return checked


def weight_axes(weights: Sequence[Matrix]) -> Axes:
    """Name the axes of W_1 ... W_L for `matching_shapes`: W_l is (n_l, n_{l-1})."""
    return {
        f"W_{layer}": (W, (f"n_{layer}", f"n_{layer - 1}"))
        for layer, W in enumerate(weights, start=1)
    }


def layered_feedback(feedback: Sequence[ArrayLike], weights: Sequence[Matrix]) -> list[Matrix]:
    """Return B_2 ... B_L as arrays; B_l is (n_{l-1}, n_l), against W_l of shape (n_l, n_{l-1}).

    Raises
    ------
    ArrayError
        If their number is not L - 1, or arrays are not finite or do not fit.
    """
    B = [real_array(f"B_{layer}", b, 2) for layer, b in _listed("feedback", feedback, 2)]
    _same_number("B_2 ... B_L, one for each layer above the first", B, weights)
    axes: Axes = {
        f"B_{layer}": (b, (f"n_{layer - 1}", f"n_{layer}")) for layer, b in enumerate(B, start=2)
    }
    matching_shapes(weight_axes(weights) | axes)
    return B


def direct_feedback(feedback: Sequence[ArrayLike], weights: Sequence[Matrix]) -> list[Matrix]:
    """Return F_1 ... F_{L-1} as arrays; F_l is (n_l, n_L), from the output to hidden layer l.

    Raises
    ------
    ArrayError
        If their number is not L - 1, or arrays are not finite or do not fit.
    """
    F = [real_array(f"F_{layer}", f, 2) for layer, f in _listed("feedback", feedback, 1)]
    _same_number("F_1 ... F_{L-1}, one for each hidden layer", F, weights)
    axes: Axes = {
        f"F_{layer}": (f, (f"n_{layer}", f"n_{len(weights)}")) for layer, f in enumerate(F, start=1)
    }
    matching_shapes(weight_axes(weights) | axes)
    return F


def direct_from_layered(feedback: Sequence[ArrayLike]) -> list[Matrix]:
    r"""Compute the direct feedback that equals layered feedback in a linear network.

    .. math:: F_l = B_{l+1} B_{l+2} \cdots B_L

    Between linear layers the error that reaches layer l is B_{l+1} ... B_L e, so feedback
    alignment *is* direct feedback alignment with these matrices: the same flow and the same
    steps (derived for this project).

    Parameters
    ----------
    feedback : sequence of arrays
        B_2 ... B_L, B_l of shape (n_{l-1}, n_l).

    Returns
    -------
    list of arrays
        F_1 ... F_{L-1}, F_l of shape (n_l, n_L).

    Raises
    ------
    ArrayError
        If arrays are not finite or do not chain.
    """
    B = [real_array(f"B_{layer}", b, 2) for layer, b in _listed("feedback", feedback, 2)]
    matching_shapes(
        {f"B_{layer}": (b, (f"n_{layer - 1}", f"n_{layer}")) for layer, b in enumerate(B, start=2)}
    )
    # From the output down, so that every product is made of the one above it.
    return list(accumulate(reversed(B), lambda F, b: b @ F))[::-1]


def layered_from_direct(feedback: Sequence[ArrayLike]) -> list[Matrix]:
    r"""Compute layered feedback that equals direct feedback in a linear network.

    .. math:: B_{l+1} = F_l F_{l+1}^+, \quad F_L = I

    Direct feedback alignment therefore has the layer-wise invariants of feedback alignment, with
    these matrices (derived for this project).

    Parameters
    ----------
    feedback : sequence of arrays
        F_1 ... F_{L-1}, F_l of shape (n_l, n_L).

    Returns
    -------
    list of arrays
        B_2 ... B_L, B_l of shape (n_{l-1}, n_l).

    Raises
    ------
    ArrayError
        If arrays are not finite or differ in their number of columns.
    RegimeError
        If one of F_2 ... F_{L-1} has not full column rank: then no such chain exists in general.
    """
    F = [real_array(f"F_{layer}", f, 2) for layer, f in _listed("feedback", feedback, 1)]
    matching_shapes(
        {f"F_{layer}": (f, (f"n_{layer}", "n_L")) for layer, f in enumerate(F, start=1)}
    )
    for layer, above in enumerate(F[1:], start=2):
        rank = int(np.linalg.matrix_rank(above))
        if rank < above.shape[1]:
            raise RegimeError(
                f"F_{layer} of shape {above.shape} has rank {rank}; layered feedback that equals "
                f"direct feedback needs full column rank {above.shape[1]} above the first layer"
            )
    # B F_above = F_low is solved so, as F^+ F = I for full column rank.
    return [low @ np.linalg.pinv(above) for low, above in pairwise(F)] + F[-1:]


def partial_products(
    weights: Sequence[Float[np.ndarray, "*time _ _"]],
) -> list[Float[np.ndarray, "*time _ _"]]:
    """Return W_1, W_2 W_1, ..., W_L ... W_1; with times in front, at every time."""
    return list(accumulate(weights, lambda below, W: W @ below))


def _listed(name: str, given: Sequence[ArrayLike], start: int) -> Iterator[tuple[int, ArrayLike]]:
    """Count through a list of matrices; what is none, such as None, is refused."""
    try:
        return enumerate(iter(given), start=start)
    except TypeError as error:
        raise ArrayError(
            f"{name} must list matrices, one for a layer; got {given!r:.80}"
        ) from error


def _same_number(what: str, given: Sequence[np.ndarray], weights: Sequence[Matrix]) -> None:
    if len(given) != len(weights) - 1:
        raise ArrayError(
            f"feedback must list {what}: {len(weights) - 1} matrices for {len(weights)} layers; "
            f"got {len(given)}"
        )
