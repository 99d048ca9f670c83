"""The closure of the deep reduction, proven layer by layer for matrices of any size."""

import sympy as sp

from fatheory.theory.symbolic.proof import Proof, proven, reduce_matrices

n, m, k, n_o, n_i = sp.symbols("n m k n_o n_i", integer=True, positive=True)


def deep_reduction_layer() -> Proof:
    r"""Prove :math:`W_l U_{l-1} Y_{l-1} = U_l Y_l` for one layer, and that a step keeps the form.

    With :math:`W_l = A_l + F_l \Xi_l U_{l-1}^\top`, :math:`U_l = [A_l U_{l-1}, F_l]` and
    :math:`Y_l = [Y_{l-1}; \Xi_l M_{l-1} Y_{l-1}]`, :math:`M_{l-1} = U_{l-1}^\top U_{l-1}`; a step
    :math:`\Delta W_l = F_l P (U_{l-1} Y_{l-1})^\top` is :math:`\Delta\Xi_l = P Y_{l-1}^\top`. By
    induction from U_0 = Y_0 = I it holds at every layer.

    Raises
    ------
    ProofError
        If a side differs.
    """
    A, F = sp.MatrixSymbol("A_l", n, m), sp.MatrixSymbol("F_l", n, n_o)
    U, Y = sp.MatrixSymbol("U_{l-1}", m, k), sp.MatrixSymbol("Y_{l-1}", k, n_i)
    Xi, P = sp.MatrixSymbol("Xi_l", n_o, k), sp.MatrixSymbol("P", n_o, n_i)
    W = A + F * Xi * U.T
    below = U * Y
    # The blocks of U_l Y_l, multiplied out.
    stacked = A * U * Y + F * (Xi * U.T * U * Y)
    moved = F * P * below.T - F * (P * Y.T) * U.T
    product = sp.MatrixSymbol("W_l", n, m)
    statement = sp.Eq(product * U * Y, A * U * Y + F * Xi * U.T * U * Y, evaluate=False)
    return proven("deep_reduction.layer", statement, [W * below - stacked, moved], reduce_matrices)
