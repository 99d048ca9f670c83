"""The exact reduction: hidden width leaves the problem, for matrices of any size."""

import sympy as sp

from fatheory.theory.symbolic.invariant import B, P, n_h, n_i, n_o
from fatheory.theory.symbolic.proof import Proof, proven, reduce_matrices

A0, Wi = sp.MatrixSymbol("A_0", n_h, n_i), sp.MatrixSymbol("W_i", n_o, n_h)
X, Y = sp.MatrixSymbol("X", n_o, n_i), sp.MatrixSymbol("Y", n_o, n_o)


def reduction_step() -> Proof:
    """Prove that W0 = A0 + B X, W = Wi + X A0^T + Y B^T solves feedback alignment.

    With dX = P and dY = P X^T (X before the step), P any correlation of errors and inputs, the
    reconstructed weights change by B P and P W0^T: a discrete step and, with rates for changes,
    the flow.

    Raises
    ------
    ProofError
        If the reconstructed weights change otherwise.
    """
    W0 = A0 + B * X
    dX, dY = P, P * X.T
    differences = [B * dX - B * P, dX * A0.T + dY * B.T - P * W0.T]
    dots = sp.MatrixSymbol(r"\dot{X}", n_o, n_i), sp.MatrixSymbol(r"\dot{Y}", n_o, n_o)
    statement = sp.Eq(dots[0] * A0.T + dots[1] * B.T, P * (A0 + B * X).T, evaluate=False)
    return proven("reduction.step", statement, differences, reduce_matrices)


def reduction_closure() -> Proof:
    """Prove that W W0 needs only B^T B, A0^T B, Wi A0, Wi B and A0^T A0 beside X and Y.

    Every occurrence of n_h in these five products is a summation index, so hidden width has left
    the problem.

    Raises
    ------
    ProofError
        If the product is another.
    """
    full = (Wi + X * A0.T + Y * B.T) * (A0 + B * X)
    direct = (Wi * A0) + (Wi * B) * X
    through_start = X * (A0.T * A0) + X * (A0.T * B) * X
    through_feedback = Y * (A0.T * B).T + Y * (B.T * B) * X
    reduced = direct + through_start + through_feedback
    weights = sp.MatrixSymbol("W", n_o, n_h), sp.MatrixSymbol("W_0", n_h, n_i)
    statement = sp.Eq(weights[0] * weights[1], reduced, evaluate=False)
    return proven("reduction.closure", statement, full - reduced, reduce_matrices)
