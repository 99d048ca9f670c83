"""What learning conserves at every hidden layer, and by how much one discrete step changes it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from fatheory.arrays import ArrayLike
from fatheory.checks import matching_shapes, real_array
from fatheory.errors import ArrayError, UnknownNameError
from fatheory.geometry import feedback_invariant
from fatheory.theory.layers import layered_feedback, network_weights

Matrices = tuple[Float[np.ndarray, "_ _"], ...]
Vectors = tuple[Float[np.ndarray, " _"], ...]

# Rules whose feedback follows from W otherwise, such as usf, conserve no such matrix.
_RULES = ("backprop", "feedback_alignment")


def layer_invariants(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike] | None = None,
    *,
    rule: str = "feedback_alignment",
) -> Matrices:
    r"""Compute what the flow of a linear network conserves at hidden layers 1 to L - 1.

    .. math:: C_l &= B_{l+1} W_{l+1} + (B_{l+1} W_{l+1})^\top - W_l W_l^\top
              &&\text{(feedback alignment)}\\
              D_l &= W_{l+1}^\top W_{l+1} - W_l W_l^\top &&\text{(backprop)}

    Constant for any depth, input covariance, loss and error signal, since both neighbours of
    layer l learn from the same signals: with :math:`\Delta W_{l+1} = P W_l^\top` and
    :math:`\Delta W_l = B_{l+1} P`, :math:`\Delta W_l W_l^\top = B_{l+1} \Delta W_{l+1}`. Direct
    feedback alignment conserves :math:`C_l` with the matrices of
    `layers.layered_from_direct`. Plain SGD: momentum and weight decay break the law.

    Parameters
    ----------
    weights : sequence of arrays
        W_1 ... W_L, W_l of shape (n_l, n_{l-1}).
    feedback : sequence of arrays, optional
        B_2 ... B_L, B_l of shape (n_{l-1}, n_l); required by feedback alignment, unused by
        backprop.
    rule : {"feedback_alignment", "backprop"}
        Rule.

    Returns
    -------
    tuple of arrays of shape (n_l, n_l)
        One per hidden layer.

    Raises
    ------
    ArrayError
        If there is no hidden layer, or arrays are missing, not finite or do not fit.
    UnknownNameError
        If the rule is another.

    References
    ----------
    Lillicrap et al. 2016, Supplementary Note 11, for one hidden layer; Saxe, McClelland & Ganguli
    2014, arXiv 1312.6120, for backprop; any depth: derived for this project.
    """
    W = network_weights(weights, at_least=2)
    if _is_backprop(rule):
        return tuple(above.T @ above - low @ low.T for low, above in pairwise(W))
    B = layered_feedback(_required(feedback), W)
    return tuple(
        feedback_invariant(low, above, b) for low, above, b in zip(W, W[1:], B, strict=False)
    )


def layer_invariant_changes(
    updates: Sequence[ArrayLike], *, rule: str = "feedback_alignment"
) -> Matrices:
    r"""Compute by how much one simultaneous update changes `layer_invariants`, exactly.

    .. math:: \Delta C_l = -\Delta W_l \Delta W_l^\top,\qquad
              \Delta D_l = \Delta W_{l+1}^\top \Delta W_{l+1} - \Delta W_l \Delta W_l^\top

    Holds at any learning rate (the same in both neighbours of layer l), for any batch and error
    signal, noise included. The drift over a fixed time is therefore O(eta).

    Parameters
    ----------
    updates : sequence of arrays
        :math:`\Delta W_1 \ldots \Delta W_L` of one step.
    rule : {"feedback_alignment", "backprop"}
        Rule.

    Returns
    -------
    tuple of arrays of shape (n_l, n_l)
        One per hidden layer.

    Raises
    ------
    ArrayError
        If there is no hidden layer, or arrays are not finite or do not fit.
    UnknownNameError
        If the rule is another.

    References
    ----------
    Derived for this project.
    """
    D = network_weights(updates, at_least=2)
    from_above = (
        [above.T @ above for above in D[1:]]
        if _is_backprop(rule)
        # B W is linear in W, and its change of first order cancels with that of W W^T below.
        else [np.zeros((len(low), len(low))) for low in D[:-1]]
    )
    return tuple(square - low @ low.T for square, low in zip(from_above, D[:-1], strict=True))


def unit_invariants(
    weights: Sequence[ArrayLike],
    feedback: Sequence[ArrayLike] | None = None,
    biases: Sequence[ArrayLike] | None = None,
    *,
    rule: str = "feedback_alignment",
) -> Vectors:
    r"""Compute what is conserved unit by unit when units are rectified.

    .. math:: c_{l,i} = 2 (B_{l+1} W_{l+1})_{ii} - |w_{l,i}|^2 - b_{l,i}^2

    and :math:`|W_{l+1,\cdot i}|^2` in the place of the first term for backprop. Holds wherever
    the activation is positively homogeneous, :math:`\phi(z) = \phi'(z) z` (linear, ReLU, leaky
    ReLU, with any value of :math:`\phi'(0)`): of the matrix law the diagonal survives. A bias is a
    weight from a constant input 1 (derived for this project; Robertson & Koyejo 2023, arXiv
    2306.01870, have the trace).

    Parameters
    ----------
    weights : sequence of arrays
        W_1 ... W_L, W_l of shape (n_l, n_{l-1}).
    feedback : sequence of arrays, optional
        B_2 ... B_L, B_l of shape (n_{l-1}, n_l); required by feedback alignment, unused by
        backprop.
    biases : sequence of arrays, optional
        b_1 ... b_L, b_l of shape (n_l,); without them, a network without biases.
    rule : {"feedback_alignment", "backprop"}
        Rule.

    Returns
    -------
    tuple of arrays of shape (n_l,)
        One per hidden layer.

    Raises
    ------
    ArrayError
        If there is no hidden layer, or arrays are missing, not finite or do not fit.
    UnknownNameError
        If the rule is another.
    """
    # The matrix law holds of linear layers only; its diagonal needs no more than phi(z) = phi'(z)
    # z.
    diagonals = [np.diagonal(C) for C in layer_invariants(weights, feedback, rule=rule)]
    squares = _squares(biases, network_weights(weights))
    return tuple(c - square for c, square in zip(diagonals, squares, strict=False))


def unit_invariant_changes(
    updates: Sequence[ArrayLike],
    bias_updates: Sequence[ArrayLike] | None = None,
    *,
    rule: str = "feedback_alignment",
) -> Vectors:
    r"""Compute by how much one simultaneous update changes `unit_invariants`, exactly.

    .. math:: \Delta c_{l,i} = -|\Delta w_{l,i}|^2 - \Delta b_{l,i}^2

    and :math:`|\Delta W_{l+1,\cdot i}|^2` added for backprop; at any learning rate, for any batch
    and loss.

    Parameters
    ----------
    updates : sequence of arrays
        :math:`\Delta W_1 \ldots \Delta W_L` of one step.
    bias_updates : sequence of arrays, optional
        :math:`\Delta b_1 \ldots \Delta b_L`, of shapes (n_l,).
    rule : {"feedback_alignment", "backprop"}
        Rule.

    Returns
    -------
    tuple of arrays of shape (n_l,)
        One per hidden layer.

    Raises
    ------
    ArrayError
        If there is no hidden layer, or arrays are not finite or do not fit.
    UnknownNameError
        If the rule is another.

    References
    ----------
    Derived for this project.
    """
    diagonals = [np.diagonal(C) for C in layer_invariant_changes(updates, rule=rule)]
    squares = _squares(bias_updates, network_weights(updates))
    return tuple(c - square for c, square in zip(diagonals, squares, strict=False))


def _is_backprop(rule: str) -> bool:
    if rule not in _RULES:
        raise UnknownNameError("rule with a layer-wise invariant", rule, _RULES)
    return rule == "backprop"


def _required(feedback: Sequence[ArrayLike] | None) -> Sequence[ArrayLike]:
    if feedback is None:
        raise ArrayError(
            "the invariants of feedback alignment need feedback = [B_2 ... B_L]; got None "
            "(for backprop, say rule='backprop')"
        )
    return feedback


def _squares(
    biases: Sequence[ArrayLike] | None, weights: Sequence[np.ndarray]
) -> list[Float[np.ndarray, " _"]]:
    """Return the squared biases of each layer, zeros without biases."""
    if biases is None:
        return [np.zeros(len(W)) for W in weights]
    b = [real_array(f"b_{layer}", value, 1) for layer, value in enumerate(biases, start=1)]
    if len(b) != len(weights):
        raise ArrayError(f"biases must list one vector per layer, {len(weights)}; got {len(b)}")
    for layer, (value, W) in enumerate(zip(b, weights, strict=True), start=1):
        matching_shapes(
            {f"W_{layer}": (W, (f"n_{layer}", "_")), f"b_{layer}": (value, (f"n_{layer}",))}
        )
    return [value**2 for value in b]
