r"""What the reduction knows of the hidden layers: inner products over their units."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fatheory.theory.layers import Matrix


class DeepGrams(NamedTuple):
    r"""Inner products of the columns that span the hidden layers.

    With :math:`U_0 = I` and :math:`U_l = [A_l U_{l-1},\; F_l]`, of shape (n_l, n_i + l n_o).

    Attributes
    ----------
    M : tuple of arrays of shape (n_i + l n_o, n_i + l n_o)
        :math:`M_l = U_l^\top U_l` for l = 0 ... L - 1; the first is the identity.
    N : array of shape (n_o, n_i + (L - 1) n_o)
        :math:`A_L U_{L-1}`: what the start of the last layer makes of these columns.
    """

    M: tuple[Float[np.ndarray, "_ _"], ...]
    N: Float[np.ndarray, "n_o _"]

    @property
    def layers(self) -> int:
        """Number of weight layers L."""
        return len(self.M)

    @property
    def n_o(self) -> int:
        """Number of outputs."""
        return self.N.shape[0]

    @property
    def n_i(self) -> int:
        """Number of inputs."""
        return self.M[0].shape[0]


def hidden_columns(weights: Sequence[Matrix], feedback: Sequence[Matrix]) -> list[Matrix]:
    """Return U_0 ... U_{L-1}.

    Parameters
    ----------
    weights : sequence of arrays
        Start A_1 ... A_L, A_l of shape (n_l, n_{l-1}).
    feedback : sequence of arrays
        F_1 ... F_{L-1}, from the output to the hidden layers, F_l of shape (n_l, n_L).
    """
    columns = [np.eye(weights[0].shape[1])]
    for A, F in zip(weights, feedback, strict=False):  # the last layer has no F of its own
        # The first columns go on from below, the last n_o are F's: `path_from_feedback` counts on
        # it.
        columns.append(np.hstack([A @ columns[-1], F]))
    return columns


def deep_grams(weights: Sequence[Matrix], feedback: Sequence[Matrix]) -> DeepGrams:
    """Return the inner products of a network's start; arguments as of `hidden_columns`."""
    columns = hidden_columns(weights, feedback)
    return DeepGrams(tuple(U.T @ U for U in columns), weights[-1] @ columns[-1])
