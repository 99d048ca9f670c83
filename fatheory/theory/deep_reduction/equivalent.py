r"""A small network with the inner products of an infinitely wide deep one, and with its signals.

Forward, the columns of :math:`U_l` (`hidden_columns`) are all that is ever met, and in the limit
:math:`A_l` turns them without mixing: :math:`U_l^\top U_l = \mathrm{diag}(a_l M_{l-1}, g_l I)`.
Backward, backprop sends :math:`z_{l-1} = W_l^\top z_l`. Given :math:`A_l U_{l-1}`, the rest of A_l
is independent of z_l, so that it sends a vector orthogonal to :math:`U_{l-1}`, of the length
:math:`\sqrt{n_{l-1} \mathrm{Var} A_l}\,|z_l|`. With orthogonal blocks for all of these,

.. math:: A_l = [\sqrt{a_l}\, J_l,\; \rho_l I],\qquad \rho_l^2 = n_{l-1} \mathrm{Var} A_l,

J_l an embedding, the finite network has the limit's products of layers, errors and signals, forward
and back. Norms of whole matrices are not among them: between wide layers they have no limit.
Derived for this project.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Matrix = Float[np.ndarray, "_ _"]


def equivalent_network(
    n_i: int,
    n_o: int,
    weight_squares: Sequence[float],
    transposed_squares: Sequence[float],
    feedback_squares: Sequence[float],
    *,
    direct: bool = False,
) -> tuple[list[Matrix], list[Matrix]]:
    r"""Return start A_1 ... A_L and feedback B_2 ... B_L, or F_1 ... F_{L-1}, of the network.

    Parameters
    ----------
    n_i, n_o : int
        Inputs and outputs.
    weight_squares : sequence of float
        a_1 ... a_{L-1}: n_l times the variance of an entry of A_l, by which A_l multiplies squared
        lengths.
    transposed_squares : sequence of float
        :math:`\rho_2^2 \ldots \rho_L^2`: n_{l-1} times the variance of an entry of A_l, by which
        its transpose does.
    feedback_squares : sequence of float
        b_2 ... b_L, by which B_l multiplies squared lengths; or g_1 ... g_{L-1}, by which F_l does.
    direct : bool
        Whether the output feeds back to every hidden layer by an F_l of its own.

    Returns
    -------
    weights : list of arrays
        A_l of shape (n_l, n_{l-1}), of hidden layers with n_l = n_i + l n_o + n_{l+1} units.
    feedback : list of arrays
        B_l of shape (n_{l-1}, n_l), or F_l of shape (n_l, n_L).
    """
    L = len(weight_squares) + 1
    columns = [n_i + layer * n_o for layer in range(L)]  # of U_0 ... U_{L-1}
    units = [n_o]
    for layer in range(L - 1, 0, -1):
        # What W_{l+1}^T sends beside the span of U_l needs a direction for every unit above.
        units.insert(0, columns[layer] + units[0])
    units.insert(0, n_i)
    weights, feedback = [], []
    for layer in range(1, L + 1):
        A = np.zeros((units[layer], units[layer - 1]))
        if layer < L:
            # The same coordinates on: the embedding J_l turns nothing, so that blocks meet only
            # their own.
            A[: columns[layer - 1], : columns[layer - 1]] = np.sqrt(
                weight_squares[layer - 1]
            ) * np.eye(columns[layer - 1])
        if layer > 1:
            A[:, columns[layer - 1] :] = np.sqrt(transposed_squares[layer - 2]) * np.eye(len(A))
        weights.append(A)
    for layer in range(2, L + 1):
        B = np.zeros((units[layer - 1], n_o if direct else units[layer]))
        # F_l is the last n_o columns of U_l; at the output it is the identity.
        last = n_o if direct or layer == L else columns[layer]
        B[columns[layer - 1] - n_o : columns[layer - 1], last - n_o : last] = np.sqrt(
            feedback_squares[layer - 2]
        ) * np.eye(n_o)
        feedback.append(B)
    return weights, feedback
