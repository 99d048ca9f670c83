r"""The algebra of the reduced state: products of layers, their error, and how it moves.

The columns of :math:`W_l \cdots W_1` stay in the range of :math:`U_l`, so a product of layers is
a small matrix of coordinates. One layer takes coordinates C in :math:`U_{l-1}` to coordinates

.. math:: W_l U_{l-1} C = U_l \begin{bmatrix} a C \\ \Xi_l M_{l-1} C \end{bmatrix}

in :math:`U_l`, where a = 1 without weight decay. Derived for this project.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.theory.deep_reduction.grams import DeepGrams

Unknowns = Sequence[Float[np.ndarray, "*time n_o _"]]
"""Xi_1 ... Xi_L, of shapes (n_o, n_i + (l - 1) n_o)."""
Shrink = float | Float[np.ndarray, "*time 1 1"]
"""a; at several times an array with two axes of length 1 behind."""


class LayerProducts(NamedTuple):
    """Products of layers in coordinates.

    Attributes
    ----------
    Y : list of arrays of shape (n_i + l n_o, n_i)
        Coordinates of W_l ... W_1 in U_l, for l = 0 ... L - 1; the first is the identity.
    product : array of shape (n_o, n_i)
        W_L ... W_1.
    """

    Y: list[np.ndarray]
    product: np.ndarray


def layer_products(grams: DeepGrams, Xi: Unknowns, shrink: Shrink = 1.0) -> LayerProducts:
    """Multiply the layers up from the input.

    Parameters
    ----------
    grams : DeepGrams
        Of the start.
    Xi : sequence of arrays
        The unknowns; leading axes are times.
    shrink : float or array
        a, what weight decay has left of the start weights; 1 without.
    """
    *lead, _, _ = Xi[0].shape
    Y = [np.broadcast_to(np.eye(grams.n_i), (*lead, grams.n_i, grams.n_i))]
    for M, X in zip(grams.M[:-1], Xi[:-1], strict=True):
        Y.append(np.concatenate([shrink * Y[-1], X @ (M @ Y[-1])], axis=-2))
    return LayerProducts(Y, _through_the_last(grams, Xi, Y[-1], shrink))


def path_from_feedback(grams: DeepGrams, Xi: Unknowns, shrink: Shrink = 1.0) -> list[np.ndarray]:
    r"""Return :math:`P_l = W_L \cdots W_{l+1} F_l` for l = 1 ... L, of shape (n_o, n_o).

    They say what the output makes of a step :math:`F_l \,\delta\Xi_l U_{l-1}^\top` of layer l.
    F_l is the last n_o columns of U_l. All layers start at once: the coordinates of several
    F_l stand side by side while they pass a layer.
    """
    n_o, eye = grams.n_o, np.eye(grams.n_o)
    *lead, _, _ = Xi[0].shape
    # No columns at first: layer 1 has no feedback from below it.
    coordinates = np.zeros((*lead, grams.n_i, 0))
    for M, X in zip(grams.M[:-1], Xi[:-1], strict=True):
        passed = np.concatenate([shrink * coordinates, X @ (M @ coordinates)], axis=-2)
        own = np.zeros((*passed.shape[:-1], n_o))
        own[..., -n_o:, :] = eye
        coordinates = np.concatenate([passed, own], axis=-1)
    below = _through_the_last(grams, Xi, coordinates, shrink)
    parts = [below[..., i * n_o : (i + 1) * n_o] for i in range(grams.layers - 1)]
    return [*parts, np.broadcast_to(eye, (*lead, n_o, n_o))]


def _through_the_last(
    grams: DeepGrams, Xi: Unknowns, coordinates: np.ndarray, shrink: Shrink
) -> np.ndarray:
    return shrink * (grams.N @ coordinates) + Xi[-1] @ (grams.M[-1] @ coordinates)
